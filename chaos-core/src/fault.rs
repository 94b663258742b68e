//! What goes wrong: faults as plain data.
//!
//! A [`Fault`] can be printed, compared, stored and read back. It does nothing until it is injected
//! into a target: see [`Target`](crate::link::Target). One function builds each kind, and its result
//! has only the methods that make sense for that kind:
//!
//! | function | what the connection does |
//! |---|---|
//! | [`latency`] | delivers bytes later |
//! | [`bandwidth`] | delivers no more than a number of bytes a second |
//! | [`slice`](slice()) | delivers bytes in small pieces, with a gap between them |
//! | [`stall`] | delivers nothing, and loses nothing |
//! | [`slow_close`] | delivers the end of the stream later |
//! | [`limit`] | ends (FIN) after a number of bytes |
//! | [`cut`] | ends (FIN) |
//! | [`reset`] | is reset (RST) |
//! | [`idle_drop`] | is dropped silently, ended or reset after it was idle for a while |
//! | [`black_hole`] | stays open, and what is sent into it is lost |
//! | [`partition`] | delivers nothing, and cannot be opened; on healing all is delivered |
//! | [`refuse`] | is refused when it is opened; open ones go on |
//! | [`hang`] | gets no answer when it is opened, neither accepted nor refused; open ones go on |
//! | [`dead_peer`] | gets no more TCP acknowledgements, as from a machine that lost its power |
//! | [`latency_steps`] | delivers bytes later, by a delay that changes step by step |
//! | [`corrupt`], [`corrupt_every`] | delivers some bytes changed |
//! | [`duplicate`] | delivers some chunks twice |
//! | [`loss`], [`packet_corruption`] | delivers bytes as late as TCP does when packets are lost |
//! | [`packet_delay`] | delivers bytes as late as TCP does when packets are delayed |
//! | [`packet_duplication`], [`reordering`] | delivers bytes as late as TCP does when packets are duplicated or reordered |
//! | [`error`] | answers a request with an error of the database |
//! | [`delay_message`], [`drop_message`], [`duplicate_message`], [`corrupt_message`] | delivers a message later, never, twice or changed |
//!
//! Faults that end or hold a connection can act at a message of the protocol:
//! `reset().on(commit_complete())`. See [`trigger::message`](crate::trigger::message).
//!
//! Some faults take a direction: `latency(200.ms()).downstream()` delays what the server sends, and
//! not what the client sends.
//!
//! ```compile_fail,E0599
//! use chaos_core::prelude::*;
//! // A cut ends the whole connection; it has no direction.
//! let fault = cut().downstream();
//! ```

use serde::{Deserialize, Serialize};

use crate::direction::Directions;
use crate::trigger::message::Moment;
use crate::trigger::{AfterBytes, Counting, Pattern, Trigger};

mod alteration;
mod builder;
mod effect;
mod ending;
mod kind;
mod label;
mod message;
mod packets;
mod pool;
mod server;
pub mod session;
mod spec;
mod timing;
#[cfg(feature = "toxiproxy")]
mod toxic;
mod unreachable;

#[cfg(test)]
mod tests;

pub use self::alteration::{Corruption, corrupt, corrupt_every, duplicate};
pub use self::builder::{
    Bandwidth, BlackHole, Corrupt, Cut, DeadPeer, Duplicate, ErrorReply, Hang, IdleDrop,
    KernelPackets, Latency, LatencySteps, Limit, MessageFault, PacketDelay, Packets, Partition,
    Refuse, Reset, Slice, SlowClose, Stall,
};
pub use self::effect::Effect;
pub use self::ending::{IdleEnd, cut, idle_drop, limit, reset};
pub use self::kind::FaultKind;
pub use self::message::{
    InvalidSqlState, Severity, SqlCode, SqlError, corrupt_message, delay_message, drop_message,
    duplicate_message, error,
};
pub use self::packets::{
    PacketEffect, loss, packet_corruption, packet_delay, packet_duplication, reordering,
};
pub use self::pool::{
    DieAtRecycle, Exhaust, FailCheckout, FailConnect, HandOutDead, Poison, Poisoned, PoolFault,
    PoolFaultKind, SlowCheckout, SlowConnect, die_at_recycle, exhaust, fail_checkout, fail_connect,
    hand_out_dead, poison, slow_checkout, slow_connect,
};
pub use self::server::{
    ServerFault, ServerFaultKind, crash, crash_at, disk_full, file_size_limit, memory_limit, pause,
    pause_part, socket_moved, stopped,
};
pub use self::session::{SessionFault, SessionFaultKind};
pub use self::spec::FaultSpec;
pub use self::timing::{bandwidth, latency, latency_steps, slice, slow_close, stall};
#[cfg(feature = "toxiproxy")]
pub use self::toxic::Toxic;
#[cfg(feature = "toxiproxy")]
pub(crate) use self::toxic::{micros, millis};
pub use self::unreachable::{black_hole, dead_peer, hang, partition, refuse};

/// One fault of a link: what goes wrong, in which direction, and on which connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// In which directions. Both for a kind that ends a connection.
    #[serde(default)]
    pub directions: Directions,
    /// On which connections.
    #[serde(default)]
    pub trigger: Trigger,
    /// From which byte on, counted over both directions from when the fault met the connection.
    #[serde(default)]
    pub after: AfterBytes,
    /// Not before these bytes have passed: see [`Stall::when_seen`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Pattern>,
    /// Not before this moment at a message: see [`Cut::on`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Box<Moment>>,
    /// Over what the bytes and patterns are counted that it waits for.
    #[serde(default, skip_serializing_if = "Counting::is_default")]
    pub counting: Counting,
    /// Whether it may end without having touched anything. Otherwise that fails the test.
    #[serde(default)]
    pub may_be_idle: bool,
}

impl Fault {
    /// A fault of this kind, in both directions, on every connection, at once.
    #[must_use]
    pub const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            directions: Directions::Both,
            trigger: Trigger::Always,
            after: AfterBytes(0),
            seen: None,
            message: None,
            counting: Counting::PerConnection,
            may_be_idle: false,
        }
    }

    /// Whether it waits for something that all connections of its link count together.
    pub(crate) const fn counts_over_link(&self) -> bool {
        let waits = self.after.0 > 0
            || self.seen.is_some()
            || self.message.is_some()
            || matches!(self.kind, FaultKind::Limit { bytes } if bytes > 0);
        waits && matches!(self.counting, Counting::PerLink)
    }
}
