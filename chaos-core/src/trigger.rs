//! When a fault applies.
//!
//! A [`Trigger`] chooses connections, [`AfterBytes`] and a [`Pattern`] the byte from which on a fault
//! acts on them: on each by what passed on it, or on all by what passed on the link, as [`Counting`]
//! has it. A [`Moment`](message::Moment) chooses a message of the protocol. Ordinals count from 1, over
//! all connections of a link.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::probability::Probability;
use crate::rate::ByteSize;
use crate::seed::Draws;

mod counting;
pub mod message;
mod pattern;

pub use self::counting::Counting;
pub use self::pattern::{EmptyPattern, Pattern, seen};

/// On which of the connections that a fault meets it applies.
///
/// A fault *meets* a connection when it is injected while the connection is open, or when the
/// connection opens while the fault is active. Connections that were open already are met in the
/// order in which they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// On every one.
    #[default]
    Always,
    /// On each with this probability, drawn from the seed, the link, the ordinal of the connection
    /// and the fault.
    Probability(Probability),
    /// On the n-th only.
    Nth(NonZeroU64),
    /// On every n-th: the n-th, the 2n-th, and so on.
    EveryNth(NonZeroU64),
    /// On the first n.
    First(NonZeroU64),
    /// On the one that was opened as number so-and-so of the link, whenever the fault meets it.
    Connection(NonZeroU64),
}

impl Trigger {
    /// Whether the fault applies to the connection that it met as number `meeting`, and that the
    /// link opened as number `ordinal`.
    #[must_use]
    pub fn fires(&self, meeting: NonZeroU64, ordinal: u64, draws: &mut Draws) -> bool {
        match *self {
            Self::Always => true,
            Self::Probability(probability) => draws.hits(probability),
            Self::Nth(n) => meeting == n,
            Self::EveryNth(n) => meeting.get() % n.get() == 0,
            Self::First(n) => meeting <= n,
            Self::Connection(n) => ordinal == n.get(),
        }
    }
}

/// The n-th connection only.
///
/// # Panics
///
/// When `n` is 0: connections are counted from 1.
#[must_use]
#[track_caller]
pub fn nth(n: u64) -> Trigger {
    Trigger::Nth(counted(n))
}

/// Every n-th connection.
///
/// # Panics
///
/// When `n` is 0: connections are counted from 1.
#[must_use]
#[track_caller]
pub fn every_nth(n: u64) -> Trigger {
    Trigger::EveryNth(counted(n))
}

/// The first n connections: what fails n times and is then well again, without being cleared.
///
/// ```
/// use chaos_core::prelude::*;
///
/// // A client has to try four times.
/// let fault = reset().on(first(3));
/// ```
///
/// # Panics
///
/// When `n` is 0: connections are counted from 1.
#[must_use]
#[track_caller]
pub fn first(n: u64) -> Trigger {
    Trigger::First(counted(n))
}

/// The connection that the link opened as number `n`, counted over its whole life.
///
/// [`nth`] counts the connections that the fault meets instead: with one that is open already, the
/// first that it meets.
///
/// # Panics
///
/// When `n` is 0: connections are counted from 1.
#[must_use]
#[track_caller]
pub fn connection(n: u64) -> Trigger {
    Trigger::Connection(counted(n))
}

#[track_caller]
fn counted(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).expect("connections are counted from 1; a trigger of 0 would never fire")
}

impl From<Probability> for Trigger {
    fn from(probability: Probability) -> Self {
        Self::Probability(probability)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("every connection"),
            Self::Probability(probability) => write!(f, "{probability} of the connections"),
            Self::Nth(n) => write!(f, "connection {n}"),
            Self::EveryNth(n) => write!(f, "1 connection in {n}"),
            Self::First(NonZeroU64::MIN) => f.write_str("the first connection"),
            Self::First(n) => write!(f, "the first {n} connections"),
            Self::Connection(n) => write!(f, "connection {n} of the link"),
        }
    }
}

/// From which byte of a connection on a fault applies: 0 for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AfterBytes(pub u64);

impl fmt::Display for AfterBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0).fmt(f)
    }
}
