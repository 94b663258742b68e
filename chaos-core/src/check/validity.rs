//! The three answers of a checker.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a checker says of a history. The worse answer is the greater one, so that several checkers
/// are put together by [`max`](Ord::max).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// The history is possible under what was asked for.
    Valid,
    /// Nothing speaks against it, but it proves nothing: it is empty, or the search was given up.
    Unknown,
    /// The history is impossible under what was asked for.
    Violated,
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Unknown => "unknown",
            Self::Violated => "violated",
        })
    }
}
