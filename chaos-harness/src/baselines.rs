//! What `--chaos-baseline save|compare` does with the baselines that tests measure.
//!
//! They are kept in `chaos-baselines/<test binary>.toml` beside the manifest of the package, to be
//! committed. The file has a part for each kind of machine, because times of one say nothing about
//! another: what is measured on a machine that the file does not know is not compared, and that is
//! an error. `docs/baselines.md` is for users.

use std::path::{Path, PathBuf};

use chaos_core::baseline::{Change, Comparison, Pair, compare};
use parking_lot::Mutex;

pub mod host;
mod render;
pub mod store;

use self::host::Host;
use self::store::{Store, StoreError, Stored};
use crate::run_event::BaselineSummary;

/// What to do with baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write them down.
    Save,
    /// Compare them with what was written down.
    Compare,
}

impl Mode {
    /// `save` or `compare`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "save" => Some(Self::Save),
            "compare" => Some(Self::Compare),
            _ => None,
        }
    }
}

/// What was measured in a run.
#[derive(Debug, Default)]
pub struct Measured {
    all: Mutex<Vec<Stored>>,
}

impl Measured {
    /// Adds what a test measured.
    pub(crate) fn add(&self, test: &str, baselines: &[BaselineSummary]) {
        for baseline in baselines {
            self.push(&format!("{test}: {}", baseline.name), &baseline.samples_ns);
        }
    }

    /// Adds the values of one thing that was measured, in nanoseconds.
    pub fn push(&self, name: &str, samples_ns: &[u64]) {
        self.all.lock().push(Stored { name: name.to_owned(), samples_ns: samples_ns.to_vec() });
    }

    /// Saves or compares everything, and says what came of it.
    ///
    /// # Errors
    ///
    /// When nothing was measured, the file cannot be read or written, or has nothing of a machine
    /// like this one or of anything that was measured.
    pub fn conclude(&self, mode: Mode, path: &Path, host: &Host) -> Result<Conclusion, StoreError> {
        let measured = self.all.lock();
        if measured.is_empty() {
            return Err(StoreError::NothingMeasured);
        }
        match mode {
            Mode::Save => {
                let mut store = Store::read(path)?.unwrap_or_default();
                store.put(host, &measured);
                store.write(path)?;
                Ok(Conclusion::Saved { path: path.to_owned(), count: measured.len() })
            }
            Mode::Compare => {
                let store = Store::read(path)?;
                let store = store.ok_or_else(|| StoreError::NoFile { path: path.to_owned() })?;
                let stored = store.of(path, host)?;
                let (comparisons, unknown) = compare_all(stored, &measured);
                if comparisons.is_empty() {
                    return Err(StoreError::NothingStored { path: path.to_owned(), unknown });
                }
                Ok(Conclusion::Compared { comparisons, unknown })
            }
        }
    }
}

fn compare_all(stored: &[Stored], measured: &[Stored]) -> (Vec<Comparison>, Vec<String>) {
    let mut unknown = Vec::new();
    let mut both = Vec::new();
    for new in measured {
        match stored.iter().find(|stored| stored.name == new.name) {
            Some(stored) => both.push((new.name.as_str(), stored.seconds(), new.seconds())),
            None => unknown.push(new.name.clone()),
        }
    }
    let pairs: Vec<Pair<'_>> =
        both.iter().map(|(name, base, new)| Pair { name, base, new }).collect();
    (compare(&pairs), unknown)
}

/// What came of the baselines of a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Conclusion {
    /// They were written down.
    Saved {
        /// Where.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// They were compared.
    Compared {
        /// All comparisons.
        comparisons: Vec<Comparison>,
        /// What was measured and is not in the file.
        unknown: Vec<String>,
    },
}

impl Conclusion {
    /// Whether anything became slower.
    #[must_use]
    pub fn has_regressed(&self) -> bool {
        match self {
            Self::Saved { .. } => false,
            Self::Compared { comparisons, .. } => {
                comparisons.iter().any(|comparison| comparison.change == Change::Slower)
            }
        }
    }
}

/// Where the baselines of a test binary are kept.
pub(crate) fn path_of(target: &str) -> PathBuf {
    // cargo and nextest set it, and run tests in it.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    package.join("chaos-baselines").join(format!("{target}.toml"))
}

#[cfg(test)]
mod tests;
