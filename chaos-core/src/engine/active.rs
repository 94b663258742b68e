//! One fault that is active on one connection.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;

use super::at_message::AtMessage;
use super::pace::{NEVER, Pace};
use super::segments::Lags;
use super::tally::Tally;
use super::watch::Watch;
use super::{Ended, StreamEnd};
use crate::direction::{Direction, Directions};
use crate::event::FaultId;
use crate::fault::{Fault, FaultKind};
use crate::seed::Seed;
use crate::wire::postgres::{Message, Session};

#[cfg(feature = "toxiproxy")]
mod change;
mod harm;
mod sink;

use self::sink::Sink;

/// One fault that is active on one connection, from when it met the connection.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: FaultId,
    /// How often it acted and nobody was told yet.
    pub(super) hits: u64,
    kind: FaultKind,
    directions: Directions,
    met: Duration,
    /// Looks for what has to pass before anything else counts.
    watch: Option<Watch>,
    /// Looks for the moment at a message that has to come before anything else counts.
    at_message: Option<AtMessage>,
    /// What has come of what it waits for.
    tally: Arc<Tally>,
    /// Whether other connections are to be told that the fault began, or used up its limit, with
    /// bytes of this one.
    pub(super) to_tell: bool,
    /// Whether others share the tally.
    is_shared: bool,
    /// Whether the connection is lost for good, because bytes of it are.
    broken: bool,
    /// Whether it was quiet for too long, and what is sent into it is lost.
    forgotten: bool,
    /// What becomes of the data, if it is taken off the stream.
    sink: Option<Sink>,
    upstream: Share,
    downstream: Share,
}

/// Bytes that left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) direction: Direction,
    /// As they came.
    pub(super) bytes: Bytes,
    /// Whether the last of a chunk was among them.
    pub(super) chunk_done: bool,
    /// How much later than planned they were written.
    pub(super) late: Duration,
    /// How much later the segments behind them came.
    pub(super) lags: Lags,
}

/// What a fault does in one direction.
#[derive(Debug)]
struct Share {
    pace: Pace,
    seed: Seed,
    /// How many bytes passed while the fault acted.
    passed: u64,
    /// The number of the last chunk that was counted as a hit.
    counted: u64,
}

impl Active {
    /// For a fault that was injected at time `began`, and met the connection `now`.
    pub(super) fn new(
        now: Duration,
        began: Duration,
        id: FaultId,
        fault: &Fault,
        seed: Seed,
        tally: Arc<Tally>,
    ) -> Self {
        let share = |number| {
            let seed = seed.numbered(number);
            let pace = Pace::new(&fault.kind, began, now, seed);
            Share { pace, seed, passed: 0, counted: 0 }
        };
        Self {
            id,
            hits: 0,
            kind: fault.kind.clone(),
            directions: fault.directions,
            met: now,
            watch: fault.seen.as_ref().map(Watch::new),
            at_message: fault
                .message
                .as_deref()
                .map(|moment| AtMessage::new(moment, fault.counts_over_link())),
            tally,
            to_tell: false,
            is_shared: fault.counts_over_link(),
            broken: false,
            forgotten: false,
            sink: Sink::new(&fault.kind, now),
            upstream: share(1),
            downstream: share(2),
        }
    }

    /// Has it count messages here that it counts over all connections of the link.
    pub(super) fn count_messages_in(&mut self, messages: &Arc<AtomicU64>) {
        if let Some(at_message) = &mut self.at_message {
            at_message.over_link = Arc::clone(messages);
        }
    }

    /// Whether it looks at messages.
    pub(super) fn reads_messages(&self) -> bool {
        self.at_message.is_some()
    }

    /// Whether it acts at this message, which it counts.
    pub(super) fn meets(&mut self, message: &Message, session: &Session) -> bool {
        let is_ready = self.tally.has_seen() && !self.tally.has_come();
        self.at_message.as_mut().is_some_and(|it| is_ready && it.is(message, session))
    }

    /// How much of a message of this length leaves before it acts.
    pub(super) fn offset_in(&self, length: u64) -> u64 {
        self.at_message.as_ref().map_or(0, |it| it.at().offset(length))
    }

    /// The moment for which it waited has come.
    pub(super) fn moment_has_come(&mut self) {
        self.tally.come();
        self.to_tell |= self.is_shared;
    }

    /// What it does, and what its draws in this direction derive from.
    pub(super) fn deed(&self, direction: Direction) -> (&FaultKind, Seed) {
        (&self.kind, self.share(direction).seed)
    }

    /// Whether it acts in this direction by now.
    fn acts(&self, direction: Direction) -> bool {
        self.tally.has_begun() && self.directions.contains(direction)
    }

    /// How many of the next `whole` bytes may leave in one piece, at least 1.
    pub(super) fn most(&self, direction: Direction, whole: usize) -> usize {
        if !self.tally.has_seen() || self.tally.is_before_moment() {
            return usize::MAX;
        }
        let to_pass = self.tally.to_pass();
        if to_pass > 0 {
            return usize::try_from(to_pass).unwrap_or(usize::MAX);
        }
        if !self.acts(direction) {
            return usize::MAX;
        }
        let left = match self.tally.left(direction) {
            // The connection ends before the next byte.
            0 => usize::MAX,
            left => usize::try_from(left).unwrap_or(usize::MAX),
        };
        self.share(direction).pace.most(whole).min(left)
    }

    /// How many of these bytes, which are next, may leave in one piece, so that it begins to act
    /// right behind what it waits for.
    pub(super) fn most_until_seen(&self, direction: Direction, bytes: &[u8]) -> usize {
        let missing = self.tally.missing();
        let end = self.watch.as_ref().and_then(|watch| watch.end_in(direction, bytes, missing));
        end.unwrap_or(usize::MAX)
    }

    /// When `length` bytes that come to this fault at time `at` leave it.
    pub(super) fn schedule(
        &mut self,
        direction: Direction,
        at: Duration,
        length: usize,
        lags: Lags,
    ) -> Duration {
        if at == NEVER || !self.acts(direction) {
            return at;
        }
        self.share_mut(direction).pace.schedule(at, length, lags)
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

    /// Notes that bytes left, and says when they left this fault.
    pub(super) fn commit(&mut self, left: &Left, at: Duration) -> Duration {
        let (acted, begun) = (self.acts(left.direction), self.tally.has_begun());
        let written = left.bytes.len();
        match &mut self.watch {
            Some(watch) if !self.tally.has_seen() => {
                self.tally.see(watch.pass(left.direction, &left.bytes));
            }
            _ if self.tally.is_before_moment() => {}
            _ => self.tally.pass(written),
        }
        if acted {
            self.tally.use_up(left.direction, written);
        }
        let has_changed =
            begun != self.tally.has_begun() || (acted && self.is_spent(left.direction));
        self.to_tell |= self.is_shared && has_changed;
        if !acted {
            return at;
        }
        let share = self.share_mut(left.direction);
        share.passed = share.passed.saturating_add(written as u64);
        share.pace.commit(at, written, left.chunk_done, left.late, left.lags)
    }

    /// How it ends the connection now, if it does.
    pub(super) fn ends_now(&self) -> Option<StreamEnd> {
        self.tally.ends()
    }

    /// Whether no further byte may pass in this direction before the connection ends.
    pub(super) fn is_spent(&self, direction: Direction) -> bool {
        self.acts(direction) && self.tally.left(direction) == 0
    }

    pub(super) fn is_slow_close(&self) -> bool {
        matches!(self.kind, FaultKind::SlowClose { .. })
    }

    /// Whether it splits a chunk of which `whole` bytes are left, as a fault that slices does.
    pub(super) fn splits(&self, direction: Direction, whole: usize) -> bool {
        self.acts(direction) && self.share(direction).pace.splits(whole)
    }

    /// Whether it has to know how far the segments behind the head are.
    pub(super) fn asks_for_lags(&self, direction: Direction) -> bool {
        self.acts(direction) && self.share(direction).pace.asks_for_lags()
    }

    /// Whether something happens to the segment that is to begin now.
    pub(super) fn strikes(&self, direction: Direction) -> bool {
        self.acts(direction) && self.share(direction).pace.strikes()
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
        direction.pick(&self.upstream, &self.downstream)
    }

    fn share_mut(&mut self, direction: Direction) -> &mut Share {
        direction.pick(&mut self.upstream, &mut self.downstream)
    }
}
