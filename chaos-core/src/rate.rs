//! A transfer rate that is never zero.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Bytes a second, at least 1.
///
/// A rate of 0 is refused because proxies disagree on it: some hold all data, some pass all of it.
/// What holds all data is called [`stall`](crate::fault::stall) here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(NonZeroU64);

/// A rate of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is at least 1 byte a second; to hold all data use `stall()`, to pass all of it inject nothing"
)]
pub struct InvalidRate;

impl Rate {
    /// Checks that the rate is not 0.
    ///
    /// # Errors
    ///
    /// When it is 0.
    pub fn new(bytes_per_sec: u64) -> Result<Self, InvalidRate> {
        NonZeroU64::new(bytes_per_sec).map(Self).ok_or(InvalidRate)
    }

    /// The rate in bytes a second.
    #[must_use]
    pub const fn bytes_per_sec(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0.get()))
    }
}

/// Writes a number of bytes with the largest binary prefix that leaves it whole.
pub(crate) struct ByteSize(pub(crate) u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n % (1 << 20) == 0 => write!(f, "{} MiB", n >> 20),
            n if n > 0 && n % (1 << 10) == 0 => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} B"),
        }
    }
}
