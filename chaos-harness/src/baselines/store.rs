//! The file of baselines.
//!
//! It is written by hand-made lines, because people read it in reviews: the figures stand beside the
//! values, and only the values are read again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::baseline::LEAST_SAMPLES;
use chaos_core::machine::Machine;
use serde::Deserialize;
use toml::Spanned;

use crate::config::Mistake;
use crate::file_lock;

mod text;

/// The version of the format. In version 1 values were single runs, one right after another.
const VERSION: u32 = 2;

/// All that a file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Store {
    machines: Vec<OfMachine>,
}

/// What was measured on one kind of machine.
#[derive(Debug, Clone, PartialEq)]
struct OfMachine {
    /// `debug` or `release`.
    build: String,
    /// The machine, as it was when something of it was saved last.
    state: Machine,
    metrics: Vec<Metric>,
}

/// What was measured of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    /// The test that measures it, unless it is measured elsewhere.
    pub(super) test: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// On which day.
    pub(super) saved: Option<String>,
    /// The state of the machine at the time.
    pub(super) beside: Option<String>,
    /// The values, in nanoseconds.
    pub(super) samples_ns: Vec<u64>,
}

impl Metric {
    pub(super) fn seconds(&self) -> Vec<f64> {
        let seconds = |ns: &u64| Duration::from_nanos(*ns).as_secs_f64();
        self.samples_ns.iter().map(seconds).collect()
    }

    /// Whether both are of the same thing.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (&self.test, &self.name) == (&other.test, &other.name)
    }

    /// Its name, after that of its test.
    pub(super) fn full_name(&self) -> String {
        match &self.test {
            Some(test) => format!("{test}: {}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Why baselines could not be saved or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No test that passed had measured anything.
    #[error(
        "no baseline was measured by a test that passed; measure one with `cx.baseline(\"checkout\", \
         async || pool.get().await).await?`"
    )]
    NothingMeasured,
    /// The machine could not carry any test that measured.
    #[error(
        "{test} and all others measured on an overloaded machine, which says nothing: {reason}"
    )]
    Overloaded {
        /// One of the tests.
        test: String,
        /// What was wrong with the machine.
        reason: String,
    },
    /// There is no file yet.
    #[error("there are no baselines in {}; `--chaos-baseline save` writes them", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file has nothing of such a machine.
    #[error(
        "the baselines in {} are not of a machine like this one, so nothing is compared: {}; \
         `--chaos-baseline save` adds those of this machine", path.display(), differences.join("; or: ")
    )]
    NotComparable {
        /// The file.
        path: PathBuf,
        /// What is different about each machine in it.
        differences: Vec<String>,
    },
    /// The file has none of what was measured.
    #[error(
        "{} has no baseline of what was measured ({}); `--chaos-baseline save` adds them",
        path.display(), unknown.join(", ")
    )]
    NothingStored {
        /// The file.
        path: PathBuf,
        /// What was measured.
        unknown: Vec<String>,
    },
    /// The file is not what is written into it.
    #[error("{place_and_reason}")]
    Malformed {
        /// Where, with line and column, and why.
        place_and_reason: String,
    },
    /// The file has values of another kind.
    #[error(
        "{} has version {version}, whose values are single runs in a row and not to be compared with \
         those of rounds that are taken now; remove it, and let `--chaos-baseline save` write it anew on \
         each machine that it is for", path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file is of a newer version of the library.
    #[error("{} has version {version}, and this library reads up to {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file cannot be read or written.
    #[error("failed to {action} {}", path.display())]
    File {
        /// What was to be done to it.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<Mistake> for StoreError {
    fn from(mistake: Mistake) -> Self {
        Self::Malformed { place_and_reason: mistake.to_string() }
    }
}

impl StoreError {
    fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

/// The file as it is written. What is for people only is not read.
#[derive(Deserialize)]
struct FileText {
    version: u32,
    #[serde(default)]
    machine: Vec<MachineText>,
}

#[derive(Deserialize)]
struct MachineText {
    build: String,
    state: Machine,
    #[serde(default)]
    metric: Vec<MetricText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MetricText {
    test: Option<String>,
    name: String,
    saved: Option<String>,
    beside: Option<String>,
    samples_ns: Spanned<Vec<u64>>,
}

impl Store {
    /// Reads a file; nothing if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood, or something in it has too few values.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::file("read", path)(error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, StoreError> {
        let file: FileText = toml::from_str(text).map_err(|error| {
            // Only the first line says what is wrong; the rest draws the place.
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            Mistake::at(path, text, &error.span().unwrap_or_default(), message)
        })?;
        if file.version > VERSION {
            return Err(StoreError::TooNew { path: path.to_owned(), version: file.version });
        }
        if file.version < VERSION {
            return Err(StoreError::TooOld { path: path.to_owned(), version: file.version });
        }
        let metric = |metric: MetricText| {
            let MetricText { test, name, saved, beside, samples_ns } = metric;
            let (span, samples_ns) = (samples_ns.span(), samples_ns.into_inner());
            if samples_ns.len() < LEAST_SAMPLES {
                let count = samples_ns.len();
                let message = format!(
                    "`{name}` has {count} values, and a baseline takes at least {LEAST_SAMPLES}; \
                     `--chaos-baseline save` measures it again"
                );
                return Err(Mistake::at(path, text, &span, message));
            }
            Ok(Metric { test, name, saved, beside, samples_ns })
        };
        let machine = |machine: MachineText| {
            let metrics = machine.metric.into_iter().map(metric).collect::<Result<_, _>>()?;
            Ok(OfMachine { build: machine.build, state: machine.state, metrics })
        };
        let machines = file.machine.into_iter().map(machine).collect::<Result<_, Mistake>>()?;
        Ok(Self { machines })
    }

    /// What it has of a machine like this one, and the state of that.
    pub(super) fn of(
        &self,
        path: &Path,
        machine: &Machine,
    ) -> Result<(&[Metric], &Machine), StoreError> {
        let found = self.machines.iter().find(|stored| stored.differences(machine).is_empty());
        let found = found.ok_or_else(|| StoreError::NotComparable {
            path: path.to_owned(),
            differences: self
                .machines
                .iter()
                .map(|it| it.differences(machine).join(", "))
                .collect(),
        })?;
        Ok((&found.metrics, &found.state))
    }

    /// Puts what was measured on this machine into the place of what it has of the same things, and
    /// keeps what was not measured this time.
    pub(super) fn put(&mut self, machine: &Machine, measured: &[Metric]) {
        let place = self.machines.iter().position(|it| it.differences(machine).is_empty());
        let place = place.unwrap_or_else(|| {
            let (build, state, metrics) = (build().to_owned(), machine.clone(), Vec::new());
            self.machines.push(OfMachine { build, state, metrics });
            self.machines.len() - 1
        });
        let stored = &mut self.machines[place];
        stored.state = machine.clone();
        stored.metrics.retain(|old| measured.iter().all(|new| !new.is_of(old)));
        stored.metrics.extend(measured.iter().cloned());
        stored.metrics.sort_by(|a, b| (&a.test, &a.name).cmp(&(&b.test, &b.name)));
    }

    /// Reads the file, changes it, and writes it, while no other process does: under nextest each test
    /// is one.
    pub(super) fn change(path: &Path, change: impl FnOnce(&mut Self)) -> Result<(), StoreError> {
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(StoreError::file("make the directory of", path))?;
        // A directory can be locked, and nothing is left behind in what is committed. Where it cannot
        // be opened, as on Windows, nobody is kept apart.
        let lock = fs::File::open(directory).ok();
        if let Some(lock) = &lock {
            file_lock::exclusive(lock).map_err(StoreError::file("lock the directory of", path))?;
        }
        let mut store = Self::read(path)?.unwrap_or_default();
        change(&mut store);
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, store.to_text()).map_err(StoreError::file("write", &temporary))?;
        fs::rename(&temporary, path).map_err(StoreError::file("replace", path))
    }
}

impl OfMachine {
    /// What is different about it, that times depend on.
    fn differences(&self, here: &Machine) -> Vec<String> {
        let mut differences = here.differences(&self.state);
        if self.build != build() {
            differences.push(format!("build {}, here {}", self.build, build()));
        }
        differences
    }
}

/// Which kind of build this is.
const fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
