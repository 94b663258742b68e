//! From when on a difference between baselines counts.

use chaos_core::baseline::{LEAST_EFFECT, LEVEL};
use chaos_core::probability::Probability;

use crate::config::Pattern;

/// From when on something counts as slower.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    alpha: Probability,
    effect: f64,
    /// Of the baselines whose names match; the first that matches counts.
    effects: Vec<(Vec<Pattern>, f64)>,
}

impl Default for Criteria {
    /// [`LEVEL`] and [`LEAST_EFFECT`].
    fn default() -> Self {
        let alpha = Probability::new(LEVEL).expect("a probability");
        Self { alpha, effect: LEAST_EFFECT, effects: Vec::new() }
    }
}

impl Criteria {
    pub(crate) fn new(
        alpha: Option<Probability>,
        effect: Option<f64>,
        effects: Vec<(Vec<Pattern>, f64)>,
    ) -> Self {
        let default = Self::default();
        let (alpha, effect) = (alpha.unwrap_or(default.alpha), effect.unwrap_or(default.effect));
        Self { alpha, effect, effects }
    }

    /// The probability with which anything may be called slower although nothing is.
    #[must_use]
    pub const fn alpha(&self) -> Probability {
        self.alpha
    }

    /// How many times as large the median has to be of what has this name, or this name and that of its
    /// test before it: `pool::drains: checkout`.
    pub(super) fn effect(&self, name: &str, full_name: &str) -> f64 {
        let matches = |(patterns, _): &&(Vec<Pattern>, f64)| {
            patterns.iter().any(|pattern| pattern.matches(name) || pattern.matches(full_name))
        };
        self.effects.iter().find(matches).map_or(self.effect, |(_, effect)| *effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_the_short_or_the_full_name_counts() {
        let effects = vec![
            (vec![Pattern::new("recovery*")], 2.0),
            (vec![Pattern::new("pool::*"), Pattern::new("recovery*")], 1.5),
        ];
        let criteria = Criteria::new(None, Some(1.2), effects);
        assert_eq!(criteria.effect("recovery of pool", "pool::x: recovery of pool"), 2.0);
        assert_eq!(criteria.effect("checkout", "pool::x: checkout"), 1.5);
        assert_eq!(criteria.effect("checkout", "cache::x: checkout"), 1.2);
        assert_eq!(criteria.alpha().get(), LEVEL);
    }
}
