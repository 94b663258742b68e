//! Whether values that follow each other are alike.

use statrs::distribution::{ContinuousCDF, Normal};

/// The answer of the rank version of von Neumann's ratio test, one-sided.
///
/// R. Bartels, "The Rank Version of von Neumann's Ratio Test for Randomness", Journal of the American
/// Statistical Association 77 (1982).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SerialDependence {
    /// The squared differences of the ranks of neighbours, over those of all from their mean: about 2
    /// where the order is random, and less where neighbours are alike.
    pub ratio: f64,
    /// How likely a ratio is that is as small, or smaller, when the order is random.
    pub p_value: f64,
}

impl SerialDependence {
    /// Tests whether neighbours are more alike than by chance; nothing for fewer than ten values, where
    /// one is no number, or where all are equal. Equal values have the mean of their ranks.
    ///
    /// The ratio is taken for normal with mean 2 and variance 4 (n - 2) (5n² - 2n - 9) / (5n (n + 1)
    /// (n - 1)²), which Bartels found good from ten values on.
    ///
    /// ```
    /// use chaos_core::stats::SerialDependence;
    ///
    /// let drifts: Vec<f64> = (0..20).map(f64::from).collect();
    /// assert!(SerialDependence::positive(&drifts).unwrap().p_value < 1e-4);
    /// ```
    #[must_use]
    pub fn positive(values: &[f64]) -> Option<Self> {
        if values.len() < 10 || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let ranks = ranks(values);
        let n = number(values.len());
        let mean = (n + 1.0) / 2.0;
        let all: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
        if all <= 0.0 {
            return None;
        }
        let neighbours: f64 = ranks.windows(2).map(|pair| (pair[0] - pair[1]).powi(2)).sum();
        let ratio = neighbours / all;
        let variance = 4.0 * (n - 2.0) * (5.0 * n * n - 2.0 * n - 9.0)
            / (5.0 * n * (n + 1.0) * (n - 1.0).powi(2));
        let p_value = Normal::standard().cdf((ratio - 2.0) / variance.sqrt());
        Some(Self { ratio, p_value })
    }
}

#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 values")]
fn number(n: usize) -> f64 {
    n as f64
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = number(below) + (number(equal.len()) + 1.0) / 2.0;
        equal.iter().for_each(|place| ranks[*place] = rank);
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// The changes of stock levels of J. D. Gibbons and S. Chakraborti, *Nonparametric Statistical
    /// Inference*, which the package randtests of R has as its example of `bartels.rank.test`: the
    /// standardised statistic is 0.083357, the ratio 2.048485.
    #[test]
    fn the_published_example_has_its_answer() {
        let changes = [528., 348., 264., -20., -167., 575., 410., -4., 430., -122.];
        let test = SerialDependence::positive(&changes).unwrap();
        assert!((test.ratio - 169.0 / 82.5).abs() < 1e-12, "{test:?}");
        let wanted = Normal::standard().cdf(0.083_357);
        assert!((test.p_value - wanted).abs() < 1e-5, "{test:?}");
    }

    #[test]
    fn equal_values_share_their_ranks_and_say_nothing_when_all_are_equal() {
        assert_eq!(ranks(&[2.0, 1.0, 2.0, 3.0]), [2.5, 1.0, 2.5, 4.0]);
        assert_eq!(SerialDependence::positive(&[1.0; 20]), None);
        assert_eq!(SerialDependence::positive(&[1.0, 2.0]), None);
    }

    #[test]
    fn a_random_order_is_called_dependent_as_often_as_the_level_says() {
        for n in [10_u64, 40, 200] {
            let alarms = (0..2_000_u64).filter(|run| {
                let draw = |at| Seed(*run).numbered(n).numbered(at).draws().standard_normal();
                let values: Vec<f64> = (0..n).map(draw).collect();
                SerialDependence::positive(&values).unwrap().p_value < 0.05
            });
            let share = number(alarms.count()) / 2_000.0;
            // The standard error is half a point.
            assert!((0.03..0.07).contains(&share), "{share} at {n}");
        }
    }
}
