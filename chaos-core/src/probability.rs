//! A probability that was checked once, where it was written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A probability between 0 and 1, both included.
///
/// ```
/// use chaos_core::prelude::*;
/// use chaos_core::probability::Probability;
///
/// assert_eq!(Probability::new(0.05)?, 5.percent());
/// assert!(Probability::new(1.5).is_err());
/// # Ok::<(), chaos_core::probability::InvalidProbability>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// A number that is no probability.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a probability lies between 0 and 1 (0 % and 100 %), not {0}")]
pub struct InvalidProbability(f64);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0.0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1.0);

    /// Checks that `value` lies between 0 and 1.
    ///
    /// # Errors
    ///
    /// When it lies outside, or is not a number.
    pub fn new(value: f64) -> Result<Self, InvalidProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(InvalidProbability(value)) }
    }

    /// The probability as a number between 0 and 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = InvalidProbability;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounding hides the representation error of, say, 7 % without hiding 0.01 %.
        write!(f, "{} %", (self.0 * 1e8).round() / 1e6)
    }
}
