//! The kinds of faults of pools, with what each of them needs to know.

use serde::{Deserialize, Serialize};

use super::Poison;
use crate::delay::Delay;

/// The kinds of faults of pools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[non_exhaustive]
pub enum PoolFaultKind {
    /// See [`exhaust`](super::exhaust()).
    Exhaust {
        /// How many connections are left to others.
        #[serde(default)]
        leaving: usize,
    },
    /// See [`slow_checkout`](super::slow_checkout()).
    SlowCheckout {
        /// How much later a connection is handed out.
        delay: Delay,
    },
    /// See [`fail_checkout`](super::fail_checkout()).
    FailCheckout,
    /// See [`slow_connect`](super::slow_connect()).
    SlowConnect {
        /// How much later a connection is opened.
        delay: Delay,
    },
    /// See [`fail_connect`](super::fail_connect()).
    FailConnect,
    /// See [`die_at_recycle`](super::die_at_recycle()).
    DieAtRecycle,
    /// See [`hand_out_dead`](super::hand_out_dead()).
    HandOutDead,
    /// See [`poison`](super::poison()).
    Poison {
        /// What is wrong with the connection.
        with: Poison,
    },
}

impl PoolFaultKind {
    /// The name of the function that builds it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Exhaust { .. } => "exhaust",
            Self::SlowCheckout { .. } => "slow_checkout",
            Self::FailCheckout => "fail_checkout",
            Self::SlowConnect { .. } => "slow_connect",
            Self::FailConnect => "fail_connect",
            Self::DieAtRecycle => "die_at_recycle",
            Self::HandOutDead => "hand_out_dead",
            Self::Poison { .. } => "poison",
        }
    }

    /// Whether it can be known that the fault touched something.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        true
    }

    /// What it means that the fault touched nothing, and what the reason may be.
    pub(crate) const fn silence(&self) -> &'static str {
        match self {
            Self::Exhaust { .. } => {
                "nobody waited for a connection; does the application use this pool \
                 (`pool.pool()`), and wait for longer than 10ms?"
            }
            Self::SlowConnect { .. } | Self::FailConnect => {
                "no connection was opened meanwhile; are all of them open already? \
                 `pool.expire_idle(..)` closes those that are idle."
            }
            Self::DieAtRecycle => {
                "no connection was used again meanwhile; does the application use this pool \
                 (`pool.pool()`)?"
            }
            Self::SlowCheckout { .. }
            | Self::FailCheckout
            | Self::HandOutDead
            | Self::Poison { .. } => {
                "no connection was taken from the pool; does the application use this pool \
                 (`pool.pool()`)?"
            }
        }
    }
}
