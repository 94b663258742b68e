//! The best that any rule could do.
//!
//! Of a test with a constant rate, its number of failures says all that its runs say (it is a
//! sufficient statistic of the binomial). An oracle is told the rates of all tests of a suite, though not
//! which test has which: so it knows the probability of each category given the number of failures, and
//! names the most probable one. No rule that sees the runs alone is right more often.
//!
//! Whoever may also say "undetermined" does best by deciding where that probability is largest (Chow,
//! "On optimum recognition error and reject tradeoff", IEEE Transactions on Information Theory 16,
//! 1970). At the border a part of the tests is decided, so these are bounds that no rule passes.

use chaos_core::stats::Category;

/// What can be known after a number of runs.
#[derive(Debug, Clone)]
pub struct Oracle {
    /// Of each possible number of failures, the share of tests and the probability of the likeliest
    /// category, the surest first.
    answers: Vec<(f64, f64)>,
}

impl Oracle {
    /// For a suite of tests with these failure rates, each of which has had this number of runs.
    #[must_use]
    pub fn of(rates: &[f64], runs: usize) -> Self {
        let mut shares = vec![[0.0; Category::DETERMINED.len()]; runs + 1];
        let one = 1.0 / f64::from(u32::try_from(rates.len()).expect("a suite is not that large"));
        for rate in rates {
            let category = Category::of_rate(*rate);
            let place = Category::DETERMINED.iter().position(|it| *it == category);
            let place = place.expect("every rate has a category");
            for (failures, probability) in binomial(runs, *rate).enumerate() {
                shares[failures][place] += one * probability;
            }
        }
        let answer = |of: &[f64; Category::DETERMINED.len()]| {
            let share: f64 = of.iter().sum();
            (share, of.iter().copied().fold(0.0, f64::max) / share)
        };
        let mut answers: Vec<(f64, f64)> =
            shares.iter().filter(|of| of.iter().sum::<f64>() > 0.0).map(answer).collect();
        answers.sort_by(|one, other| other.1.total_cmp(&one.1));
        Self { answers }
    }

    /// The share of tests that has to stay undetermined so that this share of the decided is right.
    #[must_use]
    pub fn least_undetermined(&self, right: f64) -> f64 {
        let (mut decided, mut wrong) = (0.0, 0.0);
        for (share, sure) in &self.answers {
            // How many more may be wrong, for each that is decided.
            let excess = (1.0 - sure) - (1.0 - right);
            let slack = (1.0 - right) * decided - wrong;
            if excess * share > slack {
                return 1.0 - (decided + slack / excess);
            }
            decided += share;
            wrong += share * (1.0 - sure);
        }
        1.0 - decided.min(1.0)
    }

    /// The share of the decided that is right, when this share of tests stays undetermined.
    #[must_use]
    pub fn most_right(&self, undetermined: f64) -> f64 {
        let mut left = 1.0 - undetermined;
        let mut right = 0.0;
        for (share, sure) in &self.answers {
            right += share.min(left) * sure;
            left -= share.min(left);
        }
        right / (1.0 - undetermined)
    }
}

/// The probability of each number of failures, from 0 on.
fn binomial(runs: usize, rate: f64) -> impl Iterator<Item = f64> {
    let mut ln_choose = 0.0;
    (0..=runs).map(move |failures| {
        #[expect(clippy::cast_precision_loss, reason = "runs are few")]
        let (failed, passed) = (failures as f64, (runs - failures) as f64);
        if failures > 0 {
            ln_choose += ((passed + 1.0) / failed).ln();
        }
        let power = |base: f64, times: f64| if times == 0.0 { 0.0 } else { times * base.ln() };
        (ln_choose + power(rate, failed) + power(1.0 - rate, passed)).exp()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_are_those_of_the_binomial() {
        // scipy.stats.binom.pmf(k, 30, 0.1)
        let found: Vec<f64> = binomial(30, 0.1).collect();
        for (failures, expected) in
            [(0, 0.042_391_158_275_216), (3, 0.236_087_932_232_343), (10, 0.000_365_277_241_082)]
        {
            assert!((found[failures] - expected).abs() < 1e-9, "{failures}: {}", found[failures]);
        }
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let sure: Vec<f64> = binomial(3, 0.0).collect();
        assert_eq!(sure, [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn one_run_of_a_stable_and_a_broken_test_is_judged_as_by_hand() {
        // Passed: 0.99 / 1.39 of 69.5 % are stable. Failed: 0.60 / 0.61 of 30.5 % are broken.
        let oracle = Oracle::of(&[0.01, 0.60], 1);
        assert!((oracle.most_right(0.0) - (0.99 + 0.60) / 2.0).abs() < 1e-12);
        assert!((oracle.most_right(0.695) - 0.60 / 0.61).abs() < 1e-12);
        assert!((oracle.least_undetermined(0.60 / 0.61) - 0.695).abs() < 1e-12);
        assert!((oracle.least_undetermined(0.5) - 0.0).abs() < 1e-12);
        assert!((oracle.least_undetermined(0.999) - 1.0).abs() < 1e-12);
    }
}
