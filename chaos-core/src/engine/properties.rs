//! What holds for every sequence of faults and bytes.

use std::time::Duration;

use proptest::prelude::*;

use super::story::{Act, Story};
use super::virtual_link::What;
use super::{Ended, StreamEnd};
use crate::delay::Delay;
use crate::direction::Direction::{self, Downstream, Upstream};
use crate::direction::Directions;
use crate::fault::{Corruption, Fault, FaultKind, IdleEnd, PacketEffect};
use crate::probability::Probability;
use crate::rate::Rate;
use crate::trigger::{AfterBytes, seen};

fn time(up_to_ms: u64) -> impl Strategy<Value = Duration> {
    (0..=up_to_ms * 1_000).prop_map(Duration::from_micros)
}

fn delay() -> impl Strategy<Value = Delay> {
    prop_oneof![
        time(50).prop_map(|delay| Delay::Fixed { delay }),
        (time(50), time(50)).prop_map(|(a, b)| Delay::Uniform { min: a.min(b), max: a.max(b) }),
        time(5).prop_map(|min| Delay::Pareto { min, shape: 1.5 }),
    ]
}

fn harmless_kind() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        delay().prop_map(|delay| FaultKind::Latency { delay }),
        (1..2_000_000_u64).prop_map(|rate| FaultKind::Bandwidth { rate: Rate::new(rate).unwrap() }),
        (1..200_u64, time(3)).prop_map(|(size, gap)| FaultKind::Slice { size, gap }),
        Just(FaultKind::Stall),
        delay().prop_map(|delay| FaultKind::SlowClose { delay }),
        Just(FaultKind::Refuse),
        Just(FaultKind::Partition),
        Just(FaultKind::DeadPeer),
        (prop::collection::vec(delay(), 0..4), time(20))
            .prop_map(|(delays, each)| FaultKind::LatencySteps { delays, each }),
        packets(),
    ]
}

fn probability() -> impl Strategy<Value = Probability> {
    (0.0..=1.0).prop_map(|value| Probability::new(value).unwrap())
}

fn packets() -> impl Strategy<Value = FaultKind> {
    let effect = prop_oneof![
        Just(PacketEffect::Loss),
        Just(PacketEffect::Duplication),
        Just(PacketEffect::Reordering),
        Just(PacketEffect::Corruption),
    ];
    (effect, probability(), time(60)).prop_map(|(effect, probability, round_trip)| {
        FaultKind::Packets { effect, probability, round_trip }
    })
}

/// Kinds that change or lose bytes.
fn harmful_kind() -> impl Strategy<Value = FaultKind> {
    let corruption = prop_oneof![
        probability().prop_map(|probability| Corruption::Chunks { probability }),
        (1..50_u64).prop_map(|n| Corruption::EveryNth { bytes: n.try_into().unwrap() }),
    ];
    let end = prop_oneof![Just(IdleEnd::Silent), Just(IdleEnd::Fin), Just(IdleEnd::Reset)];
    prop_oneof![
        corruption.prop_map(|which| FaultKind::Corrupt { which }),
        probability().prop_map(|probability| FaultKind::Duplicate { probability }),
        Just(FaultKind::BlackHole),
        (time(60), end).prop_map(|(after, end)| FaultKind::IdleDrop { after, end }),
    ]
}

fn ending_kind() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        (0..3_000_u64).prop_map(|bytes| FaultKind::Limit { bytes }),
        Just(FaultKind::Cut),
        Just(FaultKind::Reset),
    ]
}

fn directions() -> impl Strategy<Value = Directions> {
    prop_oneof![Just(Directions::Upstream), Just(Directions::Downstream), Just(Directions::Both)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Upstream), Just(Downstream)]
}

fn fault(kind: impl Strategy<Value = FaultKind>) -> impl Strategy<Value = Fault> {
    let after = prop_oneof![2 => Just(0), 1 => 0..2_000_u64];
    // The bytes count up, so that each pair of them comes once in 251.
    let pattern = (0..250_u8).prop_map(|byte| Some(seen([byte, byte + 1])));
    let pattern = prop_oneof![3 => Just(None), 1 => pattern];
    (kind, directions(), after, pattern).prop_map(|(kind, directions, after, seen)| Fault {
        directions,
        after: AfterBytes(after),
        seen,
        ..Fault::new(kind)
    })
}

fn acts(kind: impl Strategy<Value = FaultKind>) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => fault(kind).prop_map(Act::Begin),
        2 => (0..6_usize).prop_map(Act::End),
        4 => (direction(), 1..1_500_usize).prop_map(|(to, length)| Act::Push(to, length)),
        1 => (direction(), Just(StreamEnd::Finish)).prop_map(|(to, end)| Act::PushEnd(to, end)),
        4 => time(30).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 1..40)
}

proptest! {
    /// Whatever faults come and go, all bytes are delivered once all faults are gone.
    #[test]
    fn nothing_is_lost_changed_or_reordered(acts in acts(harmless_kind()), write_limit in 0..100_usize) {
        let mut story = Story::play(&acts, write_limit);
        story.is_complete(Upstream);
        story.is_complete(Downstream);
        story.heal();
        prop_assert!(story.link.ended.is_none());
        prop_assert!(story.is_complete(Upstream));
        prop_assert!(story.is_complete(Downstream));
        prop_assert!(story.link.engine.is_idle());
    }

    /// As above, with faults that end the connection: what came before the end is intact.
    #[test]
    fn what_passes_before_a_connection_ends_is_intact(
        acts in acts(prop_oneof![harmless_kind(), ending_kind()]),
    ) {
        let mut story = Story::play(&acts, 0);
        story.heal();
        let complete = story.is_complete(Upstream) & story.is_complete(Downstream);
        prop_assert!(complete || story.link.ended.is_some());
    }

    /// The same acts have the same effects at the same times.
    #[test]
    fn everything_is_repeatable(acts in acts(prop_oneof![harmless_kind(), ending_kind()])) {
        let (first, second) = (Story::play(&acts, 0), Story::play(&acts, 0));
        prop_assert_eq!(first.link.delivered, second.link.delivered);
        prop_assert_eq!(first.link.hits, second.link.hits);
    }

    /// The same holds for faults that change or lose bytes, and these never hang, panic or spin.
    #[test]
    fn what_is_changed_or_lost_is_repeatable_too(
        acts in acts(prop_oneof![harmless_kind(), ending_kind(), harmful_kind()]),
        write_limit in 0..100_usize,
    ) {
        let (mut first, mut second) = (Story::play(&acts, write_limit), Story::play(&acts, write_limit));
        first.heal();
        second.heal();
        prop_assert_eq!(&first.link.delivered, &second.link.delivered);
        prop_assert_eq!(first.link.hits, second.link.hits);
        // Once all faults are gone nothing is under way, or the connection has ended.
        prop_assert!(first.link.ended.is_some() || first.link.engine.is_idle());
    }

    /// Corruption changes as many bytes as it is to, and neither their number nor their order.
    #[test]
    fn every_nth_byte_is_changed_and_no_other(
        acts in acts(harmless_kind()),
        every in 1..300_u64,
        write_limit in 0..100_usize,
    ) {
        let mut story = Story::new(write_limit);
        let which = Corruption::EveryNth { bytes: every.try_into().unwrap() };
        // As number 7, which the acts leave alone.
        story.link.begin(7, Fault::new(FaultKind::Corrupt { which }));
        story.begun = 1;
        for act in acts.iter().filter(|act| !matches!(act, Act::Begin(fault) if fault.after.0 > 0)) {
            if story.begun < 6 || !matches!(act, Act::Begin(_)) {
                story.act(act);
            }
        }
        for id in 1..=6 {
            story.link.end(id);
        }
        for direction in [Upstream, Downstream] {
            let got = story.link.bytes(direction);
            let sent = &story.sent(direction).bytes;
            prop_assert_eq!(got.len(), sent.len());
            for (at, (got, sent)) in got.iter().zip(sent).enumerate() {
                prop_assert_eq!(got != sent, (at as u64 + 1) % every == 0, "byte {}", at);
            }
        }
    }

    /// No byte comes before its delay is over, and all overlap.
    #[test]
    fn a_fixed_delay_is_kept_by_every_byte(
        acts in acts(Just(FaultKind::Refuse)),
        wait in time(50),
    ) {
        let mut story = Story::default();
        story.link.begin(0, Fault::new(FaultKind::Latency { delay: Delay::Fixed { delay: wait } }));
        for act in &acts {
            story.act(act);
        }
        story.link.run_until(story.link.now + wait);
        for direction in [Upstream, Downstream] {
            prop_assert!(story.is_complete(direction));
            let sent = story.sent(direction);
            let mut position = 0;
            for delivery in story.link.delivered.iter().filter(|d| d.direction == direction) {
                if let What::Bytes(bytes) = &delivery.what {
                    prop_assert_eq!(delivery.at, sent.times[position] + wait);
                    position += bytes.len();
                }
            }
        }
    }

    /// At no time has more passed than the rate allows since the fault met the connection.
    #[test]
    fn a_rate_is_never_exceeded(acts in acts(harmless_kind()), rate in 1..2_000_000_u64) {
        let mut story = Story::default();
        let kind = FaultKind::Bandwidth { rate: Rate::new(rate).unwrap() };
        story.link.begin(0, Fault::new(kind));
        for act in &acts {
            story.act(act);
        }
        for direction in [Upstream, Downstream] {
            let mut passed = 0;
            for delivery in story.link.delivered.iter().filter(|d| d.direction == direction) {
                if let What::Bytes(bytes) = &delivery.what {
                    passed += bytes.len() as u128;
                    prop_assert!(passed * 1_000_000_000 <= u128::from(rate) * delivery.at.as_nanos());
                }
            }
        }
    }

    /// A limit lets exactly so many bytes pass in a direction.
    #[test]
    fn a_limit_is_exact(
        bytes in 0..3_000_u64,
        chunks in prop::collection::vec(1..700_usize, 1..12),
        write_limit in 0..50_usize,
    ) {
        let mut story = Story::new(write_limit);
        story.link.begin(1, Fault::new(FaultKind::Limit { bytes }));
        for length in &chunks {
            story.act(&Act::Push(Downstream, *length));
            story.act(&Act::Push(Upstream, 1));
        }
        let total: usize = chunks.iter().sum();
        let passed = story.link.bytes(Downstream).len() as u64;
        prop_assert_eq!(passed, bytes.min(total as u64));
        prop_assert_eq!(story.link.ended.is_some(), total as u64 >= bytes);
    }

    /// A cut after n bytes lets exactly n pass, both directions together.
    #[test]
    fn a_cut_after_some_bytes_is_exact(
        after in 0..3_000_u64,
        chunks in prop::collection::vec((direction(), 1..700_usize), 1..12),
        reset in any::<bool>(),
        wait in time(5),
    ) {
        let kind = if reset { FaultKind::Reset } else { FaultKind::Cut };
        let mut story = Story::default();
        story.link.begin(1, Fault::new(FaultKind::Latency { delay: Delay::Fixed { delay: wait } }));
        story.link.begin(2, Fault { after: AfterBytes(after), ..Fault::new(kind) });
        for (direction, length) in &chunks {
            story.act(&Act::Push(*direction, *length));
            story.act(&Act::Pass(Duration::from_millis(1)));
        }
        story.act(&Act::Pass(Duration::from_secs(1)));
        let total: usize = chunks.iter().map(|(_, length)| length).sum();
        let passed = story.link.bytes(Upstream).len() + story.link.bytes(Downstream).len();
        prop_assert_eq!(passed as u64, after.min(total as u64));
        let how = if reset { StreamEnd::Reset } else { StreamEnd::Finish };
        let ended = story.link.ended.map(|(_, ended)| ended);
        let expected = Ended { fault: crate::event::FaultId(2), how };
        prop_assert_eq!(ended, (total as u64 >= after).then_some(expected));
    }
}
