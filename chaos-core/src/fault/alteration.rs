//! Faults that change what is delivered.
//!
//! TCP keeps bytes whole and in order, so these stand for what breaks beyond it: a faulty proxy, a
//! client that sends twice, memory that forgets.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::builder::{Corrupt, Duplicate};
use super::{Fault, FaultKind};
use crate::probability::Probability;

/// Which bytes are changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Corruption {
    /// One byte of some chunks.
    Chunks {
        /// Of how many.
        probability: Probability,
    },
    /// Every n-th byte.
    EveryNth {
        /// Of how many bytes one is changed.
        bytes: NonZeroU64,
    },
}

/// Changes one byte of each chunk with this probability. The application gets to see it.
///
/// A chunk is what the link reads at once: usually what the sender wrote at once, up to 128 KiB.
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn corrupt(probability: Probability) -> Corrupt {
    possible(probability, "corrupt");
    Fault::new(FaultKind::Corrupt { which: Corruption::Chunks { probability } }).into()
}

/// Changes every n-th byte. The application gets to see it.
///
/// Bytes are counted in each direction from when the fault met the connection, so it does not
/// matter in which chunks they come.
///
/// # Panics
///
/// When `bytes` is 0.
#[track_caller]
pub fn corrupt_every(bytes: u64) -> Corrupt {
    let Some(bytes) = NonZeroU64::new(bytes) else {
        panic!("bytes are counted from 1; to corrupt every byte write `corrupt_every(1)`")
    };
    Fault::new(FaultKind::Corrupt { which: Corruption::EveryNth { bytes } }).into()
}

/// Delivers each chunk twice with this probability: the application gets its bytes again.
///
/// This never happens under TCP; for packets that are doubled, which TCP hides, see
/// [`packet_duplication`](super::packet_duplication). A chunk is what the link reads at once.
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn duplicate(probability: Probability) -> Duplicate {
    possible(probability, "duplicate");
    Fault::new(FaultKind::Duplicate { probability }).into()
}

/// Refuses a fault that would never act.
#[track_caller]
pub(super) fn possible(probability: Probability, function: &str) {
    assert!(
        probability > Probability::NEVER,
        "`{function}` with a probability of 0 % would never act; inject nothing instead"
    );
}
