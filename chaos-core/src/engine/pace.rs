//! When bytes leave a fault, and in which pieces.
//!
//! The faults of a connection form a chain. A piece comes to each of them at a time, and leaves it
//! at the same time or later. These are times of the plan, not of the clock: a fault says when a
//! piece *would* pass if nothing after it were in the way, so the delays of many pieces overlap.
//! [`Pace::schedule`] may be asked any number of times; only [`Pace::commit`] moves the plan on.

use std::time::Duration;

use super::StreamEnd;
use crate::delay::Delay;
use crate::fault::FaultKind;
use crate::rate::Rate;
use crate::seed::Draws;

/// Later than any time that is ever reached.
pub(super) const NEVER: Duration = Duration::MAX;

/// The time that one piece of a limited rate takes, so that the rate is smooth.
const SMOOTHNESS: Duration = Duration::from_millis(5);

/// How far a limited rate may lag behind its plan and still catch up. What is later was held up by
/// something else, such as a reader that did not read, and is not to be followed by a burst.
const SLACK: Duration = Duration::from_millis(10);

/// What one fault does to the pieces of one direction.
#[derive(Debug)]
pub(super) enum Pace {
    Latency {
        delay: Drawn,
        /// When the last piece left: the order is kept.
        last: Duration,
    },
    Bandwidth {
        rate: Rate,
        /// When the last piece has passed entirely.
        free: Duration,
    },
    Slice {
        size: usize,
        gap: Duration,
        /// What is left of the piece that has begun.
        left: usize,
        /// When the next piece may begin.
        free: Duration,
    },
    Stall,
    SlowClose {
        delay: Drawn,
    },
    Limit {
        left: u64,
    },
    /// The kinds that end or refuse connections let bytes pass as they come.
    Transparent,
}

impl Pace {
    pub(super) fn new(kind: &FaultKind, now: Duration, draws: Draws) -> Self {
        match *kind {
            FaultKind::Latency { delay } => {
                Self::Latency { delay: Drawn::new(delay, draws), last: Duration::ZERO }
            }
            FaultKind::Bandwidth { rate } => Self::Bandwidth { rate, free: now },
            FaultKind::Slice { size, gap } => {
                let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
                Self::Slice { size, gap, left: size, free: Duration::ZERO }
            }
            FaultKind::Stall => Self::Stall,
            FaultKind::SlowClose { delay } => Self::SlowClose { delay: Drawn::new(delay, draws) },
            FaultKind::Limit { bytes } => Self::Limit { left: bytes },
            FaultKind::Cut | FaultKind::Reset | FaultKind::Refuse => Self::Transparent,
        }
    }

    /// How many of the next `whole` bytes may leave in one piece, at least 1.
    pub(super) fn most(&self, whole: usize) -> usize {
        match *self {
            Self::Bandwidth { rate, .. } => bytes_within(rate, SMOOTHNESS).max(1),
            Self::Slice { left, .. } => left,
            // With nothing left the connection ends before the next byte.
            Self::Limit { left } if left > 0 => usize::try_from(left).unwrap_or(usize::MAX),
            _ => whole,
        }
    }

    /// When `length` bytes that come at time `at` leave.
    pub(super) fn schedule(&mut self, at: Duration, length: usize) -> Duration {
        match self {
            Self::Latency { delay, last } => at.saturating_add(delay.current()).max(*last),
            Self::Bandwidth { rate, free } => at.max(*free).saturating_add(time_of(*rate, length)),
            Self::Slice { free, .. } => at.max(*free),
            Self::Stall => NEVER,
            _ => at,
        }
    }

    /// When the end of the stream leaves if it comes at time `at`.
    pub(super) fn schedule_end(&mut self, at: Duration, end: StreamEnd) -> Duration {
        match self {
            Self::Latency { delay, last } => at.saturating_add(delay.current()).max(*last),
            Self::SlowClose { delay } if end == StreamEnd::Finish => {
                at.saturating_add(delay.current())
            }
            Self::Stall => NEVER,
            _ => at,
        }
    }

    /// Notes that `written` bytes left which had come at time `at`, `late` after they were due, and
    /// says when they left by the plan.
    pub(super) fn commit(
        &mut self,
        at: Duration,
        written: usize,
        chunk_done: bool,
        late: Duration,
    ) -> Duration {
        let left_at = self.schedule(at, written);
        match self {
            Self::Latency { delay, last } => {
                *last = left_at;
                if chunk_done {
                    delay.forget();
                }
            }
            Self::Bandwidth { free, .. } => {
                *free = left_at.saturating_add(late.saturating_sub(SLACK));
            }
            Self::Slice { size, gap, left, free } => {
                *left = left.saturating_sub(written);
                if *left == 0 || chunk_done {
                    *left = *size;
                    // The gap lies between two pieces as they were really written.
                    *free = left_at.saturating_add(late).saturating_add(*gap);
                }
            }
            Self::Limit { left } => *left = left.saturating_sub(written as u64),
            Self::Stall | Self::SlowClose { .. } | Self::Transparent => {}
        }
        left_at
    }

    pub(super) fn is_spent(&self) -> bool {
        matches!(self, Self::Limit { left: 0 })
    }

    pub(super) fn splits(&self, whole: usize) -> bool {
        matches!(*self, Self::Slice { left, .. } if left < whole)
    }
}

/// A delay that is drawn once for each chunk.
#[derive(Debug)]
pub(super) struct Drawn {
    delay: Delay,
    draws: Draws,
    current: Option<Duration>,
}

impl Drawn {
    fn new(delay: Delay, draws: Draws) -> Self {
        Self { delay, draws, current: None }
    }

    fn current(&mut self) -> Duration {
        *self.current.get_or_insert_with(|| self.delay.draw(&mut self.draws))
    }

    fn forget(&mut self) {
        self.current = None;
    }
}

/// How long `length` bytes take at this rate, rounded up so that nothing is early.
fn time_of(rate: Rate, length: usize) -> Duration {
    let nanos = (length as u128 * NANOS_PER_SEC).div_ceil(u128::from(rate.bytes_per_sec()));
    u64::try_from(nanos).map_or(NEVER, Duration::from_nanos)
}

/// How many bytes pass at this rate within a time, rounded down.
fn bytes_within(rate: Rate, time: Duration) -> usize {
    let bytes = u128::from(rate.bytes_per_sec()) * time.as_nanos() / NANOS_PER_SEC;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

const NANOS_PER_SEC: u128 = 1_000_000_000;
