//! The range in which a figure lies.

use statrs::distribution::{Beta, Continuous, ContinuousCDF};
use statrs::statistics::Distribution;

/// A range of rates, between 0 and 1, or of other figures in their unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The middle 95 % of a distribution.
    pub(super) fn central_95_percent(beta: &Beta) -> Self {
        Self { low: quantile(beta, 0.025), high: quantile(beta, 0.975) }
    }
}

/// The rate below which the given share of the distribution lies.
///
/// By Newton's method, kept within a bracket that is halved where a step would leave it, because
/// `inverse_cdf` of `statrs` is wrong, or does not end, in the far lower tail of a small first parameter:
/// <https://github.com/statrs-dev/statrs/issues/435>.
fn quantile(beta: &Beta, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut rate = beta.mean().unwrap_or(0.5);
    // So many halvings alone leave less than 1e-18, far below what any report shows.
    for _ in 0..60 {
        let excess = beta.cdf(rate) - share;
        if excess < 0.0 {
            low = rate;
        } else {
            high = rate;
        }
        let step = rate - excess / beta.pdf(rate);
        // It is nowhere if the density is.
        let next = if step > low && step < high { step } else { f64::midpoint(low, high) };
        let moved = (next - rate).abs();
        rate = next;
        if moved <= 1e-13 * rate {
            break;
        }
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_another_implementation() {
        // scipy.stats.beta(a, b).ppf(share)
        for (a, b, share, expected) in [
            (0.3, 3.0, 0.025, 1.1958136844439e-06),
            (0.3, 3.0, 0.975, 5.0734963967454e-01),
            (0.3, 43.0, 0.025, 7.4691969881850e-08),
            (0.3, 1003.0, 0.025, 3.1772591697256e-09),
            (0.3, 2003.0, 0.975, 9.4842450144823e-04),
            (10.3, 93.0, 0.025, 4.9971787377258e-02),
            (300.3, 703.0, 0.975, 3.2800643911924e-01),
            (40.3, 3.0, 0.025, 8.3943359956537e-01),
            (2000.3, 3.0, 0.975, 9.9969091262402e-01),
            (0.5, 0.5, 0.025, 1.5413331334360e-03),
        ] {
            let found = quantile(&Beta::new(a, b).unwrap(), share);
            let error = (found - expected).abs() / expected;
            assert!(error < 1e-9, "Beta({a}, {b}) at {share}: {found}");
        }
    }
}
