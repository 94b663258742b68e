//! The labels of faults of sessions, as every report has them.

use std::fmt;

use super::{SessionFault, SessionFaultKind};

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// `lock_table accounts (ACCESS EXCLUSIVE)`.
impl fmt::Display for SessionFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::TerminateSessions { at_most: None } => Ok(()),
            Self::TerminateSessions { at_most: Some(count) } => write!(f, " {count}"),
            Self::LockTable { table, mode } => write!(f, " {table} ({mode})"),
        }
    }
}
