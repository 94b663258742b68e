//! One fault that is active on one connection.

use std::time::Duration;

use super::pace::{NEVER, Pace};
use super::{Ended, StreamEnd};
use crate::direction::{Direction, Directions};
use crate::event::FaultId;
use crate::fault::{Fault, FaultKind};
use crate::seed::Seed;

/// One fault that is active on one connection, from when it met the connection.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: FaultId,
    /// How often it acted and nobody was told yet.
    pub(super) hits: u64,
    kind: FaultKind,
    directions: Directions,
    /// After how many bytes of both directions it begins to act.
    after: u64,
    /// How many bytes of both directions passed since it met the connection.
    passed: u64,
    upstream: Share,
    downstream: Share,
}

/// What a fault does in one direction.
#[derive(Debug)]
struct Share {
    pace: Pace,
    /// The number of the last chunk that was counted as a hit.
    counted: u64,
}

impl Active {
    pub(super) fn new(now: Duration, id: FaultId, fault: &Fault, seed: Seed) -> Self {
        let share = |number| Share {
            pace: Pace::new(&fault.kind, now, seed.numbered(number).draws()),
            counted: 0,
        };
        Self {
            id,
            hits: 0,
            kind: fault.kind.clone(),
            directions: fault.directions,
            after: fault.after.0,
            passed: 0,
            upstream: share(1),
            downstream: share(2),
        }
    }

    /// Whether it acts in this direction by now.
    fn acts(&self, direction: Direction) -> bool {
        self.passed >= self.after && self.directions.contains(direction)
    }

    /// How many of the next `whole` bytes may leave in one piece, at least 1.
    pub(super) fn most(&self, direction: Direction, whole: usize) -> usize {
        if self.passed < self.after {
            return usize::try_from(self.after - self.passed).unwrap_or(usize::MAX);
        }
        if self.directions.contains(direction) {
            return self.share(direction).pace.most(whole);
        }
        usize::MAX
    }

    /// When `length` bytes that come to this fault at time `at` leave it.
    pub(super) fn schedule(
        &mut self,
        direction: Direction,
        at: Duration,
        length: usize,
    ) -> Duration {
        if at == NEVER || !self.acts(direction) {
            return at;
        }
        self.share_mut(direction).pace.schedule(at, length)
    }

    /// When the end of the stream leaves this fault if it comes to it at time `at`.
    pub(super) fn schedule_end(
        &mut self,
        direction: Direction,
        at: Duration,
        end: StreamEnd,
    ) -> Duration {
        if at == NEVER || !self.acts(direction) {
            return at;
        }
        self.share_mut(direction).pace.schedule_end(at, end)
    }

    /// Notes that bytes left that had come at time `at`, and says when they left this fault.
    ///
    /// `late` is how much later than planned they were written.
    pub(super) fn commit(
        &mut self,
        direction: Direction,
        at: Duration,
        written: usize,
        chunk_done: bool,
        late: Duration,
    ) -> Duration {
        let acted = self.acts(direction);
        self.passed = self.passed.saturating_add(written as u64);
        if !acted {
            return at;
        }
        self.share_mut(direction).pace.commit(at, written, chunk_done, late)
    }

    /// How it ends the connection now, if it does.
    pub(super) fn ends_now(&self) -> Option<StreamEnd> {
        match self.kind {
            FaultKind::Cut if self.passed >= self.after => Some(StreamEnd::Finish),
            FaultKind::Reset if self.passed >= self.after => Some(StreamEnd::Reset),
            FaultKind::Limit { bytes } if bytes > 0 => {
                let spent = self.is_spent(Direction::Upstream);
                (spent || self.is_spent(Direction::Downstream)).then_some(StreamEnd::Finish)
            }
            _ => None,
        }
    }

    /// Whether no further byte may pass in this direction before the connection ends.
    pub(super) fn is_spent(&self, direction: Direction) -> bool {
        self.acts(direction) && self.share(direction).pace.is_spent()
    }

    pub(super) fn is_slow_close(&self) -> bool {
        matches!(self.kind, FaultKind::SlowClose { .. })
    }

    /// Whether it splits a chunk of which `whole` bytes are left, as a fault that slices does.
    pub(super) fn splits(&self, direction: Direction, whole: usize) -> bool {
        self.acts(direction) && self.share(direction).pace.splits(whole)
    }

    /// Ends the connection.
    pub(super) fn fire(&mut self, how: StreamEnd) -> Ended {
        self.hits = self.hits.saturating_add(1);
        Ended { fault: self.id, how }
    }

    /// Counts a hit for each of the chunks up to number `last` that was not counted before, at
    /// most `most`.
    pub(super) fn count(&mut self, direction: Direction, last: u64, most: u64) {
        let share = self.share_mut(direction);
        let fresh = last.saturating_sub(share.counted).min(most);
        share.counted = share.counted.max(last);
        self.hits = self.hits.saturating_add(fresh);
    }

    fn share(&self, direction: Direction) -> &Share {
        match direction {
            Direction::Upstream => &self.upstream,
            Direction::Downstream => &self.downstream,
        }
    }

    fn share_mut(&mut self, direction: Direction) -> &mut Share {
        match direction {
            Direction::Upstream => &mut self.upstream,
            Direction::Downstream => &mut self.downstream,
        }
    }
}
