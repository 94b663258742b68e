//! What a sample of measurements says: its mean and quantiles, and how far they can be trusted.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::bootstrap::{central, medians};
use super::{Interval, quantile};
use crate::probability::Probability;
use crate::seed::Seed;

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
    /// [`RESAMPLES`](super::RESAMPLES) samples drawn with replacement (B. Efron and R. J. Tibshirani, *An Introduction
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
        self.mean_95.relative_half_width(self.mean)
    }
}

impl Interval {
    fn relative_half_width(self, of: f64) -> f64 {
        (self.high - self.low) / 2.0 / of.abs()
    }
}

/// What [`SampleSummary::relative_width`] says of at least two values, at the cost of two passes over
/// them.
pub(crate) fn relative_width(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    (values.len() >= 2).then(|| {
        let deviation = deviation(values, mean);
        of_mean(values.len(), mean, deviation, 0.95).relative_half_width(mean)
    })
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

    /// `scipy.stats.t.interval(level, 11, loc=mean, scale=s / sqrt(12))` of scipy 1.17, of skewed values.
    #[test]
    fn the_intervals_of_skewed_values_are_those_of_scipy() {
        let values = [2.1, 3.4, 1.9, 8.8, 2.2, 2.7, 3.1, 2.4, 2.0, 2.6, 3.0, 2.5];
        let summary = SampleSummary::of(&values, Seed(1)).unwrap();
        assert!(close(summary.mean, 3.058_333_333_333_333_6, 1e-12));
        assert!(close(summary.deviation, 1.865_699_154_026_000_4, 1e-12));
        for (found, low, high) in [
            (summary.mean_95, 1.872_924_645_186_794_7, 4.243_742_021_479_872),
            (summary.mean_99, 1.385_605_096_006_597_3, 4.731_061_570_660_07),
        ] {
            assert!(close(found.low, low, 1e-9) && close(found.high, high, 1e-9), "{summary:?}");
        }
    }

    /// The quantiles of Student's distribution for 1, 29 and 999 degrees of freedom:
    /// `scipy.stats.t.ppf([0.975, 0.995], n - 1)` of scipy 1.17.
    #[test]
    fn intervals_of_few_and_of_many_values_use_the_quantiles_of_scipy() {
        for (n, at_95, at_99) in [
            (2, 12.706_204_736_174_694, 63.656_741_162_871_526),
            (30, 2.045_229_642_132_703, 2.756_385_903_670_605),
            (1_000, 1.962_341_461_133_449_3, 2.580_759_637_267_646_5),
        ] {
            for (level, quantile) in [(0.95, at_95), (0.99, at_99)] {
                let interval = of_mean(n, 0.0, number(n).sqrt(), level);
                assert!(close(interval.high, quantile, 1e-9 * quantile), "{n} {level}");
                assert!(close(interval.low, -interval.high, 1e-12));
            }
        }
    }

    #[test]
    fn the_width_that_sampling_looks_at_is_that_of_the_summary() {
        let summary = SampleSummary::of(&VALUES, Seed(1)).unwrap();
        assert_eq!(relative_width(&VALUES), Some(summary.relative_width()));
        assert_eq!(relative_width(&[1.0]), None);
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
