//! What faults do to the bytes of a connection, without any input or output.
//!
//! An [`Engine`] stands for one connection. A driver tells it what it read and which faults are
//! active, and asks what may be written now:
//!
//! ```text
//!   read from a socket ──> push / push_end ──> queue ──> next ──> write to the other socket
//!                          begin / end ──────> faults      └────> advance (so much was written)
//! ```
//!
//! It never sleeps, reads no clock and opens no socket. Time is a [`Duration`] since an epoch that
//! the driver chooses, and the same calls always have the same results. So faults are tested with
//! a virtual clock, and every driver does the same thing.
//!
//! Bytes wait as they came, with the time at which they came. When they may leave is worked out
//! for the head of the queue only, by asking the faults in the order in which they were injected
//! (see [`pace`]). Nothing has to be undone therefore when a fault is cleared: what is left of the
//! queue is simply asked again, under the faults that remain.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;

use crate::direction::Direction;
use crate::event::FaultId;
use crate::fault::Fault;
use crate::seed::Seed;
use crate::trigger::message::MessageMet;

mod action;
mod active;
mod alteration;
mod at_message;
mod drawn;
mod messages;
mod pace;
mod plan;
mod queue;
mod segments;
mod tally;
mod watch;

#[cfg(test)]
mod alteration_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(any(test, fuzzing))]
pub(crate) mod message_fuzzing;
#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod packet_tests;
#[cfg(test)]
mod per_link_tests;
#[cfg(test)]
mod properties;
#[cfg(any(test, fuzzing))]
mod story;
#[cfg(all(test, feature = "toxiproxy"))]
mod toxic_tests;
#[cfg(test)]
mod trigger_tests;
#[cfg(test)]
mod unreachable_tests;
#[cfg(any(test, fuzzing))]
mod virtual_link;

pub(crate) use self::action::{Ended, Next, StreamEnd};
use self::active::{Active, Left};
use self::alteration::Spot;
use self::messages::{Gate, Messages};
use self::pace::NEVER;
use self::queue::Queue;
pub(crate) use self::tally::Tally;

/// The faults and the bytes under way of one connection.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    /// In the order in which they were injected.
    faults: Vec<Active>,
    upstream: Queue,
    downstream: Queue,
    /// When something last came or left.
    moved: Duration,
    ended: Option<Ended>,
    /// There where the protocol is known.
    messages: Option<Messages>,
    /// Messages at which faults acted and nobody was told yet.
    met: Vec<(FaultId, MessageMet)>,
}

impl Engine {
    /// Lets a fault act from `now` on, after those that are active already. It was injected at time
    /// `began`.
    ///
    /// Its draws derive from `seed`, which is to be unlike that of any other fault and connection.
    /// What it waits for is counted in `tally`, which it shares with other connections if the fault
    /// counts over the link.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        began: Duration,
        id: FaultId,
        fault: &Fault,
        seed: Seed,
        tally: Arc<Tally>,
    ) {
        // A fault that comes to the connection later than others that were injected after it takes
        // its place before them all the same.
        let place = self.faults.partition_point(|active| active.id < id);
        self.faults.insert(place, Active::new(now, began, id, fault, seed, tally));
        self.end_if_due();
    }

    /// Gives a fault that is active other numbers. It stays at its place, and goes on from where it
    /// is.
    #[cfg(feature = "toxiproxy")]
    pub(crate) fn change(&mut self, now: Duration, id: FaultId, fault: &Fault) {
        if let Some(active) = self.faults.iter_mut().find(|active| active.id == id) {
            active.change(now, fault);
        }
        self.end_if_due();
    }

    /// Has a fault count messages here that it counts over all connections of the link.
    pub(crate) fn count_messages_in(&mut self, id: FaultId, messages: &Arc<AtomicU64>) {
        let active = self.faults.iter_mut().find(|active| active.id == id);
        active.into_iter().for_each(|active| active.count_messages_in(messages));
    }

    /// Ends a fault. What it held may leave as soon as the other faults allow it; where it lost
    /// something, the connection ends.
    pub(crate) fn end(&mut self, id: FaultId) {
        let ending = self.faults.iter().find(|active| active.id == id);
        if let Some(how) = ending.and_then(Active::ends_when_cleared) {
            self.ended.get_or_insert(Ended { fault: id, how });
        }
        self.faults.retain(|active| active.id != id);
        self.release_messages(id);
    }

    /// The faults that are active, in the order in which they were injected.
    pub(crate) fn faults(&self) -> impl Iterator<Item = FaultId> + '_ {
        self.faults.iter().map(|active| active.id)
    }

    /// Whether more bytes may be pushed; otherwise the driver stops reading, so that the sender
    /// feels it.
    pub(crate) fn has_room(&self, direction: Direction) -> bool {
        self.queue(direction).has_room()
    }

    /// Whether nothing is under way and no fault active, so that the engine can be left out.
    pub(crate) fn is_idle(&self) -> bool {
        self.faults.is_empty()
            && self.upstream.is_empty()
            && self.downstream.is_empty()
            && self.ended.is_none()
            && self.has_no_plans()
    }

    /// Takes bytes that arrived.
    pub(crate) fn push(&mut self, now: Duration, direction: Direction, bytes: Bytes) {
        self.moved = now;
        self.queue_mut(direction).push(now, bytes);
    }

    /// Takes the end of a stream that arrived. Nothing may be pushed in this direction after it.
    pub(crate) fn push_end(&mut self, now: Duration, direction: Direction, end: StreamEnd) {
        self.moved = now;
        self.queue_mut(direction).push_end(now, end);
    }

    /// Says what is to be done in this direction.
    pub(crate) fn next(&mut self, now: Duration, direction: Direction) -> Next {
        loop {
            self.end_in_time(now);
            // Another connection may have completed a count that they share.
            self.end_if_due();
            if let Some(ended) = self.ended {
                return Next::Ended(ended);
            }
            self.swallow(direction);
            if let Some(sink) = self.faults.iter().position(|active| active.takes(direction)) {
                match self.take(now, direction, sink) {
                    Some(next) => return next,
                    None => continue,
                }
            }
            if !self.queue(direction).has_bytes() {
                return self.next_end(now, direction);
            }
            match self.gate(now, direction) {
                Gate::Open(most) => return self.next_bytes(now, direction, most),
                Gate::Until(at) => return self.wait(at),
                Gate::Shut => return self.wait(NEVER),
                Gate::Again => {}
            }
        }
    }

    /// Has the fault at place `sink` take what comes to it next; `None` if it took something.
    fn take(&mut self, now: Duration, direction: Direction, sink: usize) -> Option<Next> {
        let (before, from) = self.faults.split_at_mut(sink);
        let queue = direction.pick(&mut self.upstream, &mut self.downstream);
        if queue.has_bytes() {
            let (length, at) = plan::bytes(before, queue, now, direction, usize::MAX);
            if at > now {
                return Some(self.wait(at));
            }
            if let Some(spent) = before.iter_mut().find(|active| active.is_spent(direction)) {
                self.ended = Some(spent.fire(StreamEnd::Finish));
                return None;
            }
            queue.planned = at;
            from[0].take(now, direction, queue.head_number());
            self.leave(now, direction, length, sink);
            return None;
        }
        let Some((end, arrived)) = queue.end() else { return Some(self.wait(NEVER)) };
        let at = plan::end(before, end, arrived, now, direction);
        if at > now {
            return Some(self.wait(at));
        }
        from[0].take(now, direction, u64::MAX);
        queue.consume_end();
        None
    }

    /// What is to be done with the bytes that wait, of which `most` may leave.
    fn next_bytes(&mut self, now: Duration, direction: Direction, most: usize) -> Next {
        let queue = direction.pick(&mut self.upstream, &mut self.downstream);
        let (length, at) = plan::bytes(&mut self.faults, queue, now, direction, most);
        if at > now {
            return self.wait(at);
        }
        if let Some(spent) = self.faults.iter_mut().find(|active| active.is_spent(direction)) {
            let ended = spent.fire(StreamEnd::Finish);
            self.ended = Some(ended);
            return Next::Ended(ended);
        }
        queue.planned = at;
        let (chunk_length, offset) = queue.head_extent();
        let spot = Spot { chunk: queue.head_number(), chunk_length, offset };
        let as_it_came = queue.head().slice(..length);
        let faults = self.faults.iter_mut();
        Next::Write(faults.fold(as_it_came, |bytes, active| active.alter(direction, spot, bytes)))
    }

    /// What is to be done with the end of the stream, before which nothing waits.
    fn next_end(&mut self, now: Duration, direction: Direction) -> Next {
        let Some((end, arrived)) = self.queue(direction).end() else { return self.wait(NEVER) };
        let at = plan::end(&mut self.faults, end, arrived, now, direction);
        if at > now { self.wait(at) } else { Next::End(end) }
    }

    /// Notes that the first `written` bytes of what [`Engine::next`] gave were written.
    pub(crate) fn advance(&mut self, now: Duration, direction: Direction, written: usize) {
        if written == 0 {
            return;
        }
        self.moved = now;
        let all = self.faults.len();
        self.leave(now, direction, written, all);
    }

    /// Notes that the first `written` bytes of the queue left the first `faults` of the faults.
    fn leave(&mut self, now: Duration, direction: Direction, written: usize, faults: usize) {
        let lags = plan::lags(&self.faults, self.queue(direction), direction);
        let queue = direction.pick(&mut self.upstream, &mut self.downstream);
        let late = now.saturating_sub(queue.planned);
        let mut at = queue.head_arrived();
        let number = queue.head_number();
        let bytes = queue.head().slice(..written);
        let done = queue.consume(written);
        let left = Left { direction, bytes, chunk_done: done.is_some(), late, lags };
        let once_more = done.filter(|chunk| {
            let mut faults = self.faults[..faults].iter_mut();
            !chunk.is_copy && faults.any(|active| active.doubles(direction, number))
        });
        if let Some(chunk) = once_more {
            queue.push_copy(chunk);
        }
        for active in &mut self.faults[..faults] {
            at = active.commit(&left, at);
        }
        self.messages_left(direction, written);
        self.end_if_due();
    }

    /// Notes that the end of the stream that [`Engine::next`] gave was passed on.
    pub(crate) fn advance_end(&mut self, direction: Direction) {
        self.queue_mut(direction).consume_end();
    }

    /// Drops what waits in this direction, because nobody is left to take it.
    pub(crate) fn discard(&mut self, direction: Direction) {
        *self.queue_mut(direction) = Queue::default();
        self.lose_messages(direction);
    }

    /// Hands out how often each fault acted since the last call.
    pub(crate) fn take_hits(&mut self, mut each: impl FnMut(FaultId, u64)) {
        for active in &mut self.faults {
            let hits = std::mem::take(&mut active.hits);
            if hits > 0 {
                each(active.id, hits);
            }
        }
    }

    /// Hands out the messages at which faults acted since the last call.
    pub(crate) fn take_met(&mut self) -> Vec<(FaultId, MessageMet)> {
        std::mem::take(&mut self.met)
    }

    /// Hands out the faults that began on all connections that share their tally, or used up what
    /// all may pass, with bytes of this connection since the last call: the others are to be asked
    /// again.
    pub(crate) fn take_begun(&mut self, mut each: impl FnMut(FaultId)) {
        for active in &mut self.faults {
            if std::mem::take(&mut active.to_tell) {
                each(active.id);
            }
        }
    }

    /// Drops what a fault loses in this direction.
    fn swallow(&mut self, direction: Direction) {
        let Some(index) = self.faults.iter().position(|active| active.swallows(direction)) else {
            return;
        };
        if let Some(chunks) = self.queue_mut(direction).swallow() {
            self.faults[index].swallow(chunks);
            self.lose_messages(direction);
        }
    }

    /// Drops the connection if it was quiet for too long, or ends it if a fault does so by now.
    fn end_in_time(&mut self, now: Duration) {
        for active in &mut self.faults {
            if self.ended.is_some() {
                return;
            }
            self.ended = active.end_in_time(now);
            let is_due = active.idle_at(self.moved).is_some_and(|at| at <= now);
            if is_due && self.ended.is_none() {
                self.ended = active.drop_idle();
            }
        }
    }

    /// Waits until this time, or until time ends the connection.
    fn wait(&self, at: Duration) -> Next {
        let idle = self.faults.iter().filter_map(|active| active.idle_at(self.moved));
        let ends = self.faults.iter().filter_map(Active::ends_at);
        let at = idle.chain(ends).fold(at, Duration::min);
        Next::Wait((at < NEVER).then_some(at))
    }

    fn end_if_due(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let due = |active: &&mut Active| active.ends_now().is_some();
        if let Some(active) = self.faults.iter_mut().find(due) {
            let how = active.ends_now().unwrap_or(StreamEnd::Finish);
            self.ended = Some(active.fire(how));
        }
    }

    fn queue(&self, direction: Direction) -> &Queue {
        direction.pick(&self.upstream, &self.downstream)
    }

    fn queue_mut(&mut self, direction: Direction) -> &mut Queue {
        direction.pick(&mut self.upstream, &mut self.downstream)
    }
}
