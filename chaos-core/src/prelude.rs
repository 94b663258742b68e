//! Everything that a test usually needs: `use chaos_core::prelude::*;`

pub use tokio_postgres::error::SqlState;

pub use crate::chaos::{Chaos, Fixture};
pub use crate::client::Client;
pub use crate::delay::Delay;
pub use crate::error::{TestError, TestResult};
pub use crate::fault::{
    Fault, Severity, SqlCode, bandwidth, black_hole, corrupt, corrupt_every, corrupt_message, cut,
    dead_peer, delay_message, drop_message, duplicate, duplicate_message, error, hang, idle_drop,
    latency, latency_steps, limit, loss, packet_corruption, packet_duplication, partition, refuse,
    reordering, reset, slice, slow_close, stall,
};
// Faults of the server: `pg.sabotage(..)`.
pub use crate::fault::{
    crash, disk_full, file_size_limit, lock_table, memory_limit, pause, pause_part, socket_moved,
    stopped, terminate_sessions,
};
pub use crate::leftover::Leftover;
pub use crate::link::{Link, Network, Target};
pub use crate::load::Load;
pub use crate::outcome::Outcome;
pub use crate::postgres::{Part, Postgres, ServerOptions, StopMode};
pub use crate::schedule::Schedule;
pub use crate::trigger::message::{
    Backend, Frontend, backend, command_complete, commit, commit_complete, frontend, query,
    query_like, query_matching,
};
pub use crate::trigger::{connection, every_nth, first, nth, seen};
pub use crate::units::{ByteUnits, DurationUnits, PercentUnits};
