//! Bytes that are changed or come twice.
//!
//! What happens to a chunk is a hash of its number, and what happens to a byte one of its position.
//! So asking twice has the same answer.

use bytes::{Bytes, BytesMut};

use crate::fault::Corruption;
use crate::probability::Probability;
use crate::seed::Seed;

/// Where in the stream a piece lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// The number of its chunk.
    pub(super) chunk: u64,
    /// How long that chunk was as it came.
    pub(super) chunk_length: usize,
    /// Where in the chunk the piece begins.
    pub(super) offset: usize,
}

/// The bytes with those changed that the corruption concerns, if it concerns any.
///
/// `passed` bytes passed before them since the fault acts.
pub(super) fn corrupt(
    which: Corruption,
    seed: Seed,
    passed: u64,
    spot: Spot,
    bytes: &Bytes,
) -> Option<Bytes> {
    match which {
        Corruption::Chunks { probability } => {
            let mut draws = seed.numbered(spot.chunk).draws();
            if !draws.hits(probability) {
                return None;
            }
            let victim = usize::try_from(draws.below(spot.chunk_length as u64)).ok()?;
            let victim = victim.checked_sub(spot.offset).filter(|at| *at < bytes.len())?;
            let mut altered = BytesMut::from(&bytes[..]);
            altered[victim] ^= mask(draws.next_u64());
            Some(altered.freeze())
        }
        Corruption::EveryNth { bytes: every } => {
            let every = every.get();
            // The n-th byte is the last of n: as many come before it as are missing.
            let first = usize::try_from(every - 1 - passed % every).ok()?;
            if first >= bytes.len() {
                return None;
            }
            let mut altered = BytesMut::from(&bytes[..]);
            let step = usize::try_from(every).unwrap_or(usize::MAX);
            for at in (first..altered.len()).step_by(step) {
                let position = passed.wrapping_add(at as u64);
                altered[at] ^= mask(seed.numbered(position).draws().next_u64());
            }
            Some(altered.freeze())
        }
    }
}

/// Whether this chunk is delivered twice.
pub(super) fn doubles(probability: Probability, seed: Seed, chunk: u64) -> bool {
    seed.numbered(chunk).draws().hits(probability)
}

/// Which bits of a byte change: at least one.
fn mask(draw: u64) -> u8 {
    1 << (draw % 8)
}
