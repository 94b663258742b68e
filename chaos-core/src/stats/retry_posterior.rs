//! What retries say about how often a failure goes away.

use statrs::distribution::Beta;

use super::Interval;

/// The posterior of the rate at which the retry of a failed first attempt passes.
///
/// It is modelled apart from the failure rate, because the two have little to do with one another: a
/// test that fails once in a hundred runs may then fail at every retry. The prior is Jeffreys',
/// Beta(0.5, 0.5), as in LUCI Analysis: either all retries pass or none do, before anything is known.
///
/// ```
/// use chaos_core::stats::RetryPosterior;
///
/// let retries = RetryPosterior::new(10, 8);
/// assert!((retries.mean() - 0.77).abs() < 0.01);
/// assert!(retries.interval().low > 0.49);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPosterior {
    retries: u64,
    passes: u64,
}

impl RetryPosterior {
    /// The posterior after `retries` first retries, of which `passes` passed.
    ///
    /// No more can have passed than were made: `passes` beyond `retries` do not count.
    #[must_use]
    pub fn new(retries: u64, passes: u64) -> Self {
        Self { retries, passes: passes.min(retries) }
    }

    /// How many first retries it rests on.
    #[must_use]
    pub const fn retries(&self) -> u64 {
        self.retries
    }

    /// How many of them passed.
    #[must_use]
    pub const fn passes(&self) -> u64 {
        self.passes
    }

    /// The mean of the rate at which a retry passes, between 0 and 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of attempts stay below 2^53")]
    pub fn mean(&self) -> f64 {
        (0.5 + self.passes as f64) / (1.0 + self.retries as f64)
    }

    /// The central 95 % interval of that rate.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of attempts stay below 2^53")]
    pub fn interval(&self) -> Interval {
        let failures = self.retries - self.passes;
        let beta = Beta::new(0.5 + self.passes as f64, 0.5 + failures as f64)
            .expect("both parameters are positive and finite");
        Interval::central_95_percent(&beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_and_its_interval_are_those_of_another_implementation() {
        // scipy.stats.beta(0.5 + passes, 0.5 + failures): mean, ppf(0.025), ppf(0.975).
        for (retries, passes, mean, low, high) in [
            (0, 0, 0.5, 0.001_541_333_133, 0.998_458_666_867),
            (10, 8, 0.772_727_272_727, 0.497_225_503_561, 0.955_940_586_447),
            (9, 0, 0.05, 0.000_053_064_054, 0.237_610_098_633),
            (40, 39, 0.963_414_634_146, 0.889_050_619_522, 0.997_289_181_514),
        ] {
            let posterior = RetryPosterior::new(retries, passes);
            let Interval { low: found_low, high: found_high } = posterior.interval();
            assert!((posterior.mean() - mean).abs() < 1e-9, "{passes} of {retries}");
            assert!((found_low - low).abs() < 1e-9, "{passes} of {retries}: {found_low}");
            assert!((found_high - high).abs() < 1e-9, "{passes} of {retries}: {found_high}");
        }
    }
}
