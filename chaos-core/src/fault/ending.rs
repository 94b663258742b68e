//! Faults that end a connection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::builder::{Cut, IdleDrop, Limit, Reset};
use super::{Fault, FaultKind};

/// What becomes of a connection that was quiet for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdleEnd {
    /// Nobody is told. It looks open, and what is sent into it is lost.
    Silent,
    /// It is ended (FIN).
    Fin,
    /// It is reset (RST).
    Reset,
}

/// Ends a connection (FIN) when `bytes` bytes have passed in a direction, tearing a message if need be.
///
/// 0 ends it instead of delivering the first byte: with [`downstream`](Limit::downstream) a request
/// is served, and its reply is lost.
pub fn limit(bytes: u64) -> Limit {
    Fault::new(FaultKind::Limit { bytes }).into()
}

/// Ends connections (FIN), as a server does that closes its sockets properly.
///
/// Open connections end when the fault is injected. Connections that are opened while it is active
/// are accepted and then ended; add [`refuse`](super::refuse()) to have them refused.
pub fn cut() -> Cut {
    Fault::new(FaultKind::Cut).into()
}

/// Resets connections (RST), as a crashed process or a firewall does.
///
/// Open connections are reset when the fault is injected, connections that are opened while it is
/// active as soon as they are accepted.
pub fn reset() -> Reset {
    Fault::new(FaultKind::Reset).into()
}

/// Drops a connection once no byte moved on it, in either direction, for `after`.
///
/// By default nobody is told, as with a NAT that forgot the connection: both sides find it open, and
/// what they send from then on is lost. A connection that was forgotten stays so: when the fault is
/// cleared it is reset. [`fin`](IdleDrop::fin) and [`reset`](IdleDrop::reset) tell both sides at once.
///
/// The time counts from the last byte, or from when the fault met the connection.
///
/// # Panics
///
/// When `after` is 0.
#[track_caller]
pub fn idle_drop(after: Duration) -> IdleDrop {
    assert!(
        !after.is_zero(),
        "a connection is idle for longer than 0s before it is dropped; to end it at once use \
         `cut()` or `reset()`"
    );
    Fault::new(FaultKind::IdleDrop { after, end: IdleEnd::Silent }).into()
}
