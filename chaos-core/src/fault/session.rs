//! Faults of the sessions of a PostgreSQL database, and of what they share: locks, limits, settings.
//!
//! They are real requests to a real server, made by a session of the library's own, so the
//! application meets what it would meet in production, with the SQLSTATE of the server. See
//! [`Postgres::sabotage`](crate::postgres::Postgres::sabotage).

use serde::{Deserialize, Serialize};

mod builder;
mod kind;
mod label;
mod locks;
mod sessions;

pub use self::builder::{LockTable, TerminateSessions};
pub use self::kind::SessionFaultKind;
pub use self::locks::{LockMode, UnknownLockMode, lock_table};
pub use self::sessions::terminate_sessions;

/// One fault of the sessions of a database, as plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionFault {
    /// What goes wrong.
    pub kind: SessionFaultKind,
    /// Whether it may end without having touched anything. Otherwise that fails the test, where it
    /// can be known.
    #[serde(default)]
    pub may_be_idle: bool,
}

impl SessionFault {
    /// A fault of this kind.
    #[must_use]
    pub const fn new(kind: SessionFaultKind) -> Self {
        Self { kind, may_be_idle: false }
    }
}
