//! What Toxiproxy calls a toxic: what it does to one direction of a connection, with the numbers it
//! was given, however odd they are.
//!
//! These are for [`toxiproxy`](crate::toxiproxy) alone, where any number is accepted because the
//! original accepts it. The faults that are built by functions refuse such numbers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a toxic does. What a number that makes no sense does is said at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "toxic")]
#[non_exhaustive]
pub enum Toxic {
    /// Nothing.
    Noop,
    /// Delivers later by `latency` give or take `jitter`, counted from when the data was read.
    Latency {
        /// In milliseconds; below 0 like 0.
        latency: i64,
        /// In milliseconds; below 0 like 0. What is drawn below 0 is 0.
        jitter: i64,
    },
    /// Delivers so much a second.
    Bandwidth {
        /// In 1000 bytes a second; at 0 and below everything is held until the toxic is removed.
        rate: i64,
    },
    /// Delivers the end of the stream later.
    SlowClose {
        /// In milliseconds; below 0 like 0.
        delay: i64,
    },
    /// Loses all data, and ends the connection (FIN) when none came for a while, or when the toxic
    /// is removed.
    Timeout {
        /// In milliseconds; at 0 and below it waits for ever.
        timeout: i64,
    },
    /// Resets the connection (RST) some time after the first data came, which is lost.
    ResetPeer {
        /// In milliseconds; below 0 like 0.
        timeout: i64,
    },
    /// Delivers data in small pieces.
    Slicer {
        /// In bytes; below 1 like 1.
        average_size: i64,
        /// How much smaller or larger than that a piece may be, in bytes; below 0 like 0.
        size_variation: i64,
        /// The time after each piece in microseconds; below 0 like 0.
        delay: i64,
    },
    /// Ends the connection (FIN) after so much data.
    LimitData {
        /// In bytes; at 0 and below the first data ends it and is lost.
        bytes: i64,
    },
}

impl Toxic {
    /// The name of its type in Toxiproxy's API.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SlowClose { .. } => "slow_close",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { .. } => "limit_data",
        }
    }
}

/// `toxic latency 100 ms ± 20 ms`
impl fmt::Display for Toxic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "toxic {}", self.type_name())?;
        match self {
            Self::Noop => Ok(()),
            Self::Latency { latency, jitter } => write!(f, " {latency} ms ± {jitter} ms"),
            Self::Bandwidth { rate } => write!(f, " {rate} kB/s"),
            Self::SlowClose { delay } => write!(f, " {delay} ms"),
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => write!(f, " {timeout} ms"),
            Self::Slicer { average_size, size_variation, delay } => {
                write!(f, " {average_size} ± {size_variation} bytes every {delay} us")
            }
            Self::LimitData { bytes } => write!(f, " {bytes} bytes"),
        }
    }
}

/// So many milliseconds; none below 0.
pub(crate) fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

/// So many microseconds; none below 0.
pub(crate) fn micros(number: i64) -> Duration {
    Duration::from_micros(u64::try_from(number).unwrap_or(0))
}
