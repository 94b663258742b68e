//! What a selection by name made of a run, and why tests of it were not begun.

use serde::{Deserialize, Serialize};

/// A selection that was asked for by name: `--chaos-select smoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SelectionSummary {
    /// Its name.
    pub name: String,
    /// How long the run may take, in milliseconds; absent for as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_ms: Option<u64>,
    /// How many tests were chosen to run.
    pub chosen: u64,
    /// How long they are expected to take together, in milliseconds.
    pub expected_ms: u64,
    /// How many tests were left out, of those that the filters left.
    pub not_selected: u64,
    /// How long these would be expected to take by themselves, in milliseconds.
    pub not_selected_ms: u64,
}

/// Why a test was not begun that was to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipCause {
    /// The phase that it is of stays locked.
    PhaseLocked,
    /// The budget of the selection was used up.
    OutOfTime,
    /// The run was interrupted, or a test failed before it (`--fail-fast`).
    Stopped,
}
