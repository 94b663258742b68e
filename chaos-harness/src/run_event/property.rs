//! What the properties of an attempt came to.

use chaos_core::event::ShrunkCase;
use serde::{Deserialize, Serialize};

/// What a property came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PropertySummary {
    /// On how many new cases it was to be tried.
    pub wanted: u64,
    /// On how many it was tried.
    pub cases: u64,
    /// In how many of them no fault touched anything.
    pub vacuous: u64,
    /// How many kept cases were tried.
    pub replayed: u64,
    /// Whether one of all these failed.
    pub failed: bool,
    /// What the failing case was made smaller to, if it was a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<ShrunkCase>,
    /// The file that keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
