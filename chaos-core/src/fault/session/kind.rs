//! The kinds of faults of sessions, with what each of them needs to know.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::LockMode;

/// The kinds of faults of sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[non_exhaustive]
pub enum SessionFaultKind {
    /// See [`terminate_sessions`](super::terminate_sessions()).
    TerminateSessions {
        /// How many, the oldest first; all of them if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<NonZeroU32>,
    },
    /// See [`lock_table`](super::lock_table()).
    LockTable {
        /// The table, as it is written in SQL.
        table: String,
        /// How it is locked.
        mode: LockMode,
    },
}

impl SessionFaultKind {
    /// The name of the function that builds it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TerminateSessions { .. } => "terminate_sessions",
            Self::LockTable { .. } => "lock_table",
        }
    }

    /// Whether it can be known that the fault touched something.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        match self {
            Self::TerminateSessions { .. } | Self::LockTable { .. } => true,
        }
    }

    /// What it means that the fault touched nothing, and what the reason may be.
    pub(crate) const fn silence(&self) -> &'static str {
        match self {
            Self::TerminateSessions { .. } => {
                "found no session of the application; is the pool connected to this database \
                 already?"
            }
            Self::LockTable { .. } => {
                "no session waited for it; does the application use what is locked, and wait for \
                 longer than 10ms?"
            }
        }
    }
}
