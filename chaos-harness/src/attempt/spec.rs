//! What the harness tells the process of an attempt.

use std::path::PathBuf;
use std::time::Duration;

use chaos_core::seed::Seed;
use chaos_core::sizing::Sizing;
use serde::{Deserialize, Serialize};

use crate::config::run::TraceLevel;

/// The environment variable that makes a process an attempt.
pub(crate) const VARIABLE: &str = "CHAOS_INTERNAL_ATTEMPT";

/// The first argument of a process that is an attempt, where the command line is ours.
///
/// The variable alone would not do: what a test starts inherits it, and a test binary among that is
/// no attempt.
pub(crate) const ARGUMENT: &str = "--chaos-attempt";

/// Everything that it takes to run one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The name of the test.
    pub(crate) test: String,
    /// Which attempt, counted from 1.
    pub(crate) attempt: u32,
    /// The seed.
    pub(crate) seed: Seed,
    /// How loads, times and pools are fitted to the machine.
    pub(crate) sizing: Sizing,
    /// The file of the journal.
    pub(crate) journal: PathBuf,
    /// How long the test may run; absent for as long as it likes.
    pub(crate) timeout: Option<Duration>,
    /// The process of the harness. When it is gone, the attempt ends.
    pub(crate) harness: u32,
    /// Whether standard output is a file of this attempt.
    pub(crate) captured: bool,
    /// Whether explorations only compare runs without faults.
    pub(crate) check_determinism: bool,
    /// How much is kept of what happens before a failure; nothing for none.
    pub(crate) diagnostics: Duration,
    /// What is traced where the code under test sets no subscriber.
    pub(crate) trace: TraceLevel,
}

/// The variable is set, and not by a harness of this version.
#[derive(Debug, thiserror::Error)]
#[error(
    "the environment variable {VARIABLE} is set by the harness for processes of its own; unset it"
)]
pub(crate) struct InvalidSpec {
    source: serde_json::Error,
}

impl Spec {
    /// The value of the environment variable.
    ///
    /// # Errors
    ///
    /// When the path of the journal is not valid UTF-8.
    pub(crate) fn to_variable(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The specification that this process was given, if it was given any.
    ///
    /// # Errors
    ///
    /// When the variable holds something else.
    pub(crate) fn from_variable() -> Result<Option<Self>, InvalidSpec> {
        let Some(value) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let spec = serde_json::from_slice(value.as_encoded_bytes());
        spec.map(Some).map_err(|source| InvalidSpec { source })
    }
}
