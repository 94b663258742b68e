//! What the explorations of an attempt came to.

use chaos_core::event::SkippedPoints;
use chaos_core::outcome::Outcome;
use serde::{Deserialize, Serialize};

/// What an exploration came to: its coverage, and where a promise breaks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplorationSummary {
    /// How many messages a run without faults exchanges; 0 where points are no messages.
    pub messages: u64,
    /// Over how many connections.
    pub connections: u64,
    /// How many points were tried, and met.
    pub tried: u64,
    /// After how many of them something was wrong.
    pub violated: u64,
    /// How many were not met.
    pub not_met: u64,
    /// What was left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedPoints>,
    /// The first points after which something was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenPoint>,
}

/// A point after which something was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BrokenPoint {
    /// What repeats it: `CHAOS_REPLAY=<token>`.
    pub token: String,
    /// Where the fault struck and how, in words.
    pub point: String,
    /// What the operation came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What was wrong afterwards, in words.
    pub findings: Vec<String>,
}
