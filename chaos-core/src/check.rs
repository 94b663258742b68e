//! Checks: what has to hold, and what was found.
//!
//! A named check compares two values; see [`Chaos::check`](crate::Chaos::check). Checkers judge a
//! whole [`History`](crate::history::History) of what the clients of a system did and saw:
//!
//! * [`transactions`]: whether transactions were isolated from each other;
//! * [`linearizability`]: whether concurrent operations have the effect of some order one after another;
//! * [`invariants`]: promises that services make, such as that money is conserved.
//!
//! Each is a [`Checker`] and answers with a [`Report`]; [`all_of!`](crate::all_of) and [`per_key`]
//! combine them. [`Chaos::judge`](crate::Chaos::judge) fails the test unless the answer is *valid*: an
//! unknown answer proves nothing, and a test that proves nothing must not pass silently.

use std::fmt;
use std::panic::Location;

mod amount;
mod checker;
mod evidence;
#[cfg(test)]
mod hostile_tests;
pub mod invariants;
mod isolation;
mod label;
pub mod linearizability;
mod not_upheld;
mod overlap;
mod per_key;
mod report;
pub mod transactions;
mod validity;

pub use self::amount::Amount;
pub use self::checker::{AllOf, CheckError, Checker, MayBeVacuous};
pub use self::evidence::{Evidence, Rows};
pub use self::invariants::*;
pub use self::isolation::{Isolation, isolation};
pub use self::not_upheld::NotUpheld;
pub use self::per_key::{PerKey, per_key};
pub use self::report::{CycleStep, Report, Violation};
pub use self::validity::Validity;

/// A named check that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {finding}")]
pub struct CheckFailed {
    pub(crate) name: String,
    pub(crate) finding: Finding,
    pub(crate) location: &'static Location<'static>,
}

impl CheckFailed {
    /// What ought to have held.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the check was made.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Something other than what was expected.
    Differs { found: String, expected: String },
    /// That it does not hold.
    False,
    /// What a report says.
    Report { text: String },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { found, expected } => write!(f, "expected {expected}, found {found}"),
            Self::False => f.write_str("does not hold"),
            Self::Report { text } => f.write_str(text),
        }
    }
}
