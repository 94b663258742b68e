//! The labels of faults of sessions, as every report has them.

use std::fmt;
use std::num::NonZeroU32;

use super::{Moment, Reach, SessionFault, SessionFaultKind, Survivor};
use crate::duration;

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// `lock_table accounts (ACCESS EXCLUSIVE)`.
impl fmt::Display for SessionFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Setting { name, value, reach } = self {
            write!(f, "{name} = {value}")?;
            let open_too = *reach == Reach::AllSessions;
            return f.write_str(if open_too { " in all sessions" } else { " in new sessions" });
        }
        f.write_str(self.name())?;
        match self {
            Self::TerminateSessions { at_most } | Self::CancelQueries { at_most } => {
                at_most.map_or(Ok(()), |count| write!(f, " {count}"))
            }
            Self::LockTable { table, mode } => write!(f, " {table} ({mode})"),
            Self::LockRows { table, condition } => write!(f, " {table} WHERE {condition}"),
            Self::LockAdvisory { key } => write!(f, " {key}"),
            Self::Deadlock { table, condition, survivor, times } => {
                write!(f, " {table} WHERE {condition}")?;
                if *survivor == Survivor::Application {
                    f.write_str(" (the application survives)")?;
                }
                write_times(f, *times)
            }
            Self::SerializationFailure { table, condition, times } => {
                write!(f, " {table} WHERE {condition}")?;
                write_times(f, *times)
            }
            Self::ExhaustConnections { leaving: 0 } => Ok(()),
            Self::ExhaustConnections { leaving } => write!(f, " leaving {leaving}"),
            Self::RoleConnectionLimit { limit } | Self::DatabaseConnectionLimit { limit } => {
                write!(f, " {limit}")
            }
            Self::SqlError { table, sqlstate, moment, times } => {
                write!(f, " {sqlstate} on {table}")?;
                if *moment == Moment::Commit {
                    f.write_str(" at commit")?;
                }
                write_times(f, *times)
            }
            Self::Slow { table, delay, times, .. } => {
                write!(f, " {} on {table}", duration::Display(*delay))?;
                write_times(f, *times)
            }
            Self::ForgetPreparedStatements { table, times }
            | Self::AbortCommits { table, times } => {
                write!(f, " on {table}")?;
                write_times(f, *times)
            }
            Self::LoseCommitAnswers { times } => write_times(f, *times),
            Self::RenameTable { table } | Self::AddColumn { table } => write!(f, " {table}"),
            Self::RenameColumn { table, column } => write!(f, " {table}.{column}"),
            Self::ExhaustSequence { sequence } => write!(f, " {sequence}"),
            Self::RewindSequence { sequence, to } => write!(f, " {sequence} to {to}"),
            Self::CloseDatabase
            | Self::ForbidLogin
            | Self::RevokeConnect
            | Self::RejectConnections
            | Self::HoldSnapshot
            | Self::Setting { .. } => Ok(()),
        }
    }
}

fn write_times(f: &mut fmt::Formatter<'_>, times: Option<NonZeroU32>) -> fmt::Result {
    match times {
        None => Ok(()),
        Some(NonZeroU32::MIN) => f.write_str(", once"),
        Some(times) => write!(f, ", {times} times"),
    }
}
