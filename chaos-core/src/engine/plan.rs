//! What may leave next, and when: the faults are asked one after the other.

use std::time::Duration;

use super::StreamEnd;
use super::active::Active;
use super::queue::Queue;
use super::segments::Lags;
use crate::direction::Direction;

/// How many bytes of the head may leave together, at most `most`, and when.
pub(super) fn bytes(
    faults: &mut [Active],
    queue: &Queue,
    now: Duration,
    direction: Direction,
    most: usize,
) -> (usize, Duration) {
    let head = queue.head();
    let whole = head.len();
    let mut length = whole.min(most);
    for active in &*faults {
        length = length.min(active.most(direction, whole));
    }
    for active in &*faults {
        // Last, so that no more is searched than may leave.
        length = length.min(active.most_until_seen(direction, &head[..length]));
    }
    let lags = lags(faults, queue, direction);
    let mut at = queue.head_arrived();
    for active in faults {
        let later = active.schedule(direction, at, length, lags);
        if later > at && later > now {
            // Whatever stands behind the head is held with it.
            active.count(direction, queue.pushed(), queue.waiting());
        } else if active.splits(direction, whole) || active.strikes(direction) {
            active.count(direction, queue.head_number(), 1);
        }
        at = later;
    }
    (length, at)
}

/// When the end of the stream may leave.
pub(super) fn end(
    faults: &mut [Active],
    end: StreamEnd,
    arrived: Duration,
    now: Duration,
    direction: Direction,
) -> Duration {
    let mut at = arrived;
    for active in faults {
        let later = active.schedule_end(direction, at, end);
        if later > at && later > now && active.is_slow_close() {
            active.count(direction, u64::MAX, 1);
        }
        at = later;
    }
    at
}

/// How much later than the head the segments behind it came, if somebody has to know.
pub(super) fn lags(faults: &[Active], queue: &Queue, direction: Direction) -> Lags {
    let asked = faults.iter().any(|active| active.asks_for_lags(direction));
    if asked { queue.lags() } else { Lags::default() }
}
