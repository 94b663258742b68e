//! Quantiles of what was measured.

use crate::probability::Probability;

/// The value that at least the given share of the values does not exceed; nothing when there are
/// no values.
///
/// This is the nearest rank, definition 1 of Hyndman and Fan, "Sample Quantiles in Statistical
/// Packages", The American Statistician 50 (1996): always a value that was measured, never one
/// between two. `sorted` must be in ascending order.
///
/// ```
/// use chaos_core::prelude::*;
/// use chaos_core::stats::quantile;
///
/// let latencies = [1.ms(), 2.ms(), 3.ms(), 90.ms()];
/// assert_eq!(quantile(&latencies, 50.percent()), Some(2.ms()));
/// assert_eq!(quantile(&latencies, 99.percent()), Some(90.ms()));
/// ```
#[must_use]
pub fn quantile<T: Copy>(sorted: &[T], share: Probability) -> Option<T> {
    #[expect(clippy::cast_precision_loss, reason = "no slice has 2^53 elements")]
    let exact = share.get() * sorted.len() as f64;
    // 7 % of 100 is 7.000000000000001 in binary, and its rank is 7.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to len")]
    let rank = (exact * (1.0 - 1e-12)).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::PercentUnits;

    #[test]
    fn every_percent_of_a_hundred_values_is_the_value_of_that_rank() {
        let values: Vec<u64> = (1..=100).collect();
        for percent in 1..=100_u64 {
            assert_eq!(quantile(&values, percent.percent()), Some(percent));
        }
        assert_eq!(quantile(&values, 0.percent()), Some(1));
        assert_eq!(quantile(&values, 99.1.percent()), Some(100));
    }

    #[test]
    fn few_values_and_none_have_quantiles_too() {
        assert_eq!(quantile(&[7], 50.percent()), Some(7));
        assert_eq!(quantile(&[1, 2], 50.percent()), Some(1));
        assert_eq!(quantile(&[1, 2], 51.percent()), Some(2));
        assert_eq!(quantile::<u8>(&[], 50.percent()), None);
    }
}
