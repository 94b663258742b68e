//! The range in which a figure lies.

use statrs::distribution::{Beta, ContinuousCDF};

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
/// By bisection, because `inverse_cdf` of `statrs` is wrong, or does not end, in the far lower
/// tail of a small first parameter: <https://github.com/statrs-dev/statrs/issues/435>.
fn quantile(beta: &Beta, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // 60 halvings leave less than 1e-18, far below what any report shows.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beta.cdf(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}
