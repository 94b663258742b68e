//! Over what is counted until a fault begins.

use serde::{Deserialize, Serialize};

/// Over what the bytes and patterns that a fault waits for are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counting {
    /// Each connection counts for itself.
    #[default]
    PerConnection,
    /// All connections of the link that the fault applies to count together. When the count is
    /// complete the fault begins on all of them, those that are idle included, and acts at once on
    /// those that are opened later.
    PerLink,
}

impl Counting {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
