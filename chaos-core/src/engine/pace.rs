//! When bytes leave a fault, and in which pieces.
//!
//! The faults of a connection form a chain. A piece comes to each of them at a time, and leaves it
//! at the same time or later. These are times of the plan, not of the clock: a fault says when a
//! piece *would* pass if nothing after it were in the way, so the delays of many pieces overlap.
//! [`Pace::schedule`] may be asked any number of times; only [`Pace::commit`] moves the plan on.

use std::time::Duration;

use super::StreamEnd;
use super::drawn::Drawn;
use super::segments::{Lags, Segments};
#[cfg(feature = "toxiproxy")]
use crate::delay::Delay;
use crate::fault::FaultKind;
#[cfg(feature = "toxiproxy")]
use crate::fault::{Toxic, micros, millis};
use crate::rate::Rate;
use crate::seed::{Draws, Seed};

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
        /// How much smaller or larger than that a piece may be.
        variation: usize,
        draws: Draws,
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
    Packets(Segments),
    /// The kinds that act otherwise let bytes pass as they come.
    Transparent,
}

impl Pace {
    /// For a fault that was injected at time `began`, and met the connection `now`.
    pub(super) fn new(kind: &FaultKind, began: Duration, now: Duration, seed: Seed) -> Self {
        let drawn = |delay| Drawn::new(delay, seed.draws());
        match *kind {
            FaultKind::Latency { delay } | FaultKind::PacketDelay { delay } => {
                Self::Latency { delay: drawn(delay), last: Duration::ZERO }
            }
            FaultKind::LatencySteps { ref delays, each } => Self::Latency {
                delay: Drawn::in_steps(delays.clone(), each, began, seed.draws()),
                last: Duration::ZERO,
            },
            FaultKind::Bandwidth { rate } => Self::Bandwidth { rate, free: now },
            FaultKind::Slice { size, gap } => {
                let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
                Self::slices(size, 0, gap, seed)
            }
            FaultKind::Stall | FaultKind::Partition | FaultKind::DeadPeer => Self::Stall,
            FaultKind::SlowClose { delay } => Self::SlowClose { delay: drawn(delay) },
            FaultKind::Packets { effect, probability, round_trip } => {
                Self::Packets(Segments::new(effect, probability, round_trip, seed))
            }
            FaultKind::Cut
            | FaultKind::Reset
            | FaultKind::Limit { .. }
            | FaultKind::Refuse
            | FaultKind::Hang
            | FaultKind::BlackHole
            | FaultKind::IdleDrop { .. }
            | FaultKind::Corrupt { .. }
            | FaultKind::Error { .. }
            | FaultKind::DelayMessage { .. }
            | FaultKind::DropMessage
            | FaultKind::DuplicateMessage
            | FaultKind::CorruptMessage
            | FaultKind::Duplicate { .. }
            | FaultKind::KernelPackets { .. }
            | FaultKind::KernelPacketDelay { .. } => Self::Transparent,
            #[cfg(feature = "toxiproxy")]
            FaultKind::Toxic { does } => Self::of_toxic(does, now, seed),
        }
    }

    /// Pieces of about this size.
    fn slices(size: usize, variation: usize, gap: Duration, seed: Seed) -> Self {
        let mut draws = seed.draws();
        let left = piece(size, variation, &mut draws);
        Self::Slice { size, variation, draws, gap, left, free: Duration::ZERO }
    }

    #[cfg(feature = "toxiproxy")]
    fn of_toxic(does: Toxic, now: Duration, seed: Seed) -> Self {
        let bytes = |number: i64| usize::try_from(number).unwrap_or(0);
        match does {
            Toxic::Latency { latency, jitter } => {
                let delay = Drawn::jittered(millis(latency), millis(jitter), seed.draws());
                Self::Latency { delay, last: Duration::ZERO }
            }
            Toxic::Bandwidth { rate } => {
                let rate = u64::try_from(rate).unwrap_or(0).saturating_mul(1000);
                match Rate::new(rate) {
                    Ok(rate) => Self::Bandwidth { rate, free: now },
                    Err(_) => Self::Stall,
                }
            }
            Toxic::SlowClose { delay } => {
                let delay = Delay::Fixed { delay: millis(delay) };
                Self::SlowClose { delay: Drawn::new(delay, seed.draws()) }
            }
            Toxic::Slicer { average_size, size_variation, delay } => {
                let (size, variation) = (bytes(average_size).max(1), bytes(size_variation));
                Self::slices(size, variation, micros(delay), seed)
            }
            Toxic::Noop
            | Toxic::LimitData { .. }
            | Toxic::Timeout { .. }
            | Toxic::ResetPeer { .. } => Self::Transparent,
        }
    }

    /// How many of the next `whole` bytes may leave in one piece, at least 1.
    pub(super) fn most(&self, whole: usize) -> usize {
        match self {
            Self::Bandwidth { rate, .. } => bytes_within(*rate, SMOOTHNESS).max(1),
            Self::Slice { left, .. } => *left,
            Self::Packets(segments) => segments.most(whole),
            _ => whole,
        }
    }

    /// When `length` bytes that come at time `at` leave.
    ///
    /// `lags` is how much later the segments behind them came.
    pub(super) fn schedule(&mut self, at: Duration, length: usize, lags: Lags) -> Duration {
        match self {
            Self::Latency { delay, last } => at.saturating_add(delay.current(at)).max(*last),
            Self::Packets(segments) => segments.schedule(at, length, lags),
            Self::Bandwidth { rate, free } => at.max(*free).saturating_add(time_of(*rate, length)),
            Self::Slice { free, .. } => at.max(*free),
            Self::Stall => NEVER,
            _ => at,
        }
    }

    /// When the end of the stream leaves if it comes at time `at`.
    pub(super) fn schedule_end(&mut self, at: Duration, end: StreamEnd) -> Duration {
        match self {
            Self::Latency { delay, last } => at.saturating_add(delay.current(at)).max(*last),
            Self::SlowClose { delay } if end == StreamEnd::Finish => {
                at.saturating_add(delay.current(at))
            }
            Self::Packets(segments) => segments.schedule_end(at),
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
        lags: Lags,
    ) -> Duration {
        let left_at = self.schedule(at, written, lags);
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
            Self::Slice { size, variation, draws, gap, left, free } => {
                *left = left.saturating_sub(written);
                if *left == 0 || chunk_done {
                    *left = piece(*size, *variation, draws);
                    // The gap lies between two pieces as they were really written.
                    *free = left_at.saturating_add(late).saturating_add(*gap);
                }
            }
            Self::Packets(segments) => return segments.commit(at, written, chunk_done, lags),
            Self::Stall | Self::SlowClose { .. } | Self::Transparent => {}
        }
        left_at
    }

    /// Whether it has to know how far the segments behind are.
    pub(super) fn asks_for_lags(&self) -> bool {
        matches!(self, Self::Packets(_))
    }

    /// Whether something happens to the segment that is to begin now.
    pub(super) fn strikes(&self) -> bool {
        matches!(self, Self::Packets(segments) if segments.strikes_now())
    }

    pub(super) fn splits(&self, whole: usize) -> bool {
        matches!(*self, Self::Slice { left, .. } if left < whole)
    }
}

/// How large the next piece is: this size give or take the variation, and at least 1.
fn piece(size: usize, variation: usize, draws: &mut Draws) -> usize {
    if variation == 0 {
        return size;
    }
    let variation = variation.min(usize::MAX / 4);
    let smallest = size.saturating_sub(variation).max(1);
    let largest = size.saturating_add(variation);
    let more = draws.below((largest - smallest + 1) as u64);
    smallest.saturating_add(usize::try_from(more).unwrap_or(0))
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
