//! How the median of a sample varies, by the bootstrap.
//!
//! A sample of n values drawn with replacement from x₁ ≤ … ≤ xₙ is x at ⌊n·U⌋ for n uniform numbers
//! U, so its k-th value is x at ⌊n·U₍ₖ₎⌋, where U₍ₖ₎ is the k-th of them in order. U₍ₖ₎ has the
//! distribution Beta(k, n + 1 - k), and the next one is the least of n - k uniform numbers above it
//! (H. A. David and H. N. Nagaraja, *Order Statistics*, 3rd edition, sections 2.1 and 2.5). So the
//! median of such a sample takes a draw or two, and not n of them and a sort: a thousand values cost
//! as little as ten, also in a build without optimisation.

use super::{Interval, quantile};
use crate::probability::Probability;
use crate::seed::{Draws, Seed};

/// How many samples are drawn from a sample to see how its median varies.
pub const RESAMPLES: u64 = 2_000;

/// The medians of [`RESAMPLES`] samples drawn with replacement from a sorted one, in ascending order.
pub(super) fn medians(sorted: &[f64], seed: Seed) -> Vec<f64> {
    let seed = seed.named("bootstrap");
    let median = |resample| drawn_median(sorted, &mut seed.numbered(resample).draws());
    let mut medians: Vec<f64> = (0..RESAMPLES).map(median).collect();
    medians.sort_unstable_by(f64::total_cmp);
    medians
}

/// How many times as large the median of `new` is as that of `base`: the middle 95 % of the ratios of
/// [`RESAMPLES`] pairs of medians, one of a sample drawn from each (B. Efron and R. J. Tibshirani, *An
/// Introduction to the Bootstrap*, 1993, chapters 8 and 13); nothing where one of them is empty.
pub(crate) fn median_ratio_95(base: &[f64], new: &[f64], seed: Seed) -> Option<Interval> {
    if base.is_empty() || new.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (base, new) = (sorted(base), sorted(new));
    let seed = seed.named("ratio");
    let ratio = |resample| {
        let mut draws = seed.numbered(resample).draws();
        drawn_median(&new, &mut draws) / drawn_median(&base, &mut draws)
    };
    let mut ratios: Vec<f64> = (0..RESAMPLES).map(ratio).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Some(central(&ratios, 0.95))
}

/// The middle of sorted values, as large a share of them as `level`.
pub(super) fn central(sorted: &[f64], level: f64) -> Interval {
    let at = |share: f64| {
        let share = Probability::new(share).expect("between 0 and 1");
        quantile(sorted, share).expect("there are values")
    };
    Interval { low: at((1.0 - level) / 2.0), high: at(f64::midpoint(1.0, level)) }
}

/// The median of a sample of the same size that is drawn with replacement.
fn drawn_median(sorted: &[f64], draws: &mut Draws) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 values")]
    let n = sorted.len() as f64;
    let at = |uniform: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to n")]
        let place = (n * uniform) as usize;
        sorted[place.min(sorted.len() - 1)]
    };
    if sorted.len() % 2 == 1 {
        let middle = (n + 1.0) / 2.0;
        return at(beta(middle, middle, draws));
    }
    let half = n / 2.0;
    let lower = beta(half, half + 1.0, draws);
    let upper = 1.0 - (1.0 - lower) * (1.0 - draws.unit()).powf(1.0 / half);
    f64::midpoint(at(lower), at(upper))
}

/// A draw from Beta(a, b), with both at least 1.
fn beta(a: f64, b: f64, draws: &mut Draws) -> f64 {
    let (x, y) = (gamma(a, draws), gamma(b, draws));
    x / (x + y)
}

/// A draw from the Gamma distribution of this shape, at least 1 (G. Marsaglia and W. W. Tsang, "A
/// Simple Method for Generating Gamma Variables", ACM Transactions on Mathematical Software 26, 2000).
fn gamma(shape: f64, draws: &mut Draws) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draws.standard_normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - draws.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of the drawn medians that do not exceed `value`.
    #[expect(clippy::cast_precision_loss, reason = "there are two thousand")]
    fn share_up_to(medians: &[f64], value: f64) -> f64 {
        medians.iter().filter(|median| **median <= value + 1e-9).count() as f64
            / medians.len() as f64
    }

    /// The medians of so many resamples as five runs draw.
    fn many(sorted: &[f64]) -> Vec<f64> {
        (0..5).flat_map(|seed| medians(sorted, Seed(seed))).collect()
    }

    /// For an odd n the median of a resample is at most x₍ᵢ₎ when at least (n + 1) / 2 of its values
    /// are: `scipy.stats.binom.sf(5, 11, i / 11)` of scipy 1.17, for i = 1 to 11. Shares of 10 000 have
    /// a standard deviation of at most 0.005.
    #[test]
    fn the_distribution_of_an_odd_median_is_the_exact_one() {
        let sorted = [1.9, 2.0, 2.1, 2.2, 2.4, 2.6, 2.7, 3.0, 3.1, 3.4, 8.8];
        let exact = [
            0.000_174, 0.007_207, 0.051_247, 0.172_747, 0.378_631, 0.621_369, 0.827_253, 0.948_753,
            0.992_793, 0.999_826, 1.0,
        ];
        let medians = many(&sorted);
        for (value, exact) in sorted.iter().zip(exact) {
            let found = share_up_to(&medians, *value);
            assert!((found - exact).abs() < 0.02, "{value}: {found}, not {exact}");
        }
    }

    /// For an even n it is the mean of two values. The shares are those of 2 000 000 resamples that numpy
    /// drew value by value (`default_rng(1).choice`).
    #[test]
    fn the_distribution_of_an_even_median_is_that_of_resamples_drawn_value_by_value() {
        let sorted = [9.1, 9.7, 9.8, 9.9, 10.1, 10.2, 10.4, 10.5, 11.0, 12.3];
        let medians = many(&sorted);
        for (value, drawn) in [
            (9.8, 0.0544),
            (9.9, 0.1695),
            (10.0, 0.2987),
            (10.1, 0.4360),
            (10.2, 0.6586),
            (10.3, 0.8029),
            (10.45, 0.9399),
            (10.7, 0.9803),
        ] {
            let found = share_up_to(&medians, value);
            assert!((found - drawn).abs() < 0.02, "{value}: {found}, not {drawn}");
        }
    }

    /// Log-normal values, as times are, around a median of 1.
    fn times(seed: u64, n: u64) -> Vec<f64> {
        let draw = |n| Seed(seed).numbered(n).draws().standard_normal();
        let mut times: Vec<f64> = (0..n).map(|n| (0.5 * draw(n)).exp()).collect();
        times.sort_unstable_by(f64::total_cmp);
        times
    }

    /// The intervals are to hold the true median in 95 % of samples. Those of the percentile bootstrap
    /// hold it a little less often when there are few values; of 400 samples, 5 standard deviations are 5.4 %.
    #[test]
    fn nineteen_of_twenty_intervals_hold_the_true_median() {
        for n in [10, 31, 100] {
            let holds = |seed| {
                let interval = central(&medians(&times(seed, n), Seed(seed)), 0.95);
                (interval.low..=interval.high).contains(&1.0)
            };
            let held = (0..400).filter(|seed| holds(*seed)).count();
            assert!((358..=400).contains(&held), "{held} of 400 with n = {n}");
        }
    }

    #[test]
    fn nineteen_of_twenty_intervals_hold_the_true_ratio() {
        let holds = |seed| {
            let base = times(seed, 30);
            let new: Vec<f64> = times(seed + 10_000, 40).iter().map(|time| time * 1.3).collect();
            let interval = median_ratio_95(&base, &new, Seed(seed)).unwrap();
            (interval.low..=interval.high).contains(&1.3)
        };
        let held = (0..400).filter(|seed| holds(*seed)).count();
        assert!((358..=400).contains(&held), "{held} of 400");
        assert_eq!(median_ratio_95(&[], &[1.0], Seed(0)), None);
    }

    #[test]
    fn equal_values_and_two_values_have_intervals_too() {
        let same = central(&medians(&[2.0; 7], Seed(1)), 0.99);
        assert_eq!((same.low, same.high), (2.0, 2.0));
        let two = central(&medians(&[1.0, 3.0], Seed(1)), 0.95);
        assert_eq!((two.low, two.high), (1.0, 3.0));
    }
}
