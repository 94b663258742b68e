//! An error whose caller knows that nothing was done.

use std::error::Error as StdError;
use std::fmt;

use crate::error::TestError;

/// An error of an operation that certainly took no effect, which only its caller can know: a debit
/// that the service turned down, an answer of HTTP with status 409.
///
/// ```
/// use chaos_core::outcome::{Outcome, Rejected};
///
/// let error = Rejected::new("the account has not enough money");
/// assert_eq!(Outcome::of_error(&error), Outcome::Failed);
/// ```
///
/// Say it of nothing that may still take effect: checkers take an effect of what was rejected for a
/// violation.
#[derive(Debug)]
pub struct Rejected {
    source: TestError,
}

impl Rejected {
    /// Says of an error, or of what the text tells, that the operation took no effect.
    pub fn new(error: impl Into<TestError>) -> Self {
        Self { source: error.into() }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected: {}", self.source)
    }
}

impl StdError for Rejected {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
