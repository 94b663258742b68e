//! What a fault does beyond making bytes wait: losing them, altering them, doubling them, and dropping
//! connections that are quiet.

use std::time::Duration;

use bytes::Bytes;

use super::super::alteration::{self, Spot};
use super::super::{Ended, StreamEnd};
use super::Active;
use crate::direction::Direction;
use crate::fault::{FaultKind, IdleEnd};

impl Active {
    /// Whether what is sent in this direction is lost.
    pub(in crate::engine) fn swallows(&self, direction: Direction) -> bool {
        self.forgotten || (self.kind == FaultKind::BlackHole && self.acts(direction))
    }

    /// Counts what was lost: so many chunks, and perhaps the end of the stream.
    pub(in crate::engine) fn swallow(&mut self, chunks: u64) {
        self.broken = true;
        self.hits = self.hits.saturating_add(chunks.max(1));
    }

    /// Whether the connection cannot go on when the fault is cleared.
    pub(in crate::engine) fn is_broken(&self) -> bool {
        self.broken
    }

    /// When the connection has been quiet for too long if nothing moves on it, or has since `moved`.
    pub(in crate::engine) fn idle_at(&self, moved: Duration) -> Option<Duration> {
        match self.kind {
            FaultKind::IdleDrop { after, .. } if !self.forgotten => {
                Some(self.met.max(moved).saturating_add(after))
            }
            _ => None,
        }
    }

    /// Drops the connection, which was quiet for too long.
    pub(in crate::engine) fn drop_idle(&mut self) -> Option<Ended> {
        match self.kind {
            FaultKind::IdleDrop { end: IdleEnd::Fin, .. } => Some(self.fire(StreamEnd::Finish)),
            FaultKind::IdleDrop { end: IdleEnd::Reset, .. } => Some(self.fire(StreamEnd::Reset)),
            FaultKind::IdleDrop { end: IdleEnd::Silent, .. } => {
                self.forgotten = true;
                self.swallow(1);
                None
            }
            _ => None,
        }
    }

    /// What becomes of bytes that are about to leave.
    pub(in crate::engine) fn alter(
        &mut self,
        direction: Direction,
        spot: Spot,
        bytes: Bytes,
    ) -> Bytes {
        let FaultKind::Corrupt { which } = self.kind else { return bytes };
        if !self.acts(direction) {
            return bytes;
        }
        let share = self.share(direction);
        match alteration::corrupt(which, share.seed, share.passed, spot, &bytes) {
            None => bytes,
            Some(altered) => {
                self.count(direction, spot.chunk, 1);
                altered
            }
        }
    }

    /// Whether it delivers this chunk, of which the last byte is leaving, once more.
    pub(in crate::engine) fn doubles(&mut self, direction: Direction, chunk: u64) -> bool {
        let FaultKind::Duplicate { probability } = self.kind else { return false };
        let doubles = self.acts(direction)
            && alteration::doubles(probability, self.share(direction).seed, chunk);
        if doubles {
            self.count(direction, chunk, 1);
        }
        doubles
    }
}
