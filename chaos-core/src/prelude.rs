//! Everything that a test usually needs: `use chaos_core::prelude::*;`

pub use tokio_postgres::error::SqlState;

pub use crate::all_of;
// Not `unreachable!`, which is the standard library's: `assert::unreachable!`.
pub use crate::assert;
pub use crate::baseline::Sampling;
pub use crate::chaos::{Chaos, Fixture};
pub use crate::check::{Checker, per_key};
pub use crate::client::Client;
pub use crate::contention::Observed;
pub use crate::delay::Delay;
pub use crate::error::{TestError, TestResult};
pub use crate::explore::{Granularity, Mode, cancellation_points, cut_points};
// Faults of sessions and what they share: `pg.sabotage(..)`.
pub use crate::fault::session::{
    LockMode, abort_commits, add_column, cancel_queries, close_database, database_connection_limit,
    deadlock, exhaust_connections, exhaust_sequence, forbid_login, forget_prepared_statements,
    hold_snapshot, idle_in_transaction_timeout, idle_session_timeout, lock_advisory, lock_rows,
    lock_table, lock_timeout, lose_commit_answers, read_only, reject_connections, rename_column,
    rename_table, revoke_connect, rewind_sequence, role_connection_limit, serialization_failure,
    setting, slow_commits, slow_writes, sql_error, statement_timeout, terminate_sessions,
    transaction_timeout,
};
pub use crate::fault::{
    Fault, Severity, SqlCode, bandwidth, black_hole, corrupt, corrupt_every, corrupt_message, cut,
    dead_peer, delay_message, drop_message, duplicate, duplicate_message, error, hang, idle_drop,
    latency, latency_steps, limit, loss, packet_corruption, packet_delay, packet_duplication,
    partition, refuse, reordering, reset, slice, slow_close, stall,
};
// Faults of a pool: `pool.sabotage(..)`.
pub use crate::fault::{
    Poison, die_at_recycle, exhaust, fail_checkout, fail_connect, hand_out_dead, poison,
    slow_checkout, slow_connect,
};
// Faults of the server's processes and files: `pg.sabotage(..)`.
pub use crate::fault::{
    crash, crash_at, disk_full, file_size_limit, memory_limit, pause, pause_part, socket_moved,
    stopped,
};
pub use crate::history::{History, Recorder};
pub use crate::leftover::Leftover;
pub use crate::link::{Link, Network, Target};
pub use crate::load::Load;
pub use crate::outcome::{Outcome, Rejected};
pub use crate::postgres::{Part, Postgres, ServerOptions, StopMode};
#[cfg(feature = "property")]
pub use crate::property::Plan;
pub use crate::run::AlertRule;
pub use crate::schedule::Schedule;
pub use crate::trigger::message::{
    Backend, Frontend, backend, command_complete, commit, commit_complete, frontend, query,
    query_like, query_matching,
};
pub use crate::trigger::{connection, every_nth, first, nth, seen};
pub use crate::units::{ByteUnits, DurationUnits, PercentUnits};
pub use crate::workload;
pub use crate::{always, reachable, sometimes};
