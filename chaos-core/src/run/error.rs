//! Why a run was not carried through.

use std::time::Duration;

use crate::duration::{Display, rounded};

/// Why a run was not carried through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The system did not work before anything was done to it.
    #[error(
        "no steady state before the first fault: {ok} of {total} operations succeeded in {}{}",
        Display(rounded(*.watched)),
        first_error.as_ref().map(|error| format!("; the first error was: {error}")).unwrap_or_default()
    )]
    NoSteadyState {
        /// How many operations succeeded.
        ok: usize,
        /// How many operations ended.
        total: usize,
        /// How long the system was watched.
        watched: Duration,
        /// The first error.
        first_error: Option<String>,
    },
    /// The schedule has no steps, or they take no time.
    #[error(
        "the schedule takes no time; add steps with `.calm(..)` and `.hold(..)`, or say how much is \
         to be done: `Load::clients(8).operations(100)`"
    )]
    EmptySchedule,
    /// A fault of the schedule could not take effect, or could not be undone.
    #[error("the step `{step}` of the schedule failed: {reason}")]
    Fault {
        /// The step.
        step: String,
        /// Why, with all that is known.
        reason: String,
    },
    /// There is nobody to do anything.
    #[error("a run needs at least 1 client")]
    NoClients,
}
