//! Whether a failure rate rose, by more than chance explains.

use statrs::stats_tests::Alternative;
use statrs::stats_tests::fisher::fishers_exact;

use super::{Category, FlakinessPosterior};

/// How many of the latest first attempts are held against what was before them.
pub const WINDOW: usize = 30;

/// A rise is told when chance alone would make one as large with a smaller probability than this.
pub const ALARM: f64 = 0.005;

/// How many first attempts it takes to know what was before.
pub(super) const LEAST_BEFORE: u64 = 30;

/// Two rates of one test, before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateChange {
    /// The first attempts before: the segment that precedes, or what precedes in the same segment.
    pub before: FlakinessPosterior,
    /// The latest first attempts, at most [`WINDOW`].
    pub latest: FlakinessPosterior,
    /// The probability that chance alone makes a rise as large: Fisher's exact test, one-sided.
    pub p_value: f64,
}

impl RateChange {
    /// Compares two groups of first attempts.
    ///
    /// ```
    /// use chaos_core::stats::{FlakinessPosterior, RateChange};
    ///
    /// // A test that never failed in 100 runs fails four times in a row.
    /// let before = FlakinessPosterior::new(100, 0);
    /// let change = RateChange::between(before, FlakinessPosterior::new(30, 4));
    /// assert!(change.is_rise());
    /// ```
    #[must_use]
    pub fn between(before: FlakinessPosterior, latest: FlakinessPosterior) -> Self {
        let row = |side: &FlakinessPosterior| [side.failures(), side.attempts() - side.failures()];
        let ([a, b], [c, d]) = (row(&latest), row(&before));
        // It refuses no table of counts; an empty one says nothing.
        let p_value = fishers_exact(&[a, b, c, d], Alternative::Greater).unwrap_or(1.0);
        Self { before, latest, p_value }
    }

    /// Whether the rate rose into a worse band: enough is known of what was before, and chance
    /// explains the rise with less than [`ALARM`].
    #[must_use]
    pub fn is_rise(&self) -> bool {
        self.before.attempts() >= LEAST_BEFORE
            && self.p_value < ALARM
            && Category::of_rate(self.latest.mean()) > Category::of_rate(self.before.mean())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(latest: (u64, u64), before: (u64, u64)) -> RateChange {
        let side = |(attempts, failures)| FlakinessPosterior::new(attempts, failures);
        RateChange::between(side(before), side(latest))
    }

    #[test]
    fn the_probability_is_that_of_another_implementation() {
        // scipy.stats.fisher_exact([[k, n - k], [k0, n0 - k0]], alternative="greater").pvalue
        for (latest, before, expected) in [
            ((30, 5), (100, 2), 0.007_258_950_564),
            ((30, 4), (100, 0), 0.002_412_649_839),
            ((30, 3), (100, 0), 0.011_348_389_982),
            ((30, 9), (88, 5), 0.001_220_685_676),
            ((10, 10), (20, 0), 0.000_000_033_283),
            ((30, 1), (300, 10), 0.655_430_476_456),
        ] {
            let found = change(latest, before).p_value;
            assert!((found - expected).abs() < 1e-9, "{latest:?} after {before:?}: {found}");
        }
    }

    #[test]
    fn a_rise_needs_a_past_to_be_held_against() {
        assert!(change((30, 4), (100, 0)).is_rise());
        assert!(!change((30, 3), (100, 0)).is_rise());
        assert!(!change((10, 10), (19, 0)).is_rise());
        assert!(!change((0, 0), (100, 0)).is_rise());
        assert!(!change((30, 0), (100, 50)).is_rise());
    }
}
