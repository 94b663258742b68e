//! Faults of a pool of connections: what its users wait for, and what they are handed.
//!
//! They act on everyone who uses the pool, also through the ordinary
//! [`pool`](crate::postgres::ChaosPool::pool) that a [`ChaosPool`](crate::postgres::ChaosPool) lends
//! out. Wherever the pool itself can do it the fault is real: connections are held, dropped, ended
//! or spoilt with SQL; nothing is pretended.

use serde::{Deserialize, Serialize};

use crate::trigger::Trigger;

mod builder;
mod kind;
mod label;
mod poison;

pub use self::builder::{
    DieAtRecycle, Exhaust, FailCheckout, FailConnect, HandOutDead, Poisoned, SlowCheckout,
    SlowConnect, die_at_recycle, exhaust, fail_checkout, fail_connect, hand_out_dead, poison,
    slow_checkout, slow_connect,
};
pub use self::kind::PoolFaultKind;
pub use self::poison::Poison;

/// One fault of a pool, as plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolFault {
    /// What goes wrong.
    pub kind: PoolFaultKind,
    /// With which of the checkouts, or of the connections that are opened. They are counted from 1,
    /// over the life of the pool and from the beginning of the fault.
    #[serde(default)]
    pub trigger: Trigger,
    /// Whether it may end without having touched anything. Otherwise that fails the test.
    #[serde(default)]
    pub may_be_idle: bool,
}

impl PoolFault {
    /// A fault of this kind, every time.
    #[must_use]
    pub const fn new(kind: PoolFaultKind) -> Self {
        Self { kind, trigger: Trigger::Always, may_be_idle: false }
    }
}
