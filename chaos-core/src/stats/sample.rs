//! What a sample of measurements says: its mean and quantiles, and how far they can be trusted.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, quantile};
use crate::probability::Probability;
use crate::seed::Seed;

/// How many samples are drawn from a sample to see how its median varies.
pub const RESAMPLES: u64 = 2_000;

/// The figures of a sample. All of them have the unit of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SampleSummary {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n - 1 in its denominator.
    pub deviation: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The value in the middle, or the mean of the two that are.
    pub median: f64,
    /// At least 95 % of the values are not greater (nearest rank).
    pub p95: f64,
    /// At least 99 % of the values are not greater (nearest rank).
    pub p99: f64,
    /// The 95 % interval of the mean, by Student's t.
    pub mean_95: Interval,
    /// The 99 % interval of the mean, by Student's t.
    pub mean_99: Interval,
    /// The 95 % interval of the median, by the bootstrap.
    pub median_95: Interval,
    /// The 99 % interval of the median, by the bootstrap.
    pub median_99: Interval,
}

impl SampleSummary {
    /// The figures of at least two values; nothing for fewer, or where one is no number.
    ///
    /// The intervals of the mean are mean ± t · s / √n with the quantile t of Student's distribution
    /// for n - 1 degrees of freedom. They hold for the mean of values that are about normal, and
    /// of many others when n is large. Those of the median are the percentiles of the medians of
    /// [`RESAMPLES`] samples drawn with replacement (B. Efron and R. J. Tibshirani, *An Introduction
    /// to the Bootstrap*, 1993, chapter 13), with draws that depend on `seed` only.
    #[must_use]
    pub fn of(values: &[f64], seed: Seed) -> Option<Self> {
        if values.len() < 2 || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mean = mean(values);
        let deviation = deviation(values, mean);
        let at = |percent: f64| {
            let share = Probability::new(percent / 100.0).expect("a percentage");
            quantile(&sorted, share).expect("there are values")
        };
        let medians = medians(&sorted, seed);
        Some(Self {
            n: values.len(),
            mean,
            deviation,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            median: median_of_sorted(&sorted),
            p95: at(95.0),
            p99: at(99.0),
            mean_95: of_mean(values.len(), mean, deviation, 0.95),
            mean_99: of_mean(values.len(), mean, deviation, 0.99),
            median_95: central(&medians, 0.95),
            median_99: central(&medians, 0.99),
        })
    }

    /// Half the width of the 95 % interval of the mean, as a share of the mean.
    #[must_use]
    pub fn relative_width(&self) -> f64 {
        (self.mean_95.high - self.mean_95.low) / 2.0 / self.mean.abs()
    }
}

/// The median of some values; nothing if there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| median_of_sorted(&sorted))
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 values")]
fn number(n: usize) -> f64 {
    n as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

fn deviation(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / number(values.len() - 1)).sqrt()
}

/// The interval of a mean. The quantiles of `statrs` were compared with scipy's: they differ by less
/// than 4e-13.
fn of_mean(n: usize, mean: f64, deviation: f64, level: f64) -> Interval {
    let student = StudentsT::new(0.0, 1.0, number(n - 1)).expect("n is at least 2");
    let t = student.inverse_cdf(0.5 + level / 2.0);
    let half = t * deviation / number(n).sqrt();
    Interval { low: mean - half, high: mean + half }
}

/// The medians of samples drawn from a sample, in ascending order.
fn medians(values: &[f64], seed: Seed) -> Vec<f64> {
    let seed = seed.named("bootstrap");
    let draw = |resample: u64| {
        let mut draws = seed.numbered(resample).draws();
        let mut drawn: Vec<f64> = values
            .iter()
            .map(|_| {
                let place = draws.below(values.len() as u64);
                values[usize::try_from(place).expect("a place in a slice")]
            })
            .collect();
        drawn.sort_unstable_by(f64::total_cmp);
        median_of_sorted(&drawn)
    };
    let mut medians: Vec<f64> = (0..RESAMPLES).map(draw).collect();
    medians.sort_unstable_by(f64::total_cmp);
    medians
}

fn central(sorted: &[f64], level: f64) -> Interval {
    let at = |share: f64| {
        let share = Probability::new(share).expect("between 0 and 1");
        quantile(sorted, share).expect("there are medians")
    };
    Interval { low: at((1.0 - level) / 2.0), high: at(f64::midpoint(1.0, level)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 10] = [9.1, 10.2, 9.8, 10.5, 11.0, 9.7, 10.1, 10.4, 9.9, 12.3];

    fn close(found: f64, wanted: f64, by: f64) -> bool {
        (found - wanted).abs() < by
    }

    /// `numpy`, and `scipy.stats.t.interval` of scipy 1.16.
    #[test]
    fn the_mean_and_its_intervals_are_those_of_scipy() {
        let summary = SampleSummary::of(&VALUES, Seed(1)).unwrap();
        assert!(close(summary.mean, 10.3, 1e-12));
        assert!(close(summary.deviation, 0.8692269873603534, 1e-12));
        assert!(close(summary.mean_95.low, 9.678192471735697, 1e-9), "{summary:?}");
        assert!(close(summary.mean_95.high, 10.921807528264305, 1e-9), "{summary:?}");
        assert!(close(summary.mean_99.low, 9.406705653075287, 1e-9), "{summary:?}");
        assert!(close(summary.mean_99.high, 11.193294346924715, 1e-9), "{summary:?}");
        assert!(close(summary.median, 10.15, 1e-12));
        assert!(close(summary.p95, 12.3, 1e-12) && close(summary.min, 9.1, 1e-12));
    }

    /// `scipy.stats.bootstrap(.., numpy.median, method="percentile")` with 100 000 resamples: 9.8 to
    /// 10.7, and 9.7 to 11.0. Ours are fewer, and the medians of few values come in steps.
    #[test]
    fn the_bootstrap_is_near_that_of_scipy_and_repeats_itself() {
        let summary = SampleSummary::of(&VALUES, Seed(1)).unwrap();
        let near = |found: Interval, low, high| {
            close(found.low, low, 0.11) && close(found.high, high, 0.26)
        };
        assert!(near(summary.median_95, 9.8, 10.7), "{summary:?}");
        assert!(near(summary.median_99, 9.7, 11.0), "{summary:?}");
        assert_eq!(SampleSummary::of(&VALUES, Seed(1)), Some(summary));
    }

    #[test]
    fn nothing_is_said_of_one_value_or_of_no_number() {
        assert_eq!(SampleSummary::of(&[1.0], Seed(1)), None);
        assert_eq!(SampleSummary::of(&[1.0, f64::INFINITY], Seed(1)), None);
        let same = SampleSummary::of(&[2.0, 2.0], Seed(1)).unwrap();
        assert!(close(same.relative_width(), 0.0, 1e-12));
        assert_eq!(median(&[]), None);
    }
}
