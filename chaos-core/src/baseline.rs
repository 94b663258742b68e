//! Baselines: how long an operation takes, measured often enough to compare it with an earlier run.
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
//! An operation that uses a connection needs a new one for each value: see
//! [`Chaos::baseline_with_setup`].
//!
//! The harness saves and compares baselines (`--chaos-baseline save|compare`), as `docs/baselines.md`
//! explains. [`compare`] is the comparison itself.

use std::time::Duration;

use crate::chaos::Chaos;
use crate::error::TestError;
use crate::event::EventKind;
use crate::metrics::nanos;
use crate::seed::Seed;
use crate::stats::SampleSummary;

mod comparison;
mod grouping;
mod sampling;

pub use self::sampling::Sampling;

pub use self::comparison::{Change, Comparison, LEAST_EFFECT, LEVEL, Pair, compare, compare_at};

/// The fewest values that a baseline rests on.
pub const LEAST_SAMPLES: usize = 10;

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

    /// The values, in the order in which they were measured: what is short was run a few times for each,
    /// as [`Sampling::new`] says.
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
    /// What it is measured with could not be made.
    #[error("failed to set up what `{name}` is measured with")]
    Setup {
        /// What was to be measured.
        name: String,
        /// Why not.
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

    /// Measures how long `operation` takes with what `setup` makes, which is made anew for each value, and
    /// keeps it as a baseline. The setup does not count.
    ///
    /// A connection keeps for seconds what chance gave it when it was made: whether its client and its
    /// server share a processor alone makes a query of 70 µs take half or twice as long. Over one
    /// connection all values have the same, and two runs of the same code differ; over many they do not.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn test(cx: Chaos, pg: Postgres) -> TestResult {
    /// let client = async || pg.connect().await;
    /// cx.baseline_with_setup("query", Sampling::new(), client, async |client| {
    ///     client.simple_query("SELECT 1").await
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the setup or the operation fails.
    pub async fn baseline_with_setup<S, T, E: Into<TestError>, F: Into<TestError>>(
        &self,
        name: &str,
        sampling: Sampling,
        setup: impl AsyncFn() -> Result<S, E>,
        operation: impl AsyncFn(&S) -> Result<T, F>,
    ) -> Result<Baseline, BaselineError> {
        let baseline = sampling.measure_with_setup(name, setup, operation).await?;
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
    async fn what_fails_has_no_baseline() {
        let cx = Chaos::new(Seed(1), Journal::in_memory());
        let error = cx.baseline("query", async || Err::<(), _>("no table")).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to measure `query`: run 1 returned an error");
        let few = cx.baseline_of("recovery", vec![1.secs(); 9]).unwrap_err();
        assert!(few.to_string().contains("9 values, and a baseline takes at least 10"), "{few}");
        let no_client = async || Err::<(), _>("refused");
        let error = cx
            .baseline_with_setup("query", Sampling::new(), no_client, async |()| {
                Ok::<_, TestError>(())
            })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "failed to set up what `query` is measured with");
    }
}
