//! A driver for tests, whose clock is moved by hand and whose peers read at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Ended, Engine, Next, StreamEnd, Tally};
use crate::direction::Direction;
use crate::event::FaultId;
use crate::fault::Fault;
use crate::seed::Seed;

/// A connection in virtual time.
#[derive(Debug, Default)]
pub(super) struct VirtualLink {
    pub(super) engine: Engine,
    pub(super) now: Duration,
    pub(super) delivered: Vec<Delivery>,
    pub(super) ended: Option<(Duration, Ended)>,
    /// How often each fault acted, by its number.
    pub(super) hits: [u64; 8],
    /// The most that is written at once; 0 for no limit.
    pub(super) write_limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) at: Duration,
    pub(super) direction: Direction,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Bytes(Vec<u8>),
    End(StreamEnd),
}

impl VirtualLink {
    pub(super) fn begin(&mut self, id: u64, fault: impl Into<Fault>) {
        self.begin_drawn(id, fault, self.now, Seed(7).numbered(id));
    }

    /// Begins a fault that was injected at time `began` and whose draws derive from this seed.
    pub(super) fn begin_drawn(
        &mut self,
        id: u64,
        fault: impl Into<Fault>,
        began: Duration,
        seed: Seed,
    ) {
        let fault = fault.into();
        let tally = Arc::new(Tally::new(&fault));
        self.engine.begin(self.now, began, FaultId(id), &fault, seed, tally);
        self.settle();
    }

    /// Begins a fault that counts together with other connections.
    pub(super) fn begin_sharing(&mut self, id: u64, fault: &Fault, tally: &Arc<Tally>) {
        let seed = Seed(7).numbered(id);
        self.engine.begin(self.now, self.now, FaultId(id), fault, seed, Arc::clone(tally));
        self.settle();
    }

    #[cfg(feature = "toxiproxy")]
    pub(super) fn change(&mut self, id: u64, fault: &Fault) {
        self.engine.change(self.now, FaultId(id), fault);
        self.settle();
    }

    pub(super) fn end(&mut self, id: u64) {
        self.engine.end(FaultId(id));
        self.settle();
    }

    pub(super) fn push(&mut self, direction: Direction, bytes: &[u8]) {
        self.engine.push(self.now, direction, Bytes::copy_from_slice(bytes));
        self.settle();
    }

    pub(super) fn push_end(&mut self, direction: Direction, end: StreamEnd) {
        self.engine.push_end(self.now, direction, end);
        self.settle();
    }

    /// Lets time pass, and everything happen that happens meanwhile.
    pub(super) fn run_until(&mut self, until: Duration) {
        loop {
            match self.settle() {
                Some(at) if at <= until => {
                    assert!(at > self.now, "asked to be woken at {at:?}, and it is {:?}", self.now);
                    self.now = at;
                }
                _ => break,
            }
        }
        self.now = until;
        self.settle();
    }

    /// Lets time pass until something can happen.
    pub(super) fn run_to_next(&mut self) {
        let at = self.settle().expect("nothing would ever happen");
        self.run_until(at);
    }

    /// Delivers what may be delivered now, and says when to come back.
    fn settle(&mut self) -> Option<Duration> {
        let mut wake: Option<Duration> = None;
        for direction in [Direction::Upstream, Direction::Downstream] {
            loop {
                let (at, now) = (self.now, self.now);
                let what = match self.engine.next(now, direction) {
                    Next::Wait(wait) => {
                        wake = wake.into_iter().chain(wait).min();
                        break;
                    }
                    Next::Ended(ended) => {
                        self.ended.get_or_insert((now, ended));
                        break;
                    }
                    Next::Write(bytes) => {
                        let limit =
                            if self.write_limit == 0 { usize::MAX } else { self.write_limit };
                        let written = bytes[..bytes.len().min(limit)].to_vec();
                        self.engine.advance(now, direction, written.len());
                        What::Bytes(written)
                    }
                    Next::End(end) => {
                        self.engine.advance_end(direction);
                        What::End(end)
                    }
                };
                self.delivered.push(Delivery { at, direction, what });
            }
        }
        self.engine.take_hits(|id, hits| self.hits[usize::try_from(id.0).unwrap()] += hits);
        wake
    }

    /// What was delivered in a direction, with the time in milliseconds, rounded down.
    #[cfg(test)]
    pub(super) fn seen(&self, direction: Direction) -> Vec<(u128, String)> {
        let in_direction = self.delivered.iter().filter(|delivery| delivery.direction == direction);
        in_direction
            .map(|delivery| {
                let text = match &delivery.what {
                    What::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    What::End(StreamEnd::Finish) => "FIN".to_owned(),
                    What::End(StreamEnd::Reset) => "RST".to_owned(),
                };
                (delivery.at.as_millis(), text)
            })
            .collect()
    }

    /// All bytes that were delivered in a direction.
    pub(super) fn bytes(&self, direction: Direction) -> Vec<u8> {
        let mut all = Vec::new();
        for delivery in &self.delivered {
            match &delivery.what {
                What::Bytes(bytes) if delivery.direction == direction => all.extend(bytes),
                _ => {}
            }
        }
        all
    }
}
