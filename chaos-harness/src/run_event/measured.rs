//! What a test measured by itself, and what noticed its faults.

use serde::{Deserialize, Serialize};

/// How long something took, each time that it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BaselineSummary {
    /// What was measured.
    pub name: String,
    /// The values, in nanoseconds.
    pub samples_ns: Vec<u64>,
}

/// Something that noticed a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignalSummary {
    /// What it is called.
    pub name: String,
    /// When, in nanoseconds since the attempt began.
    pub at_ns: u64,
}

/// How a server came to accept connections again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerReturn {
    /// The name of the link to it.
    pub target: String,
    /// How long it took, in nanoseconds: since it was started or resumed, or since one of its
    /// processes was killed.
    pub after_ns: u64,
    /// Whether it recovered from a crash first.
    pub recovered: bool,
}
