//! When a fault applies.
//!
//! A trigger decides connection by connection, or after a number of bytes. Ordinals count from 1.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::probability::Probability;
use crate::rate::ByteSize;
use crate::seed::Draws;

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
}

impl Trigger {
    /// Whether the fault applies to the connection that it met as number `meeting`.
    #[must_use]
    pub fn fires(&self, meeting: NonZeroU64, draws: &mut Draws) -> bool {
        match *self {
            Self::Always => true,
            Self::Probability(probability) => draws.hits(probability),
            Self::Nth(n) => meeting == n,
            Self::EveryNth(n) => meeting.get() % n.get() == 0,
            Self::First(n) => meeting <= n,
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

/// The first n connections.
///
/// # Panics
///
/// When `n` is 0: connections are counted from 1.
#[must_use]
#[track_caller]
pub fn first(n: u64) -> Trigger {
    Trigger::First(counted(n))
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
