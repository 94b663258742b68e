//! Baselines: how long something takes, measured often enough to be compared with another day.
//!
//! ```no_run
//! # use chaos_core::prelude::*;
//! # async fn test(cx: Chaos, pool: deadpool_postgres::Pool) -> TestResult {
//! let checkout = cx.baseline("checkout", async || pool.get().await).await?;
//! println!("{:?}", checkout.summary().median);
//! # Ok(())
//! # }
//! ```
//!
//! The harness stores what is measured and compares it (`--chaos-baseline save|compare`); how, says
//! `docs/baselines.md`. [`compare`] is the comparison itself.

use std::time::{Duration, Instant};

use crate::chaos::Chaos;
use crate::error::TestError;
use crate::event::EventKind;
use crate::metrics::nanos;
use crate::seed::Seed;
use crate::stats::{SampleSummary, relative_width};

mod comparison;

pub use self::comparison::{Change, Comparison, LEAST_EFFECT, LEVEL, Pair, compare, compare_at};

/// The fewest values that a baseline rests on.
pub const LEAST_SAMPLES: usize = 10;

/// How many values are taken before it is looked again whether they suffice.
const BATCH: usize = 10;

/// How often something is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "it does nothing until something is measured: `cx.baseline_with(name, sampling, ..)`"]
pub struct Sampling {
    warm_up: usize,
    at_least: usize,
    at_most: usize,
    within: Duration,
    width: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// After 3 runs that do not count: at least 10 values, and more until the 95 % interval of the
    /// mean is within 5 % of it, up to 1000 values or 5 seconds.
    pub const fn new() -> Self {
        Self {
            warm_up: 3,
            at_least: LEAST_SAMPLES,
            at_most: 1_000,
            within: Duration::from_secs(5),
            width: 0.05,
        }
    }

    /// How many runs do not count, because they fill caches. Default: 3.
    pub const fn warm_up(mut self, runs: usize) -> Self {
        self.warm_up = runs;
        self
    }

    /// How many values are taken whatever they are. Default, and least: [`LEAST_SAMPLES`].
    pub const fn at_least(mut self, values: usize) -> Self {
        self.at_least = if values < LEAST_SAMPLES { LEAST_SAMPLES } else { values };
        self
    }

    /// How many values are taken at most. Default: 1000.
    pub const fn at_most(mut self, values: usize) -> Self {
        self.at_most = values;
        self
    }

    /// How long may be measured once the least number of values is there. Default: 5 s.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Up to which half width of the 95 % interval of the mean, as a share of the mean, it goes on.
    /// Default: 0.05.
    pub const fn width(mut self, share: f64) -> Self {
        self.width = share;
        self
    }

    fn suffices(&self, seconds: &[f64], took: Duration) -> bool {
        let n = seconds.len();
        if n < self.at_least {
            return false;
        }
        if n >= self.at_most || took >= self.within {
            return true;
        }
        n % BATCH == 0 && relative_width(seconds).is_some_and(|width| width <= self.width)
    }

    /// Measures how long `operation` takes, again and again.
    ///
    /// # Errors
    ///
    /// When it fails: what fails has no time to be compared.
    pub async fn measure<T, E: Into<TestError>>(
        self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result<Baseline, BaselineError> {
        let failed = |run| {
            move |error: E| {
                let (name, source) = (name.to_owned(), error.into());
                BaselineError::Operation { name, run, source }
            }
        };
        for run in 1..=self.warm_up {
            operation().await.map_err(failed(run))?;
        }
        let (mut durations, mut seconds) = (Vec::new(), Vec::new());
        let began = Instant::now();
        while !self.suffices(&seconds, began.elapsed()) {
            let before = Instant::now();
            let result = operation().await;
            let took = before.elapsed();
            result.map_err(failed(self.warm_up + durations.len() + 1))?;
            durations.push(took);
            seconds.push(took.as_secs_f64());
        }
        Baseline::of(name, durations)
    }
}

/// How long something takes, measured at least [`LEAST_SAMPLES`] times.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    name: String,
    durations: Vec<Duration>,
    summary: SampleSummary,
}

impl Baseline {
    /// A baseline of durations that were measured elsewhere, such as recovery times.
    ///
    /// # Errors
    ///
    /// When there are fewer than [`LEAST_SAMPLES`].
    pub fn of(name: &str, durations: Vec<Duration>) -> Result<Self, BaselineError> {
        let seconds: Vec<f64> = durations.iter().map(Duration::as_secs_f64).collect();
        // The name is its seed, so that the bootstrap gives the same answer for the same values.
        let summary = SampleSummary::of(&seconds, Seed(0).named(name));
        match summary {
            Some(summary) if durations.len() >= LEAST_SAMPLES => {
                Ok(Self { name: name.to_owned(), durations, summary })
            }
            _ => Err(BaselineError::TooFew { name: name.to_owned(), values: durations.len() }),
        }
    }

    /// What was measured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values, in the order in which they were measured.
    #[must_use]
    pub fn durations(&self) -> &[Duration] {
        &self.durations
    }

    /// The figures of the values, in seconds.
    #[must_use]
    pub fn summary(&self) -> &SampleSummary {
        &self.summary
    }
}

/// Why there is no baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// What is measured failed.
    #[error("failed to measure `{name}`: run {run} returned an error")]
    Operation {
        /// What was measured.
        name: String,
        /// Which run of it, counted from 1, those that do not count included.
        run: usize,
        /// Its error.
        source: TestError,
    },
    /// There are too few values.
    #[error("`{name}` has {values} values, and a baseline takes at least {LEAST_SAMPLES}")]
    TooFew {
        /// What was measured.
        name: String,
        /// How many values there are.
        values: usize,
    },
}

impl Chaos {
    /// Measures how long `operation` takes, as [`Sampling::new`] says, and keeps it as a baseline.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub async fn baseline<T, E: Into<TestError>>(
        &self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result<Baseline, BaselineError> {
        self.baseline_with(name, Sampling::new(), operation).await
    }

    /// Measures how long `operation` takes, as often as `sampling` says, and keeps it as a baseline.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub async fn baseline_with<T, E: Into<TestError>>(
        &self,
        name: &str,
        sampling: Sampling,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result<Baseline, BaselineError> {
        let baseline = sampling.measure(name, operation).await?;
        self.keep_baseline(&baseline);
        Ok(baseline)
    }

    /// Keeps durations that were measured elsewhere as a baseline, such as recovery times.
    ///
    /// # Errors
    ///
    /// When there are fewer than [`LEAST_SAMPLES`].
    pub fn baseline_of(
        &self,
        name: &str,
        durations: Vec<Duration>,
    ) -> Result<Baseline, BaselineError> {
        let baseline = Baseline::of(name, durations)?;
        self.keep_baseline(&baseline);
        Ok(baseline)
    }

    fn keep_baseline(&self, baseline: &Baseline) {
        self.scope().journal().record(EventKind::BaselineMeasured {
            name: baseline.name.clone(),
            samples: baseline.durations.iter().copied().map(nanos).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::units::DurationUnits;

    #[tokio::test]
    async fn at_least_ten_values_are_taken_and_no_more_than_was_allowed() {
        let journal = Journal::in_memory();
        let cx = Chaos::new(Seed(1), journal.clone());
        let calls = std::cell::Cell::new(0);
        let operation = async || {
            calls.set(calls.get() + 1);
            // Ever longer, so that no interval is ever narrow.
            let spins = 100_u64 << calls.get().min(14);
            std::hint::black_box((0..spins).sum::<u64>());
            Ok::<_, TestError>(())
        };
        let sampling = Sampling::new().at_least(3).at_most(25).width(0.0).within(1.minutes());
        let baseline = cx.baseline_with("spin", sampling, operation).await.unwrap();
        assert_eq!(baseline.durations().len(), 25);
        assert_eq!(calls.get(), 3 + 25);
        let hasty = Sampling::new().within(Duration::ZERO).width(0.0);
        assert_eq!(cx.baseline_with("spin", hasty, operation).await.unwrap().summary().n, 10);
        let events = journal.events();
        assert!(matches!(&events[0].what, EventKind::BaselineMeasured { samples, .. }
            if samples.len() == 25));
    }

    #[tokio::test]
    async fn what_fails_has_no_baseline() {
        let cx = Chaos::new(Seed(1), Journal::in_memory());
        let error = cx.baseline("query", async || Err::<(), _>("no table")).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to measure `query`: run 1 returned an error");
        let few = cx.baseline_of("recovery", vec![1.secs(); 9]).unwrap_err();
        assert!(few.to_string().contains("9 values, and a baseline takes at least 10"), "{few}");
    }
}
