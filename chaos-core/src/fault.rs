//! What goes wrong: faults as plain data.
//!
//! A [`Fault`] can be printed, compared, stored and read back. It does nothing until it is injected
//! into a target: see [`Target`](crate::link::Target). One function builds each kind, and what it
//! returns has only the methods that make sense for that kind:
//!
//! | function | the connection |
//! |---|---|
//! | [`latency`] | delivers bytes later |
//! | [`bandwidth`] | delivers no more than so many bytes a second |
//! | [`slice`](slice()) | delivers bytes in small pieces, with a gap between them |
//! | [`stall`] | delivers nothing, and loses nothing |
//! | [`slow_close`] | delivers the end of the stream later |
//! | [`limit`] | ends (FIN) after so many bytes |
//! | [`cut`] | ends (FIN) |
//! | [`reset`] | is reset (RST) |
//! | [`refuse`] | is refused when it is opened; open ones go on |
//!
//! ```compile_fail,E0599
//! use chaos_core::prelude::*;
//! // A cut ends the whole connection; it has no direction.
//! let fault = cut().downstream();
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delay::{Delay, IntoDelay};
use crate::direction::Directions;
use crate::duration;
use crate::rate::{ByteSize, Rate};
use crate::trigger::{AfterBytes, Trigger};

mod builder;

pub use self::builder::{Bandwidth, Cut, Latency, Limit, Refuse, Reset, Slice, SlowClose, Stall};

/// One fault of a link: what goes wrong, in which direction, and on which connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Whether it may end without having touched anything. Otherwise that fails the test.
    #[serde(default)]
    pub may_be_idle: bool,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[non_exhaustive]
pub enum FaultKind {
    /// See [`latency`].
    Latency {
        /// How much later each chunk is delivered.
        delay: Delay,
    },
    /// See [`bandwidth`].
    Bandwidth {
        /// The most that is delivered.
        rate: Rate,
    },
    /// See [`slice`](slice()).
    Slice {
        /// The size of a piece in bytes, at least 1.
        size: u64,
        /// The time between two pieces.
        #[serde(with = "duration::text")]
        gap: Duration,
    },
    /// See [`stall`].
    Stall,
    /// See [`slow_close`].
    SlowClose {
        /// How much later the end of the stream is delivered.
        delay: Delay,
    },
    /// See [`limit`].
    Limit {
        /// How many bytes pass in each direction concerned.
        bytes: u64,
    },
    /// See [`cut`].
    Cut,
    /// See [`reset`].
    Reset,
    /// See [`refuse`].
    Refuse,
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
            may_be_idle: false,
        }
    }
}

impl FaultKind {
    /// The name of the function that builds it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Slice { .. } => "slice",
            Self::Stall => "stall",
            Self::SlowClose { .. } => "slow_close",
            Self::Limit { .. } => "limit",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Refuse => "refuse",
        }
    }

    /// Whether a link can see that the fault touched something.
    ///
    /// The kernel refuses connections on its own, so nobody hears of them; every other kind acts
    /// on bytes and connections that pass through the link.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        !matches!(self, Self::Refuse)
    }

    /// Whether the fault has directions to choose from.
    const fn is_directed(&self) -> bool {
        !matches!(self, Self::Cut | Self::Reset | Self::Refuse)
    }
}

/// `latency 80ms–120ms ↓`: the label of the fault in every report.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if self.kind.is_directed() {
            write!(f, " {}", self.directions)?;
        }
        if self.after.0 > 0 {
            write!(f, " after {}", self.after)?;
        }
        if self.trigger != Trigger::Always {
            write!(f, " on {}", self.trigger)?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Latency { delay } | Self::SlowClose { delay } => write!(f, " {delay}"),
            Self::Bandwidth { rate } => write!(f, " {rate}"),
            Self::Slice { size, gap } => {
                write!(f, " {} every {}", ByteSize(*size), duration::Display(*gap))
            }
            Self::Limit { bytes } => write!(f, " {}", ByteSize(*bytes)),
            Self::Stall | Self::Cut | Self::Reset | Self::Refuse => Ok(()),
        }
    }
}

/// Delivers every chunk of data later by `delay`; order is kept, and throughput is not reduced.
///
/// Delays overlap: a bulk transfer through 50 ms of latency is delayed by 50 ms in all, as on a
/// long line. When the fault is cleared, what was held is delivered at once.
#[track_caller]
pub fn latency(delay: impl IntoDelay) -> Latency {
    Fault::new(FaultKind::Latency { delay: delay.into_delay() }).into()
}

/// Delivers at most `rate`, in each direction concerned and on each connection.
pub fn bandwidth(rate: Rate) -> Bandwidth {
    Fault::new(FaultKind::Bandwidth { rate }).into()
}

/// Delivers bytes in pieces of `size` bytes, with `gap` between two pieces.
///
/// Every piece is written on its own, so that the receiver sees messages torn apart.
///
/// # Panics
///
/// When `size` is 0.
#[track_caller]
pub fn slice(size: u64, gap: Duration) -> Slice {
    assert!(size > 0, "a slice has at least 1 byte; to deliver nothing use `stall()`");
    Fault::new(FaultKind::Slice { size, gap }).into()
}

/// Holds all bytes until the fault is cleared, and then delivers them.
///
/// The connection stays open, and its peers go on acknowledging: to the application this is a
/// server that does not answer.
pub fn stall() -> Stall {
    Fault::new(FaultKind::Stall).into()
}

/// Delivers the end of the stream (FIN) later by `delay`; data is not delayed.
#[track_caller]
pub fn slow_close(delay: impl IntoDelay) -> SlowClose {
    Fault::new(FaultKind::SlowClose { delay: delay.into_delay() }).into()
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
/// are accepted and then ended; add [`refuse`] to have them refused.
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

/// Refuses new connections (`ECONNREFUSED`), as a machine does on which nothing listens.
///
/// Open connections go on. When the fault is cleared the same port accepts again.
pub fn refuse() -> Refuse {
    Fault::new(FaultKind::Refuse).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trigger::{every_nth, first, nth};
    use crate::units::{ByteUnits, DurationUnits, PercentUnits};

    #[test]
    fn a_label_says_what_where_and_when() {
        let labels = [
            (Fault::from(latency(80.ms()..=120.ms()).downstream()), "latency 80ms–120ms ↓"),
            (bandwidth(100.kib_per_sec()).into(), "bandwidth 100 KiB/s ↕"),
            (slice(1, 2.ms()).upstream().into(), "slice 1 B every 2ms ↑"),
            (reset().on(5.percent()).into(), "reset on 5 % of the connections"),
            (reset().on(every_nth(3)).into(), "reset on 1 connection in 3"),
            (cut().on(nth(3)).after_bytes(64.kib()).into(), "cut after 64 KiB on connection 3"),
            (reset().on(first(1)).into(), "reset on the first connection"),
            (limit(10).downstream().into(), "limit 10 B ↓"),
            (refuse().into(), "refuse"),
        ];
        for (fault, label) in labels {
            assert_eq!(fault.to_string(), label);
        }
    }

    #[test]
    fn what_is_stored_can_be_read_back() {
        for fault in [
            Fault::from(latency(Delay::log_normal(20.ms(), 0.5)).upstream().on(nth(2))),
            slice(3, 1.ms()).may_be_idle().into(),
            reset().after_bytes(7).into(),
        ] {
            let stored = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&stored).unwrap(), fault, "{stored}");
        }
    }
}
