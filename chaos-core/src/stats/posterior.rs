//! What the first attempts at a test say about its failure rate.

use statrs::distribution::{Beta, ContinuousCDF};

use super::{Category, Interval};

/// How many first attempts it takes before any category but `undetermined` is given.
pub const LEAST_ATTEMPTS: u64 = 20;

/// The posterior probability from which on a category is given: it is likely.
pub const LIKELY: f64 = 0.80;

/// The posterior probability from which on a category is confirmed.
pub const CONFIRMED: f64 = 0.95;

/// The prior is Beta(0.3, 3): a mean of 9 %, 60 % of its mass in `stable`. It says that most tests
/// are stable, and is worth three attempts, so that 25 clean ones are needed to confirm it.
const PRIOR_FAILURES: f64 = 0.3;
const PRIOR_PASSES: f64 = 3.0;

/// The posterior of a test's failure rate: a Beta distribution over the rate at which its *first*
/// attempts fail.
///
/// Retries must not be counted: they follow a failure and are correlated with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlakinessPosterior {
    attempts: u64,
    failures: u64,
    beta: Beta,
}

/// A category and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classification {
    /// The category.
    pub category: Category,
    /// Its posterior probability, at least [`LIKELY`]; 0 for [`Category::Undetermined`].
    pub confidence: f64,
}

impl Classification {
    /// Whether the category is more than likely: see [`CONFIRMED`].
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confidence >= CONFIRMED
    }
}

impl FlakinessPosterior {
    /// The posterior after `attempts` first attempts, of which `failures` failed.
    ///
    /// No more can have failed than were made: `failures` beyond `attempts` do not count.
    #[must_use]
    pub fn new(attempts: u64, failures: u64) -> Self {
        let failures = failures.min(attempts);
        #[expect(clippy::cast_precision_loss, reason = "counts of attempts stay below 2^53")]
        let beta = Beta::new(
            PRIOR_FAILURES + failures as f64,
            PRIOR_PASSES + (attempts - failures) as f64,
        )
        .expect("both parameters are positive and finite");
        Self { attempts, failures, beta }
    }

    /// How many first attempts it rests on.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// How many of them failed.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// The mean of the failure rate, between 0 and 1.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let (failures, passes) = (self.beta.shape_a(), self.beta.shape_b());
        failures / (failures + passes)
    }

    /// The probability that the failure rate lies in the band of `category`; 0 for
    /// [`Category::Undetermined`].
    #[must_use]
    pub fn probability(&self, category: Category) -> f64 {
        category.band().map_or(0.0, |band| {
            let below = self.beta.cdf(band.start);
            if band.end >= 1.0 { 1.0 - below } else { self.beta.cdf(band.end) - below }
        })
    }

    /// The category that the evidence carries.
    ///
    /// It is [`Category::Undetermined`] below [`LEAST_ATTEMPTS`], and when no band has a
    /// probability of at least [`LIKELY`].
    #[must_use]
    pub fn classify(&self) -> Classification {
        let likely = Category::DETERMINED
            .into_iter()
            .map(|category| Classification { category, confidence: self.probability(category) })
            .find(|found| found.confidence >= LIKELY);
        match likely {
            Some(found) if self.attempts >= LEAST_ATTEMPTS => found,
            _ => Classification { category: Category::Undetermined, confidence: 0.0 },
        }
    }

    /// The central 95 % interval of the failure rate.
    #[must_use]
    pub fn interval(&self) -> Interval {
        Interval::central_95_percent(&self.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(attempts: u64, failures: u64) -> Category {
        FlakinessPosterior::new(attempts, failures).classify().category
    }

    #[test]
    fn every_count_of_failures_has_the_category_that_was_computed_elsewhere() {
        use Category::{Broken, Flaky, Stable, Undetermined, VeryFlaky};
        // Computed with another implementation of the Beta distribution, for the same prior.
        let table = [
            (20, vec![(0..=0, Stable), (1..=6, Undetermined), (7..=9, VeryFlaky)]),
            (20, vec![(10..=13, Undetermined), (14..=20, Broken)]),
            (50, vec![(0..=1, Stable), (2..=4, Undetermined), (5..=8, Flaky)]),
            (50, vec![(9..=13, Undetermined), (14..=23, VeryFlaky), (30..=50, Broken)]),
            (100, vec![(0..=3, Stable), (4..=7, Undetermined), (8..=17, Flaky)]),
            (100, vec![(18..=24, Undetermined), (25..=40, VeryFlaky)]),
            (200, vec![(0..=7, Stable), (8..=12, Undetermined), (13..=35, Flaky)]),
            (200, vec![(36..=40, Undetermined)]),
        ];
        for (attempts, rows) in table {
            for (failures, expected) in rows {
                for failures in failures {
                    assert_eq!(
                        category(attempts, failures),
                        expected,
                        "{failures} failures of {attempts}"
                    );
                }
            }
        }
    }

    #[test]
    fn fewer_than_twenty_attempts_carry_no_category() {
        for attempts in 0..LEAST_ATTEMPTS {
            for failures in 0..=attempts {
                assert_eq!(category(attempts, failures), Category::Undetermined);
            }
        }
        assert_eq!(category(20, 0), Category::Stable);
    }

    #[test]
    fn twenty_five_clean_attempts_confirm_that_a_test_is_stable_and_twenty_do_not() {
        assert!(!FlakinessPosterior::new(20, 0).classify().is_confirmed());
        assert!(!FlakinessPosterior::new(24, 0).classify().is_confirmed());
        assert!(FlakinessPosterior::new(25, 0).classify().is_confirmed());
    }

    #[test]
    fn the_bands_share_the_whole_probability() {
        for (attempts, failures) in [(0, 0), (1, 1), (20, 3), (118, 9), (1_000, 500), (9_000, 12)] {
            let posterior = FlakinessPosterior::new(attempts, failures);
            let sum: f64 = Category::DETERMINED.into_iter().map(|c| posterior.probability(c)).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{failures} of {attempts}: {sum}");
        }
        let prior = FlakinessPosterior::new(0, 0);
        for (category, mass) in Category::DETERMINED.into_iter().zip([0.595, 0.247, 0.132, 0.026]) {
            assert!((prior.probability(category) - mass).abs() < 5e-4, "{category}");
        }
    }

    #[test]
    fn the_interval_holds_95_percent_and_the_mean_and_no_impossible_rate() {
        for (attempts, failures) in [(0, 0), (1, 1), (40, 0), (40, 40), (118, 9), (5_000, 2)] {
            let posterior = FlakinessPosterior::new(attempts, failures);
            let Interval { low, high } = posterior.interval();
            assert!((0.0..=1.0).contains(&low) && low < high && high <= 1.0, "{low} to {high}");
            let mass = posterior.beta.cdf(high) - posterior.beta.cdf(low);
            assert!((mass - 0.95).abs() < 1e-9, "{failures} of {attempts}: {mass}");
            assert!((low..=high).contains(&posterior.mean()), "{failures} of {attempts}");
        }
    }

    #[test]
    fn more_failures_than_attempts_count_as_all_of_them() {
        assert_eq!(FlakinessPosterior::new(20, 30), FlakinessPosterior::new(20, 20));
    }

    #[test]
    fn a_very_long_history_is_still_classified() {
        for (attempts, rate, expected) in [
            (1_000_000, 0.01, Category::Stable),
            (1_000_000, 0.1, Category::Flaky),
            (1_000_000, 0.35, Category::VeryFlaky),
            (1_000_000, 0.9, Category::Broken),
        ] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let failures = (attempts as f64 * rate) as u64;
            let posterior = FlakinessPosterior::new(attempts, failures);
            assert_eq!(posterior.classify().category, expected);
            let Interval { low, high } = posterior.interval();
            // The standard deviation is below 0.0005.
            assert!((low - rate).abs() < 0.005 && (high - rate).abs() < 0.005, "{low} to {high}");
        }
    }
}
