//! Faults of what a database consists of: it changed while the application was running.

use super::{HoldSnapshot, SchemaChange, SequenceChange, SessionFaultKind};

/// Gives a table another name, as a deployment does that is ahead of the application: SQLSTATE 42P01
/// (`undefined_table`). It is given back its name.
pub fn rename_table(table: impl Into<String>) -> SchemaChange {
    SessionFaultKind::RenameTable { table: table.into() }.into()
}

/// Gives a column another name: SQLSTATE 42703 (`undefined_column`). It is given back its name.
pub fn rename_column(table: impl Into<String>, column: impl Into<String>) -> SchemaChange {
    SessionFaultKind::RenameColumn { table: table.into(), column: column.into() }.into()
}

/// Adds a column to a table, which invalidates plans: a prepared `SELECT *` fails with SQLSTATE 0A000
/// (`feature_not_supported`, "cached plan must not change result type"). The column is dropped again,
/// which does the same to what was prepared meanwhile.
pub fn add_column(table: impl Into<String>) -> SchemaChange {
    SessionFaultKind::AddColumn { table: table.into() }.into()
}

/// Has a sequence run out of numbers: SQLSTATE 2200H (`sequence_generator_limit_exceeded`). Its limit
/// is put back.
///
/// A session that has a cache of numbers (`CACHE`) uses it up before.
pub fn exhaust_sequence(sequence: impl Into<String>) -> SequenceChange {
    SessionFaultKind::ExhaustSequence { sequence: sequence.into() }.into()
}

/// Sets a sequence back, so that the next number is `to` and it comes to numbers that are taken:
/// SQLSTATE 23505 (`unique_violation`). When it is cleared it goes on behind the highest number that
/// it ever gave.
pub fn rewind_sequence(sequence: impl Into<String>, to: i64) -> SequenceChange {
    SessionFaultKind::RewindSequence { sequence: sequence.into(), to }.into()
}

/// Keeps an old transaction open, so that `VACUUM` may remove no row that is deleted from now on, and
/// `CREATE INDEX CONCURRENTLY` waits for its end.
pub fn hold_snapshot() -> HoldSnapshot {
    SessionFaultKind::HoldSnapshot.into()
}
