//! Arbitrary bytes as a story of two connections: what a fuzzer runs, and plain tests too.
//!
//! The bytes say which faults come and go, what is sent and how the clock advances, extremes
//! included. Nothing of it may panic or go on for ever, and what holds for every story has to hold.

use std::sync::Arc;
use std::time::Duration;

use super::story::{Act, Story};
use super::{StreamEnd, Tally};
use crate::delay::Delay;
use crate::direction::Direction::{self, Downstream, Upstream};
use crate::direction::Directions;
use crate::fault::{Corruption, Fault, FaultKind, IdleEnd, PacketEffect};
use crate::probability::Probability;
use crate::rate::Rate;
use crate::trigger::{AfterBytes, Counting, seen};

/// How much happens at most, so that every story comes to an end soon.
const ACTS: usize = 200;

/// How many bytes each connection carries at most, in a direction.
const BYTES: usize = 8 << 10;

/// How far the clock goes in one step: about 30 years.
pub(super) const FAR: Duration = Duration::from_secs(1 << 30);

/// Plays the story that these bytes tell, twice.
///
/// # Panics
///
/// When the engine does what it must not.
pub(crate) fn run(data: &[u8]) {
    let (first, second) = (play(data), play(data));
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.link.delivered, second.link.delivered, "it cannot be repeated");
        assert_eq!(first.link.hits, second.link.hits, "it cannot be repeated");
        assert_eq!(first.link.ended, second.link.ended, "it cannot be repeated");
    }
}

fn play(data: &[u8]) -> [Story; 2] {
    let mut input = Input(data);
    let write_limit = usize::from(input.byte());
    let mut stories = [(); 2].map(|()| Story::new(write_limit));
    // Whether a fault came that may change, lose or end something.
    let mut harmed = false;
    for _ in 0..ACTS {
        if input.0.is_empty() {
            break;
        }
        let which = usize::from(input.byte() % 2);
        match input.byte() % 8 {
            0 | 1 => {
                let fault = input.fault();
                harmed |= !is_harmless(&fault.kind);
                begin(&mut stories, which, fault);
            }
            2 => stories[which].act(&Act::End(usize::from(input.byte() % 8))),
            3 | 4 => {
                let direction = input.direction();
                let length = 1 + usize::from(input.byte()) * 6;
                if stories[which].sent(direction).bytes.len() + length <= BYTES {
                    stories[which].act(&Act::Push(direction, length));
                }
            }
            5 => {
                let end = if input.bit() { StreamEnd::Finish } else { StreamEnd::Reset };
                stories[which].act(&Act::PushEnd(input.direction(), end));
            }
            _ => {
                let time = input.time().min(FAR);
                stories.iter_mut().for_each(|story| story.act(&Act::Pass(time)));
            }
        }
        // What one connection did may concern the other.
        stories.iter_mut().for_each(|story| story.act(&Act::Pass(Duration::ZERO)));
    }
    for story in &mut stories {
        story.heal();
        assert!(story.link.ended.is_some() || story.link.engine.is_idle(), "something is left");
        if !harmed {
            assert!(story.link.ended.is_none(), "a harmless fault ended the connection");
            assert!(story.is_complete(Upstream) && story.is_complete(Downstream), "bytes are lost");
        }
    }
    stories
}

/// Begins a fault on one connection, or on both if they count together.
fn begin(stories: &mut [Story; 2], which: usize, fault: Fault) {
    if !fault.counts_over_link() {
        stories[which].act(&Act::Begin(fault));
    } else if stories.iter().all(|story| story.begun < 7) {
        let tally = Arc::new(Tally::new(&fault));
        for story in stories {
            story.begun += 1;
            story.link.begin_sharing(story.begun as u64, &fault, &tally);
        }
    }
}

/// Whether a fault of this kind delays bytes and does nothing else.
fn is_harmless(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Latency { .. }
            | FaultKind::LatencySteps { .. }
            | FaultKind::Bandwidth { .. }
            | FaultKind::Slice { .. }
            | FaultKind::Stall
            | FaultKind::Partition
            | FaultKind::SlowClose { .. }
            | FaultKind::Refuse
            | FaultKind::Hang
            | FaultKind::Packets { .. }
    )
}

/// Bytes that are read one after the other; zeros when there are no more.
pub(super) struct Input<'data>(pub(super) &'data [u8]);

impl Input<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn bit(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Any number; small ones and the ends of the range often.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() % 8 {
            0 => 0,
            1 => u64::MAX,
            2 => u64::from_le_bytes([(); 8].map(|()| self.byte())),
            3 | 4 => u64::from_le_bytes([self.byte(), self.byte(), 0, 0, 0, 0, 0, 0]),
            _ => u64::from(self.byte()),
        }
    }

    fn real(&mut self) -> f64 {
        f64::from_bits(u64::from_le_bytes([(); 8].map(|()| self.byte())))
    }

    pub(super) fn time(&mut self) -> Duration {
        match self.byte() % 8 {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            2 => Duration::from_nanos(self.number()),
            3 => Duration::from_secs(self.number()),
            4 | 5 => Duration::from_micros(u64::from(self.byte()) * 100),
            _ => Duration::from_millis(u64::from(self.byte())),
        }
    }

    fn direction(&mut self) -> Direction {
        if self.bit() { Upstream } else { Downstream }
    }

    fn probability(&mut self) -> Probability {
        let value = f64::from(self.byte()) / f64::from(u8::MAX);
        Probability::new(value).unwrap_or(Probability::ALWAYS)
    }

    pub(super) fn delay(&mut self) -> Delay {
        match self.byte() % 5 {
            0 => Delay::Fixed { delay: self.time() },
            1 => Delay::Uniform { min: self.time(), max: self.time() },
            2 => Delay::Normal { mean: self.time(), standard_deviation: self.time() },
            3 => Delay::LogNormal { median: self.time(), sigma: self.real() },
            _ => Delay::Pareto { min: self.time(), shape: self.real() },
        }
    }

    pub(super) fn fault(&mut self) -> Fault {
        let mut fault = Fault::new(self.kind());
        fault.directions = match self.byte() % 4 {
            0 => Directions::Upstream,
            1 => Directions::Downstream,
            _ => Directions::Both,
        };
        let waits = self.byte();
        if waits % 2 == 1 {
            fault.after = AfterBytes(self.number());
        }
        if waits % 3 == 1 {
            // What is sent counts up, so that these come once in 251 bytes.
            let byte = self.byte() % 250;
            let pattern = seen(&[byte, byte + 1][..1 + usize::from(waits % 5 < 2)]);
            let pattern = if waits % 7 == 1 { pattern.upstream() } else { pattern };
            fault.seen = Some(pattern.nth(self.number().max(1)));
        }
        if waits % 4 > 1 {
            fault.counting = Counting::PerLink;
        }
        fault
    }

    fn kind(&mut self) -> FaultKind {
        match self.byte() % 19 {
            0 => FaultKind::Latency { delay: self.delay() },
            1 => FaultKind::LatencySteps {
                delays: (0..self.byte() % 4).map(|_| self.delay()).collect(),
                each: self.time(),
            },
            2 => FaultKind::Bandwidth {
                rate: Rate::new(self.number().max(1)).unwrap_or_else(|_| unreachable!("not 0")),
            },
            3 => FaultKind::Slice { size: self.number(), gap: self.time() },
            4 => FaultKind::Stall,
            5 => FaultKind::SlowClose { delay: self.delay() },
            6 => FaultKind::Limit { bytes: self.number() },
            7 => FaultKind::Cut,
            8 => FaultKind::Reset,
            9 => FaultKind::Refuse,
            10 => FaultKind::BlackHole,
            11 => {
                let end = match self.byte() % 3 {
                    0 => IdleEnd::Silent,
                    1 => IdleEnd::Fin,
                    _ => IdleEnd::Reset,
                };
                FaultKind::IdleDrop { after: self.time(), end }
            }
            12 => FaultKind::Partition,
            13 => FaultKind::Hang,
            14 => {
                FaultKind::Corrupt { which: Corruption::Chunks { probability: self.probability() } }
            }
            15 => FaultKind::Corrupt {
                which: Corruption::EveryNth {
                    bytes: self.number().max(1).try_into().unwrap_or(std::num::NonZeroU64::MIN),
                },
            },
            16 => FaultKind::Duplicate { probability: self.probability() },
            _ => {
                let effect = match self.byte() % 4 {
                    0 => PacketEffect::Loss,
                    1 => PacketEffect::Duplication,
                    2 => PacketEffect::Reordering,
                    _ => PacketEffect::Corruption,
                };
                let (probability, round_trip) = (self.probability(), self.time());
                FaultKind::Packets { effect, probability, round_trip }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What the fuzzer does for hours, for a moment.
        #[test]
        fn nothing_panics_hangs_or_is_lost(data in prop::collection::vec(any::<u8>(), 0..300)) {
            run(&data);
        }
    }
}
