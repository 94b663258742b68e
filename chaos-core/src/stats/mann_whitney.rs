//! Whether one sample tends to be larger than another.

use statrs::distribution::{ContinuousCDF, Normal};

/// Up to how many values together, none of them equal, the distribution is counted out: the counts
/// stay below 2^53, so that no `f64` loses one.
const COUNTED_OUT: usize = 50;

/// The answer of the Mann-Whitney test (Wilcoxon's rank-sum test), one-sided.
///
/// H. B. Mann and D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically
/// Larger than the Other", Annals of Mathematical Statistics 18 (1947).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// In how many pairs the new value is larger; equal ones count as half a pair.
    pub u: f64,
    /// How likely so many are, or more, when both samples come from one distribution.
    pub p_value: f64,
}

impl MannWhitney {
    /// Tests whether `new` tends to be larger than `base`; nothing when one of them is empty or has
    /// something that is no number.
    ///
    /// The distribution of U is counted out up to 50 values without ties. Otherwise it is taken for
    /// normal, with the corrections for ties and for continuity (M. Hollander, D. A. Wolfe and
    /// E. Chicken, *Nonparametric Statistical Methods*, 3rd edition, section 4.1).
    ///
    /// ```
    /// use chaos_core::stats::MannWhitney;
    ///
    /// let slower = [1.1, 2.2, 3.3, 4.4, 5.5];
    /// let base = [0.9, 1.0, 1.9, 2.1, 2.5, 3.0];
    /// let test = MannWhitney::larger(&slower, &base).unwrap();
    /// assert_eq!(test.u, 24.0);
    /// assert!((test.p_value - 0.062771).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn larger(new: &[f64], base: &[f64]) -> Option<Self> {
        let all_numbers = new.iter().chain(base).all(|value| value.is_finite());
        if new.is_empty() || base.is_empty() || !all_numbers {
            return None;
        }
        let pair = |new: &f64, base: &f64| match new.total_cmp(base) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let u = new.iter().map(|new| base.iter().map(|base| pair(new, base)).sum::<f64>()).sum();
        let ties = ties(new, base);
        let p_value = if ties.is_empty() && new.len() + base.len() <= COUNTED_OUT {
            counted_out(new.len(), base.len(), u)
        } else {
            approximated(number(new.len()), number(base.len()), u, &ties)
        };
        Some(Self { u, p_value: p_value.clamp(0.0, 1.0) })
    }
}

#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 values")]
fn number(n: usize) -> f64 {
    n as f64
}

/// How many values are equal, for each value that there is more than one of.
fn ties(new: &[f64], base: &[f64]) -> Vec<f64> {
    let mut all: Vec<f64> = new.iter().chain(base).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    all.chunk_by(|a, b| a == b).map(|equal| number(equal.len())).filter(|n| *n > 1.0).collect()
}

/// The probability of `u` or more, from the number of orders of `n` and `m` values that give it: the
/// coefficients of the Gaussian binomial of n + m over n.
fn counted_out(n: usize, m: usize, u: f64) -> f64 {
    let mut orders = vec![0.0; n * m + 1];
    orders[0] = 1.0;
    for i in 1..=n {
        // Times 1 - q^(m + i), then by 1 - q^i.
        for place in (m + i..orders.len()).rev() {
            orders[place] -= orders[place - m - i];
        }
        for place in i..orders.len() {
            orders[place] += orders[place - i];
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to n * m")]
    let from = u as usize;
    orders[from..].iter().sum::<f64>() / orders.iter().sum::<f64>()
}

fn approximated(n: f64, m: f64, u: f64, ties: &[f64]) -> f64 {
    let all = n + m;
    let lost: f64 = ties.iter().map(|t| t.powi(3) - t).sum::<f64>() / (all * (all - 1.0));
    let variance = n * m / 12.0 * (all + 1.0 - lost);
    if variance <= 0.0 {
        // All values are equal.
        return 1.0;
    }
    let z = (u - n * m / 2.0 - 0.5) / variance.sqrt();
    Normal::standard().sf(z)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-9
    }

    /// `scipy.stats.mannwhitneyu(.., alternative="greater")` of scipy 1.16.
    #[test]
    fn probabilities_are_those_of_scipy() {
        let new: Vec<f64> = (1..=20).map(f64::from).collect();
        let base: Vec<f64> = new.iter().map(|value| value - 3.5).collect();
        let exact = MannWhitney::larger(&new, &base).unwrap();
        assert!(close(exact.u, 264.0) && close(exact.p_value, 0.0429570099928469), "{exact:?}");

        let new: Vec<f64> = (1..=30).map(f64::from).collect();
        let base: Vec<f64> = new.iter().map(|value| value - 3.5).collect();
        let normal = MannWhitney::larger(&new, &base).unwrap();
        assert!(close(normal.u, 549.0) && close(normal.p_value, 0.07265956362043272), "{normal:?}");

        let new = [12., 15., 11., 19., 15., 20., 22., 18., 16., 15.];
        let base = [10., 12., 15., 11., 13., 14., 12., 9., 15., 11., 13., 12.];
        let tied = MannWhitney::larger(&new, &base).unwrap();
        assert!(close(tied.u, 101.5) && close(tied.p_value, 0.003161182250766673), "{tied:?}");
    }

    /// The permeability of membranes, example 4.1 of Hollander, Wolfe and Chicken, which R's
    /// `wilcox.test(x, y, alternative = "g")` has as its own: W = 35, p-value = 0.1272.
    #[test]
    fn the_example_of_the_textbook_has_its_published_answer() {
        let x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let y = [1.15, 0.88, 0.90, 0.74, 1.21];
        let test = MannWhitney::larger(&x, &y).unwrap();
        assert!(close(test.u, 35.0) && close(test.p_value, 0.127_206_127_206_127_2), "{test:?}");
    }

    /// `scipy.stats.mannwhitneyu(.., alternative="greater")` of scipy 1.17: exact up to 50 values, and
    /// `method="asymptotic"` beyond, with heavy ties and in the far tail.
    #[test]
    fn the_largest_counted_sample_ties_and_tails_are_those_of_scipy() {
        let new: Vec<f64> = (0..25).map(f64::from).collect();
        let base: Vec<f64> = new.iter().map(|value| value - 2.5).collect();
        let exact = MannWhitney::larger(&new, &base).unwrap();
        assert!(
            close(exact.u, 372.0) && close(exact.p_value, 0.127_388_003_636_820_15),
            "{exact:?}"
        );

        let (a, b) = ([3., 5., 8., 9., 10., 12., 13.], [1., 2., 11.]);
        let uneven = MannWhitney::larger(&a, &b).unwrap();
        assert!(close(uneven.u, 16.0) && close(uneven.p_value, 2.0 / 15.0), "{uneven:?}");

        let new = [1., 1., 2., 2., 2., 3., 3., 3., 3., 4., 4., 5., 5., 6.].repeat(4);
        let base = [1., 1., 1., 2., 2., 2., 2., 3., 3., 4.].repeat(5);
        let tied = MannWhitney::larger(&new, &base).unwrap();
        assert!(close(tied.u, 1980.0) && close(tied.p_value, 8.090_606_896_786_083e-5), "{tied:?}");

        let new: Vec<f64> = (0..100).map(f64::from).collect();
        let base: Vec<f64> = (0..60).map(|n| f64::from(n) - 30.25).collect();
        let tail = MannWhitney::larger(&new, &base).unwrap();
        let wanted = 7.929_125_823_162_502e-20;
        assert!(close(tail.u, 5565.0), "{tail:?}");
        assert!((tail.p_value / wanted - 1.0).abs() < 1e-9, "{tail:?}");
    }

    #[test]
    fn equal_values_show_nothing_and_no_values_have_no_answer() {
        let same = MannWhitney::larger(&[1.0; 20], &[1.0; 20]).unwrap();
        assert!(close(same.p_value, 1.0));
        assert_eq!(MannWhitney::larger(&[], &[1.0]), None);
        assert_eq!(MannWhitney::larger(&[f64::NAN], &[1.0]), None);
    }

    #[test]
    fn the_test_is_about_one_side_only() {
        let (low, high) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        // One order of 70 is the most extreme one.
        assert!(close(MannWhitney::larger(&high, &low).unwrap().p_value, 1.0 / 70.0));
        assert!(close(MannWhitney::larger(&low, &high).unwrap().p_value, 1.0));
    }
}
