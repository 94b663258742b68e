//! Faults in which a transaction of the library gets in the way of one of the application.

use serde::{Deserialize, Serialize};

use super::{Deadlock, SerializationFailure, SessionFaultKind};

/// Which of the two transactions in a deadlock goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Survivor {
    /// That of the library: the application fails with SQLSTATE 40P01.
    #[default]
    Saboteur,
    /// That of the application, after it has waited.
    Application,
}

/// Makes a deadlock with whoever writes or locks rows of `table` that meet `condition`, and has it
/// fail with SQLSTATE 40P01 (`deadlock_detected`).
///
/// The condition is SQL, such as `id = 1`, and has to hold for at least one row. The library locks
/// these rows; when a session waits for them, it asks for a lock that this session holds. The server
/// finds the deadlock after the session's `deadlock_timeout` (1 s by default).
///
/// With [`application_survives`](Deadlock::application_survives) the library's transaction is the
/// victim, at once, and the application's goes on.
///
/// It happens over and over, or so many [`times`](Deadlock::times). Where the application survives,
/// its next transaction may slip through before the library has the rows again.
///
/// It needs a superuser, as `deadlock_timeout` decides who the victim is.
pub fn deadlock(table: impl Into<String>, condition: impl Into<String>) -> Deadlock {
    let (table, condition) = (table.into(), condition.into());
    let survivor = Survivor::Saboteur;
    SessionFaultKind::Deadlock { table, condition, survivor, times: None }.into()
}

/// Changes rows of `table` that meet `condition` while a transaction is about to, so that it fails
/// with SQLSTATE 40001 (`serialization_failure`) if it is `REPEATABLE READ` or `SERIALIZABLE`.
///
/// The condition is SQL, such as `id = 1`, and has to hold for at least one row. The rows get a new
/// version with the same values, so there is nothing to undo. A `READ COMMITTED` transaction waits
/// for a moment and goes on.
///
/// It happens over and over, or so many [`times`](SerializationFailure::times). A transaction may slip
/// through before the library has the rows again; to have exactly the first three fail, use
/// `sql_error(table, SqlState::T_R_SERIALIZATION_FAILURE).times(3)`.
pub fn serialization_failure(
    table: impl Into<String>,
    condition: impl Into<String>,
) -> SerializationFailure {
    let (table, condition) = (table.into(), condition.into());
    SessionFaultKind::SerializationFailure { table, condition, times: None }.into()
}
