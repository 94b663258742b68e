//! Several tests at once.

/// Adjusts the p-values of several tests made together, by the method of Holm: among those that are
/// below a level afterwards, a false one is no more likely than that level, however many tests there
/// were and however they depend on each other.
///
/// S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
/// Statistics 6 (1979). The answers have the order of the questions.
///
/// ```
/// use chaos_core::stats::holm;
///
/// // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
/// let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
/// let wanted = [0.03, 0.06, 0.06, 0.02];
/// assert!(adjusted.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12));
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "nobody makes 2^53 tests")]
        let left = (p_values.len() - rank) as f64;
        least = least.max((p_values[*place] * left).min(1.0));
        adjusted[*place] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_test_needs_no_adjustment_and_none_has_no_answer() {
        assert_eq!(holm(&[0.2]), [0.2]);
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    /// The fifteen p-values of Y. Benjamini and Y. Hochberg (Journal of the Royal Statistical Society B
    /// 57, 1995, section 4), in another order. The answers are `multipletests(p, method="holm")` of
    /// statsmodels 0.15.
    #[test]
    fn fifteen_tests_are_adjusted_as_by_statsmodels() {
        let p = [
            0.0001, 0.0459, 0.6528, 0.0344, 0.0298, 0.0095, 0.0004, 0.4262, 0.0278, 0.7590, 1.0,
            0.0201, 0.5719, 0.3240, 0.0019,
        ];
        let wanted = [
            0.0015, 0.3213, 1.0, 0.278, 0.278, 0.114, 0.0056, 1.0, 0.278, 1.0, 1.0, 0.2211, 1.0,
            1.0, 0.0247,
        ];
        let adjusted = holm(&p);
        assert!(
            adjusted.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12),
            "{adjusted:?}"
        );
    }
}
