//! A histogram of durations.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::nanos;
use super::snapshot::TimingSummary;

/// How many significant digits of a duration are kept: what is read is at most 0.1 % off.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The longest duration that is told from longer ones.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A histogram of durations from 1 ns to a day, with three significant digits. Clones are the same
/// histogram.
///
/// It is Gil Tene's HDR histogram, whose memory depends on the range of what it was given and never
/// on how much that was: 16 KiB for values up to 1 µs, 172 KiB up to 1 s, 304 KiB for a day.
#[derive(Clone)]
pub struct Timing {
    histogram: Arc<Mutex<Histogram<u64>>>,
}

impl Default for Timing {
    fn default() -> Self {
        let histogram = Histogram::new(SIGNIFICANT_DIGITS).expect("3 of at most 5 digits");
        Self { histogram: Arc::new(Mutex::new(histogram)) }
    }
}

/// The number of durations: the buckets would fill pages.
impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing").field("n", &self.histogram.lock().len()).finish()
    }
}

impl Timing {
    /// Adds a duration. One above a day counts as a day, 0 as 1 ns.
    pub fn record(&self, duration: Duration) {
        let value = nanos(duration.min(LONGEST)).max(1);
        self.histogram.lock().record(value).expect("it grows with what it is given");
    }

    /// Adds how long the future takes, whatever it comes to.
    pub async fn time<F: Future>(&self, future: F) -> F::Output {
        let began = Instant::now();
        let output = future.await;
        self.record(began.elapsed());
        output
    }

    /// What was recorded so far; nothing if that is nothing.
    #[must_use]
    pub fn summary(&self) -> Option<TimingSummary> {
        let histogram = self.histogram.lock();
        if histogram.is_empty() {
            return None;
        }
        let at = |share| Duration::from_nanos(histogram.value_at_quantile(share));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a day")]
        let mean = Duration::from_nanos(histogram.mean() as u64);
        Some(TimingSummary {
            n: histogram.len(),
            mean,
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: Duration::from_nanos(histogram.max()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    fn close(found: Duration, wanted: Duration) -> bool {
        found.abs_diff(wanted) <= wanted / 1_000
    }

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let timing = Timing::default();
        (1..=10_000_u64).for_each(|n| timing.record(n.us()));
        let summary = timing.summary().unwrap();
        assert!(close(summary.p50, 5.ms()) && close(summary.p95, 9_500.us()), "{summary:?}");
        assert!(close(summary.p99, 9_900.us()) && close(summary.max, 10.ms()), "{summary:?}");
        assert!(close(summary.mean, Duration::from_nanos(5_000_500)), "{summary:?}");
    }

    #[test]
    fn no_duration_is_too_short_or_too_long() {
        let timing = Timing::default();
        assert_eq!(timing.summary(), None);
        timing.record(Duration::ZERO);
        timing.record(Duration::MAX);
        let summary = timing.summary().unwrap();
        assert_eq!(summary.n, 2);
        assert!(close(summary.max, LONGEST), "{summary:?}");
    }

    #[tokio::test]
    async fn a_future_is_timed_also_when_it_fails() {
        let timing = Timing::default();
        let failed: Result<(), &str> = timing.time(async { Err("no") }).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(timing.summary().unwrap().n, 1);
    }
}
