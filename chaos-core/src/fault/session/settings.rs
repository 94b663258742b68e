//! Faults that are settings of the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SessionFaultKind, Setting};

/// Which sessions a setting reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reach {
    /// Those of the application that are opened while it is in effect. They keep it.
    #[default]
    NewSessions,
    /// Those that are open, too, as long as it is in effect.
    AllSessions,
}

/// Changes a setting of the server for the application: `setting("work_mem", "64kB")`.
///
/// It reaches the sessions that are opened while it is in effect, and these keep it until they end;
/// see [`open_sessions_too`](Setting::open_sessions_too) for the others. What was set before for the
/// application's role in its database comes back when the fault is cleared.
pub fn setting(name: impl Into<String>, value: impl Into<String>) -> Setting {
    let (name, value) = (name.into(), value.into());
    SessionFaultKind::Setting { name, value, reach: Reach::NewSessions }.into()
}

/// Cancels statements that take longer: SQLSTATE 57014 (`query_canceled`).
///
/// It bounds no `COMMIT`, which waits for ever behind a slow trigger.
///
/// # Panics
///
/// When `limit` is below 1 ms, as all of these: the server takes 0 for no limit.
#[track_caller]
pub fn statement_timeout(limit: Duration) -> Setting {
    timeout("statement_timeout", limit)
}

/// Cancels statements that wait longer for a lock: SQLSTATE 55P03 (`lock_not_available`).
///
/// # Panics
///
/// When `limit` is below 1 ms.
#[track_caller]
pub fn lock_timeout(limit: Duration) -> Setting {
    timeout("lock_timeout", limit)
}

/// Ends sessions that are idle for longer within a transaction: SQLSTATE 25P03.
///
/// # Panics
///
/// When `limit` is below 1 ms.
#[track_caller]
pub fn idle_in_transaction_timeout(limit: Duration) -> Setting {
    timeout("idle_in_transaction_session_timeout", limit)
}

/// Ends sessions that are idle for longer outside of a transaction: SQLSTATE 57P05. PostgreSQL 14 or
/// newer.
///
/// # Panics
///
/// When `limit` is below 1 ms.
#[track_caller]
pub fn idle_session_timeout(limit: Duration) -> Setting {
    timeout("idle_session_timeout", limit)
}

/// Ends sessions whose transaction takes longer, its commit included: SQLSTATE 25P04. PostgreSQL 17
/// or newer.
///
/// # Panics
///
/// When `limit` is below 1 ms.
#[track_caller]
pub fn transaction_timeout(limit: Duration) -> Setting {
    timeout("transaction_timeout", limit)
}

/// Refuses to write, as a server does after a failover that its clients did not notice: SQLSTATE
/// 25006 (`read_only_sql_transaction`).
pub fn read_only() -> Setting {
    setting("default_transaction_read_only", "on")
}

#[track_caller]
fn timeout(name: &str, limit: Duration) -> Setting {
    let milliseconds = limit.as_millis();
    assert!(milliseconds > 0, "{name} is at least 1ms; the server takes 0 for no limit");
    setting(name, format!("{milliseconds}ms"))
}
