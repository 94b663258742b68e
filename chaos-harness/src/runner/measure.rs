//! `--chaos-runs N`: each test is run again and again, until its category is decided.
//!
//! The runs are first attempts with fresh seeds, so they are evidence for the history, too. What is
//! decided is decided by these runs alone: a test is measured because what is known of it is doubted.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos_core::stats::{Category, FlakinessPosterior, is_decided};
use chaos_core::verdict::Verdict;

use crate::report::words;
use crate::run_event::{AttemptEnded, CategorySummary};

/// How often a test that is measured is heard of.
pub(super) const HEARD_OF: Duration = Duration::from_secs(5);

/// What is left of a series of runs, over all tests.
#[derive(Debug, Default)]
pub(super) struct Workload {
    done: AtomicU64,
    left: AtomicU64,
}

impl Workload {
    /// Adds a test that is going to be run at most so often.
    pub(super) fn add(&self, runs: u64) {
        self.left.fetch_add(runs, Ordering::Relaxed);
    }

    /// One run was made.
    pub(super) fn ran(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.skip(1);
    }

    /// So many runs are not needed.
    pub(super) fn skip(&self, runs: u64) {
        let less = |left: u64| Some(left.saturating_sub(runs));
        // It cannot fail, because the closure always answers.
        let _before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// How long the rest takes at most, at the pace so far.
    pub(super) fn left(&self, since: Instant) -> Option<Duration> {
        let done = self.done.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let factor = self.left.load(Ordering::Relaxed) as f64 / done as f64;
        (done > 0).then(|| since.elapsed().mul_f64(factor))
    }
}

/// The runs of one test, counted.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Series {
    pub(super) runs: u64,
    pub(super) failures: u64,
}

impl Series {
    pub(super) fn add(&mut self, ended: &AttemptEnded) {
        self.runs += 1;
        self.failures += u64::from(ended.verdict.failure().is_some());
    }

    pub(super) fn is_decided(&self) -> bool {
        is_decided(self.runs, self.failures)
    }

    /// The category by these runs alone.
    pub(super) fn category(&self) -> CategorySummary {
        let posterior = FlakinessPosterior::new(self.runs, self.failures);
        let interval = posterior.interval();
        let found = posterior.classify();
        CategorySummary {
            category: found.category,
            n: self.runs,
            failures: self.failures,
            rate: posterior.mean(),
            low: interval.low,
            high: interval.high,
            confidence: found.confidence,
            missing_ends: 0,
        }
    }

    /// What was measured, in words.
    pub(super) fn text(&self) -> String {
        let Self { runs, failures } = self;
        format!("measured: {failures} of {runs} failed, {}", words::category(&self.category()))
    }

    /// Whether the test is worse than it says, if only by a band that is not decided yet.
    pub(super) fn is_worse_than(&self, declared: Category) -> bool {
        self.category().is_worse_than(declared)
    }
}

/// Removes what an attempt that passed has written: of hundreds of them nobody reads it.
pub(super) fn tidy(directory: &Path, ended: &mut AttemptEnded) {
    if ended.verdict != Verdict::Passed {
        return;
    }
    for kind in ["jsonl", "stdout", "stderr"] {
        // What cannot be removed goes with the directory of the run.
        let _removed = fs::remove_file(directory.join(format!("attempt-{}.{kind}", ended.attempt)));
    }
    (ended.stdout, ended.stderr) = (None, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_says_what_it_measured_and_whether_that_is_worse_than_declared() {
        let series = Series { runs: 200, failures: 21 };
        assert!(series.is_decided());
        assert_eq!(series.text(), "measured: 21 of 200 failed, flaky 10 % (7–15 %), n = 200");
        assert!(series.is_worse_than(Category::Stable) && !series.is_worse_than(Category::Flaky));
        let nothing = Series { runs: 2, failures: 1 };
        assert!(!nothing.is_decided() && !nothing.is_worse_than(Category::Stable));
    }

    #[test]
    fn what_lies_between_two_bands_is_worse_than_those_below() {
        // Beta(30.3, 33): a 95 % interval of 35.8 to 60.1 % (scipy 1.17, `beta.interval`).
        let series = Series { runs: 60, failures: 30 };
        assert_eq!(series.category().category, Category::Undetermined);
        assert!(series.is_worse_than(Category::Stable) && series.is_worse_than(Category::Flaky));
        assert!(!series.is_worse_than(Category::VeryFlaky));
        // So are five failures of five runs, whichever band they are of: 30.9 to 90.6 %.
        let always = Series { runs: 5, failures: 5 };
        assert!(!always.is_decided() && always.is_worse_than(Category::Flaky));
    }

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        let workload = Workload::default();
        workload.add(10);
        let began = Instant::now().checked_sub(Duration::from_secs(4)).unwrap();
        assert_eq!(workload.left(began), None);
        workload.ran();
        workload.ran();
        workload.skip(4);
        let left = workload.left(began).unwrap();
        assert!((Duration::from_secs(8)..Duration::from_secs(60)).contains(&left), "{left:?}");
    }
}
