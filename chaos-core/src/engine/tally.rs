//! How much of what a fault waits for has come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::StreamEnd;
use crate::direction::Direction;
#[cfg(feature = "toxiproxy")]
use crate::fault::Toxic;
use crate::fault::{Fault, FaultKind};

/// What a fault waits for, and how much of it has come: on one connection, or on all that share the
/// tally.
///
/// Engines that share one are asked one after the other, each from [`next`](super::Engine::next) to
/// [`advance`](super::Engine::advance), as the counts would else be wrong. So the order of memory
/// accesses does not matter here.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How often the pattern is to pass.
    times: u64,
    /// How many bytes are to pass after that, of both directions.
    after: u64,
    /// How many bytes may pass after that in a direction, if there is a limit.
    limit: Option<u64>,
    /// Whether the fault ends connections once it has begun, and how.
    ending: Option<StreamEnd>,
    /// Whether a moment at a message is to come before bytes count.
    awaits_moment: bool,
    has_come: AtomicBool,
    seen: AtomicU64,
    passed: AtomicU64,
    /// Upstream and downstream.
    used: [AtomicU64; 2],
}

impl Tally {
    /// Of which nothing has come yet.
    pub(crate) fn new(fault: &Fault) -> Self {
        let (limit, ending) = match fault.kind {
            FaultKind::Limit { bytes } => (Some(bytes), None),
            #[cfg(feature = "toxiproxy")]
            FaultKind::Toxic { does: Toxic::LimitData { bytes } } => {
                (Some(u64::try_from(bytes).unwrap_or(0)), None)
            }
            FaultKind::Cut => (None, Some(StreamEnd::Finish)),
            FaultKind::Reset => (None, Some(StreamEnd::Reset)),
            _ => (None, None),
        };
        let times = fault.seen.as_ref().map_or(0, |pattern| pattern.times().get());
        let awaits_moment = fault.message.is_some();
        Self { times, after: fault.after.0, limit, ending, awaits_moment, ..Self::default() }
    }

    /// What this fault waits for, of which so much has come as of that before.
    #[cfg(feature = "toxiproxy")]
    pub(super) fn changed(&self, fault: &Fault) -> Self {
        let count = |counter: &AtomicU64| AtomicU64::new(counter.load(Ordering::Relaxed));
        Self {
            seen: count(&self.seen),
            passed: count(&self.passed),
            used: [count(&self.used[0]), count(&self.used[1])],
            ..Self::new(fault)
        }
    }

    /// How often the pattern is still to pass.
    pub(super) fn missing(&self) -> u64 {
        self.times.saturating_sub(self.seen.load(Ordering::Relaxed))
    }

    /// Whether the pattern has passed as often as it is to.
    pub(super) fn has_seen(&self) -> bool {
        self.missing() == 0
    }

    /// How many bytes still have to pass before the fault begins, once the pattern has.
    pub(super) fn to_pass(&self) -> u64 {
        self.after.saturating_sub(self.passed.load(Ordering::Relaxed))
    }

    /// Whether all that the fault waits for has come.
    pub(super) fn has_begun(&self) -> bool {
        self.has_seen() && !self.is_before_moment() && self.to_pass() == 0
    }

    /// Whether the moment at a message for which the fault waits has not come yet.
    pub(super) fn is_before_moment(&self) -> bool {
        self.awaits_moment && !self.has_come()
    }

    /// Whether the moment at a message has come.
    pub(super) fn has_come(&self) -> bool {
        self.has_come.load(Ordering::Relaxed)
    }

    /// The moment at a message has come.
    pub(super) fn come(&self) {
        self.has_come.store(true, Ordering::Relaxed);
    }

    /// How many more bytes may pass in this direction while the fault acts.
    pub(super) fn left(&self, direction: Direction) -> u64 {
        let used = || self.used[index(direction)].load(Ordering::Relaxed);
        self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(used()))
    }

    /// How the fault ends every connection now, whatever is sent on it, if it does.
    pub(crate) fn ends(&self) -> Option<StreamEnd> {
        if !self.has_begun() {
            return None;
        }
        let is_used_up = self.limit.is_some_and(|limit| limit > 0)
            && [Direction::Upstream, Direction::Downstream].iter().any(|it| self.left(*it) == 0);
        if is_used_up { Some(StreamEnd::Finish) } else { self.ending }
    }

    pub(super) fn see(&self, times: u64) {
        add(&self.seen, times);
    }

    pub(super) fn pass(&self, bytes: usize) {
        add(&self.passed, bytes as u64);
    }

    pub(super) fn use_up(&self, direction: Direction, bytes: usize) {
        add(&self.used[index(direction)], bytes as u64);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    let sum = counter.load(Ordering::Relaxed).saturating_add(more);
    counter.store(sum, Ordering::Relaxed);
}

fn index(direction: Direction) -> usize {
    direction.pick(0, 1)
}
