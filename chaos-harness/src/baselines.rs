//! What `--chaos-baseline save|compare` does with the baselines that tests measure.
//!
//! They are kept in `chaos-baselines/<test binary>.toml` beside the manifest of the package, to be
//! committed. The file has a part for each kind of machine, because times of one say nothing about
//! another. On a machine that the file does not know nothing is compared, and that is an error.
//! `docs/baselines.md` is for users.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::baseline::Baseline;
use chaos_core::duration::{Display, rounded};
use chaos_core::machine::Machine;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

mod comparison;
mod conclusion;
mod criteria;
mod figures;
mod store;

pub use self::conclusion::{BaselineCompared, Conclusion};
pub use self::criteria::Criteria;
pub use self::figures::{BaselineFigures, Range};
pub use self::store::StoreError;

use self::store::{Metric, Store};
use crate::quarantine::Date;
use crate::report::words::one_line;
use crate::run_event::AttemptEnded;

/// What to do with baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Write them down.
    Save,
    /// Compare them with what was written down.
    Compare,
}

impl Mode {
    /// The words for them.
    pub(crate) const ALL: [(&'static str, Self); 2] =
        [("save", Self::Save), ("compare", Self::Compare)];

    /// `save` or `compare`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(word, _)| *word == text).map(|(_, mode)| mode)
    }
}

/// Everything that was measured in a run.
#[derive(Debug, Default)]
pub struct Measured {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    metrics: Vec<Metric>,
    /// The tests that passed on a machine that could carry them.
    tests: BTreeSet<String>,
    /// What was measured and is not used, and why.
    left_out: BTreeMap<String, String>,
}

impl Measured {
    /// Adds what was measured elsewhere than in a test.
    pub fn push(&self, baseline: &Baseline) {
        let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let samples_ns = baseline.durations().iter().map(nanos).collect();
        self.taken.lock().put(Metric {
            test: None,
            name: baseline.name().to_owned(),
            saved: Some(Date::today().to_string()),
            beside: None,
            samples_ns,
        });
    }

    /// Adds what an attempt measured that passed. On an overloaded machine it measured that.
    pub(crate) fn add(&self, attempt: &AttemptEnded) {
        let mut taken = self.taken.lock();
        let beyond = attempt.resources.as_ref().map_or(&[][..], |resources| &resources.beyond);
        if let Some(clause) = beyond.first() {
            if !attempt.summary.baselines.is_empty() {
                taken.left_out.insert(attempt.test.clone(), one_line(clause));
            }
            return;
        }
        taken.tests.insert(attempt.test.clone());
        let beside = beside(attempt);
        for baseline in &attempt.summary.baselines {
            taken.put(Metric {
                test: Some(attempt.test.clone()),
                name: baseline.name.clone(),
                saved: Some(Date::today().to_string()),
                beside: beside.clone(),
                samples_ns: baseline.samples_ns.clone(),
            });
        }
    }

    /// Writes everything into the file at `path`, in the place of what it has of the same things and of
    /// a machine like this one.
    ///
    /// # Errors
    ///
    /// When nothing was measured, or the file cannot be read, understood or written.
    pub fn save(&self, path: &Path, machine: &Machine) -> Result<Conclusion, StoreError> {
        let taken = self.taken.lock();
        taken.has_something()?;
        let metrics = &taken.metrics;
        Store::change(path, |store| store.put(machine, metrics))?;
        Ok(Conclusion {
            saved: metrics.len() as u64,
            remarks: taken.remarks(),
            ..Conclusion::new(Mode::Save, path)
        })
    }

    /// Compares everything with what the file at `path` has of a machine like this one.
    ///
    /// # Errors
    ///
    /// When nothing was measured, the file cannot be read or understood, or it has nothing of a machine
    /// like this one or of anything that was measured.
    pub fn compare(
        &self,
        path: &Path,
        machine: &Machine,
        criteria: &Criteria,
    ) -> Result<Conclusion, StoreError> {
        self.compare_among(path, machine, criteria, None)
    }

    /// As [`compare`](Self::compare), where `tests` are the names of all tests that there are.
    pub(crate) fn compare_among(
        &self,
        path: &Path,
        machine: &Machine,
        criteria: &Criteria,
        tests: Option<&[String]>,
    ) -> Result<Conclusion, StoreError> {
        let taken = self.taken.lock();
        taken.has_something()?;
        let store = Store::read(path)?.ok_or_else(|| StoreError::NoFile { path: path.into() })?;
        let (stored, state) = store.of(path, machine)?;
        let (compared, unknown) = comparison::compare_all(stored, &taken.metrics, criteria);
        if compared.is_empty() {
            return Err(StoreError::NothingStored { path: path.into(), unknown });
        }
        let mut remarks = taken.remarks();
        remarks.extend(comparison::state_remarks(state, machine));
        Ok(Conclusion {
            alpha: Some(criteria.alpha().get()),
            compared,
            unknown,
            missing: taken.missing(stored, tests),
            remarks,
            ..Conclusion::new(Mode::Compare, path)
        })
    }
}

impl Taken {
    fn put(&mut self, metric: Metric) {
        match self.metrics.iter_mut().find(|known| known.is_of(&metric)) {
            // What is measured twice under one name is one thing.
            Some(known) => known.samples_ns.extend(metric.samples_ns),
            None => self.metrics.push(metric),
        }
    }

    fn has_something(&self) -> Result<(), StoreError> {
        match (self.metrics.is_empty(), self.left_out.iter().next()) {
            (false, _) => Ok(()),
            (true, None) => Err(StoreError::NothingMeasured),
            (true, Some((test, reason))) => {
                Err(StoreError::Overloaded { test: test.clone(), reason: reason.clone() })
            }
        }
    }

    fn remarks(&self) -> Vec<String> {
        let text = |(test, reason): (&String, &String)| {
            format!("{test}: its baselines are left out, because {reason}")
        };
        self.left_out.iter().map(text).collect()
    }

    /// What the file has and was not measured although its test passed, or is of no test that there is.
    fn missing(&self, stored: &[Metric], tests: Option<&[String]>) -> Vec<String> {
        let unmeasured =
            stored.iter().filter(|stored| self.metrics.iter().all(|new| !new.is_of(stored)));
        let missing = unmeasured.filter_map(|stored| {
            let why = match (&stored.test, tests) {
                (Some(test), Some(tests)) if !tests.contains(test) => "there is no such test",
                (Some(test), _) if self.tests.contains(test) => "its test does not measure it",
                (None, _) => "nothing measures it",
                // It did not run, or did not pass, and that is told elsewhere.
                _ => return None,
            };
            Some(format!("{}: {why}", stored.full_name()))
        });
        missing.collect()
    }
}

/// The state of the machine while an attempt measured.
fn beside(attempt: &AttemptEnded) -> Option<String> {
    let resources = attempt.resources.as_ref()?;
    let delay = Duration::from_micros(resources.delay_p95_us);
    let delay = format!("a waiting task woken {} late (p95)", Display(rounded(delay)));
    let share = |name, share: Option<f64>| share.map(|it| format!("{name} {:.0} %", it * 100.0));
    let usage = &resources.machine;
    let parts = [share("processors busy", usage.cpu), share("steal", usage.steal)];
    let parts: Vec<String> = parts.into_iter().flatten().chain([delay]).collect();
    Some(parts.join(", "))
}

/// Where the baselines of a test binary are kept.
pub(crate) fn path_of(target: &str) -> PathBuf {
    // cargo and nextest set it, and run tests in it.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    package.join("chaos-baselines").join(format!("{target}.toml"))
}

/// Whether the file at `path` can be understood, if there is one: known before the first test runs.
pub(crate) fn check(path: &Path) -> Result<(), StoreError> {
    Store::read(path).map(drop)
}

#[cfg(test)]
mod tests;
