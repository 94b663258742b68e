//! What each fault does, on a virtual clock.

use std::time::Duration;

use super::virtual_link::VirtualLink;
use super::{Ended, StreamEnd};
use crate::delay::Delay;
use crate::direction::Direction::{Downstream, Upstream};
use crate::direction::Directions;
use crate::event::FaultId;
use crate::fault::{
    Fault, FaultKind, bandwidth, cut, latency, limit, refuse, reset, slice, slow_close, stall,
};
use crate::rate::Rate;
use crate::trigger::AfterBytes;
use crate::units::{ByteUnits, DurationUnits};

fn link() -> VirtualLink {
    VirtualLink::default()
}

fn at(ms: u128, what: &str) -> (u128, String) {
    (ms, what.to_owned())
}

fn cut_by(fault: u64) -> Ended {
    Ended { fault: FaultId(fault), how: StreamEnd::Finish }
}

#[test]
fn without_faults_everything_passes_at_once() {
    let mut link = link();
    link.push(Upstream, b"question");
    link.push(Downstream, b"answer");
    link.push_end(Upstream, StreamEnd::Finish);
    link.push_end(Downstream, StreamEnd::Reset);
    assert_eq!(link.seen(Upstream), [at(0, "question"), at(0, "FIN")]);
    assert_eq!(link.seen(Downstream), [at(0, "answer"), at(0, "RST")]);
    assert!(link.engine.is_idle());
}

#[test]
fn delays_overlap() {
    let mut link = link();
    link.begin(1, latency(50.ms()));
    for (ms, text) in [(0, "a"), (10, "b"), (20, "c")] {
        link.run_until(Duration::from_millis(ms));
        link.push(Upstream, text.as_bytes());
    }
    link.push_end(Upstream, StreamEnd::Finish);
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(50, "a"), at(60, "b"), at(70, "c"), at(70, "FIN")]);
    assert_eq!(link.hits[1], 3);
}

#[test]
fn jitter_never_changes_the_order() {
    let mut link = link();
    link.begin(1, latency(Duration::ZERO..=100.ms()));
    let sent: Vec<u8> = (0..200).collect();
    for byte in &sent {
        link.push(Downstream, &[*byte]);
        link.run_until(link.now + 1.ms());
    }
    link.run_until(10.secs());
    assert_eq!(link.bytes(Downstream), sent);
    let times: Vec<_> = link.delivered.iter().map(|delivery| delivery.at).collect();
    assert!(times.is_sorted());
    for (index, delivery) in link.delivered.iter().enumerate() {
        let sent = Duration::from_millis(index as u64);
        assert!(delivery.at >= sent && delivery.at <= sent + 200.ms(), "{index}: {delivery:?}");
    }
}

#[test]
fn every_chunk_draws_a_delay_of_its_own() {
    let mut link = link();
    link.begin(1, latency(Duration::ZERO..=100.ms()));
    let mut delays = Vec::new();
    for _ in 0..200 {
        let sent = link.now;
        link.push(Downstream, b"x");
        // Far enough apart that none waits for the one before.
        link.run_until(sent + 1.secs());
        delays.push(link.delivered.last().unwrap().at - sent);
    }
    delays.sort_unstable();
    // Of 200 equally likely delays none lies in the first or the last fifth once in 10^19 times.
    assert!(delays[0] < 20.ms() && delays[199] > 80.ms(), "{delays:?}");
}

#[test]
fn a_chunk_that_is_written_in_parts_has_one_delay() {
    let mut link = VirtualLink { write_limit: 2, ..link() };
    link.begin(1, latency(1.ms()..=1.secs()));
    link.push(Upstream, &[0; 100]);
    link.run_until(2.secs());
    let first = link.delivered[0].at;
    assert!(first >= 1.ms() && link.delivered.len() == 50);
    assert!(link.delivered.iter().all(|delivery| delivery.at == first), "{:?}", link.delivered);
}

#[test]
fn a_delay_in_one_direction_leaves_the_other_alone() {
    let mut link = link();
    link.begin(1, latency(50.ms()).downstream());
    link.push(Upstream, b"question");
    link.push(Downstream, b"answer");
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(0, "question")]);
    assert_eq!(link.seen(Downstream), [at(50, "answer")]);
    assert_eq!(link.hits[1], 1);
}

#[test]
fn a_delay_of_nothing_is_no_hit() {
    let mut link = link();
    link.begin(1, latency(Duration::ZERO));
    link.begin(2, slow_close(Duration::ZERO));
    link.push(Upstream, b"x");
    link.push_end(Upstream, StreamEnd::Finish);
    assert_eq!((link.hits[1], link.hits[2]), (0, 0));
    assert_eq!(link.seen(Upstream), [at(0, "x"), at(0, "FIN")]);
}

#[test]
fn a_rate_is_kept_from_the_first_byte_to_the_last() {
    let mut link = link();
    link.begin(1, bandwidth(100_000.bytes_per_sec()).downstream());
    link.push(Downstream, &[7; 200_000]);
    link.push(Upstream, b"at once");
    link.run_until(10.secs());
    let mut sum = 0_u128;
    let mut largest = 0;
    for delivery in link.delivered.iter().filter(|delivery| delivery.direction == Downstream) {
        let super::virtual_link::What::Bytes(bytes) = &delivery.what else { panic!() };
        sum += bytes.len() as u128;
        largest = largest.max(bytes.len());
        assert!(sum * 10_000 <= delivery.at.as_nanos(), "{sum} at {:?}", delivery.at);
    }
    assert_eq!(sum, 200_000);
    assert_eq!(link.delivered.last().unwrap().at, 2.secs());
    assert!(largest <= 500, "pieces of {largest} bytes are not smooth at 100 kB/s");
    assert_eq!(link.seen(Upstream), [at(0, "at once")]);
    assert_eq!(link.hits[1], 1);
}

#[test]
fn a_rate_is_not_made_up_for_after_a_pause() {
    let mut link = link();
    link.begin(1, bandwidth(1_000.bytes_per_sec()));
    link.push(Upstream, &[1; 100]);
    link.run_until(10.secs());
    assert_eq!(link.delivered.last().unwrap().at, 100.ms());
    link.push(Upstream, &[2; 100]);
    link.run_until(20.secs());
    assert_eq!(link.delivered.last().unwrap().at, 10_100.ms());
}

#[test]
fn a_reader_that_was_stuck_is_not_met_by_a_burst() {
    let mut link = link();
    link.begin(1, bandwidth(1_000.bytes_per_sec()));
    let mut engine = link.engine;
    engine.push(0.ms(), Upstream, vec![0; 10_000].into());
    // The first piece of 5 bytes is due at 5 ms and was written after 5 s only.
    assert_eq!(engine.next(5.secs(), Upstream), super::Next::Write(vec![0; 5].into()));
    engine.advance(5.secs(), Upstream, 5);
    let mut passed = 0;
    while let super::Next::Write(bytes) = engine.next(5.secs(), Upstream) {
        let length = bytes.len();
        engine.advance(5.secs(), Upstream, length);
        passed += length;
    }
    assert!(passed <= 10, "{passed} bytes at once, at one byte per millisecond");
}

#[test]
fn slices_are_written_on_their_own_with_a_gap_between_them() {
    let mut link = link();
    link.begin(1, slice(2, 10.ms()));
    link.push(Upstream, b"abcde");
    link.push(Upstream, b"f");
    link.run_until(1.secs());
    link.push(Upstream, b"gh");
    assert_eq!(
        link.seen(Upstream),
        [at(0, "ab"), at(10, "cd"), at(20, "e"), at(30, "f"), at(1000, "gh")]
    );
}

#[test]
fn a_slice_that_was_written_in_parts_is_still_one_slice() {
    let mut link = VirtualLink { write_limit: 2, ..link() };
    link.begin(1, slice(3, 10.ms()));
    link.push(Upstream, b"abcdef");
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(0, "ab"), at(0, "c"), at(10, "de"), at(10, "f")]);
    assert_eq!(link.hits[1], 1);
}

#[test]
fn only_what_is_split_or_made_to_wait_is_a_hit_of_slices() {
    let mut link = link();
    link.begin(1, slice(100, 1.ms()));
    link.push(Upstream, b"short");
    assert_eq!(link.hits[1], 0);
    link.run_until(1.secs());
    link.push(Upstream, &[0; 250]);
    link.run_until(2.secs());
    assert_eq!(link.hits[1], 1);
}

#[test]
fn a_stall_holds_everything_and_loses_nothing() {
    let mut link = link();
    link.begin(1, stall());
    link.push(Upstream, b"held ");
    link.push(Upstream, b"too");
    link.push_end(Upstream, StreamEnd::Finish);
    link.run_until(3600.secs());
    assert_eq!(link.delivered, []);
    assert_eq!(link.hits[1], 2);
    link.end(1);
    let ms = 3_600_000;
    assert_eq!(link.seen(Upstream), [at(ms, "held "), at(ms, "too"), at(ms, "FIN")]);
    assert!(link.engine.is_idle());
}

#[test]
fn a_stall_after_some_bytes_counts_both_directions() {
    let mut link = link();
    link.begin(1, stall().downstream().after_bytes(6));
    link.push(Upstream, b"abcd");
    link.push(Downstream, b"1234");
    link.push(Upstream, b"efgh");
    link.run_until(1.secs());
    assert_eq!(link.bytes(Downstream), b"12");
    assert_eq!(link.bytes(Upstream), b"abcdefgh", "the other direction goes on");
    link.end(1);
    assert_eq!(link.bytes(Downstream), b"1234");
}

#[test]
fn only_the_end_of_the_stream_is_closed_slowly() {
    let mut link = link();
    link.begin(1, slow_close(300.ms()));
    link.push(Upstream, b"data");
    link.push_end(Upstream, StreamEnd::Finish);
    link.push_end(Downstream, StreamEnd::Reset);
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(0, "data"), at(300, "FIN")]);
    assert_eq!(link.seen(Downstream), [at(0, "RST")]);
    assert_eq!(link.hits[1], 1);
}

#[test]
fn exactly_the_limit_passes_in_a_direction_and_then_it_ends() {
    let mut link = link();
    link.begin(1, limit(5).downstream());
    link.push(Upstream, b"as much as you like");
    link.push(Downstream, b"1234");
    assert_eq!(link.ended, None);
    link.push(Downstream, b"5678");
    assert_eq!(link.bytes(Downstream), b"12345");
    assert_eq!(link.bytes(Upstream), b"as much as you like");
    assert_eq!(link.ended.unwrap().1, cut_by(1));
    assert_eq!(link.hits[1], 1);
}

#[test]
fn a_limit_that_is_reached_exactly_ends_the_connection_too() {
    let mut link = link();
    link.begin(1, limit(4));
    link.push(Upstream, b"1234");
    assert_eq!(link.bytes(Upstream), b"1234");
    assert_eq!(link.ended.unwrap().1, cut_by(1));
}

#[test]
fn a_limit_of_nothing_ends_the_connection_before_the_first_byte() {
    let mut link = link();
    link.begin(1, limit(0).downstream());
    link.push(Upstream, b"request");
    assert_eq!((link.bytes(Upstream).as_slice(), link.ended), (b"request".as_slice(), None));
    link.push(Downstream, b"reply");
    assert_eq!(link.bytes(Downstream), b"");
    assert_eq!(link.ended.unwrap().1, cut_by(1));
}

#[test]
fn a_cut_and_a_reset_end_the_connection_at_once() {
    for (fault, how) in
        [(Fault::from(cut()), StreamEnd::Finish), (Fault::from(reset()), StreamEnd::Reset)]
    {
        let mut link = link();
        link.begin(3, fault);
        assert_eq!(link.ended, Some((0.ms(), Ended { fault: FaultId(3), how })));
        assert_eq!(link.hits[3], 1);
        link.push(Upstream, b"lost");
        assert_eq!(link.delivered, []);
    }
}

#[test]
fn a_cut_after_some_bytes_tears_the_message_there() {
    let mut link = link();
    link.push(Upstream, b"before the fault met the connection");
    link.begin(1, cut().after_bytes(10));
    link.push(Upstream, b"123456");
    link.push(Downstream, b"7890abc");
    assert_eq!(link.bytes(Downstream), b"7890");
    assert_eq!(link.ended.unwrap().1, cut_by(1));
}

#[test]
fn refusing_does_nothing_to_a_connection_that_is_open() {
    let mut link = link();
    link.begin(1, refuse());
    link.push(Upstream, b"x");
    assert_eq!(link.seen(Upstream), [at(0, "x")]);
    assert_eq!(link.hits[1], 0);
}

#[test]
fn faults_follow_each_other_in_the_order_of_injection() {
    // 100 bytes at 1 kB/s take 100 ms, and 50 ms on top.
    for order in [[1, 2], [2, 1]] {
        let mut link = link();
        for id in order {
            match id {
                1 => link.begin(1, bandwidth(1_000.bytes_per_sec())),
                _ => link.begin(2, latency(50.ms())),
            }
        }
        link.push(Upstream, &[0; 100]);
        link.run_until(1.secs());
        assert_eq!(link.delivered[0].at, 55.ms());
        assert_eq!(link.delivered.last().unwrap().at, 150.ms());
    }
}

#[test]
fn of_two_faults_that_end_the_connection_the_first_is_named() {
    let mut link = link();
    link.begin(1, limit(3));
    link.begin(2, cut().after_bytes(3));
    link.push(Upstream, b"12345");
    assert_eq!(link.ended.unwrap().1, cut_by(1));
    assert_eq!((link.hits[1], link.hits[2]), (1, 0));
}

#[test]
fn clearing_one_fault_releases_what_only_it_held() {
    let mut link = link();
    link.begin(1, stall());
    link.begin(2, latency(50.ms()));
    link.push(Upstream, b"a");
    link.run_until(20.ms());
    link.end(1);
    link.run_until(49.ms());
    assert_eq!(link.delivered, [], "never before its time under the fault that is left");
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(50, "a")]);
}

#[test]
fn clearing_a_stall_does_not_lift_a_limited_rate() {
    let mut link = link();
    link.begin(1, bandwidth(1_000.bytes_per_sec()));
    link.begin(2, stall());
    link.push(Upstream, &[0; 1_000]);
    link.run_until(10.secs());
    link.end(2);
    // The slack of 10 ms, and the two pieces around it.
    assert!(link.bytes(Upstream).len() <= 20, "{} bytes at once", link.bytes(Upstream).len());
    link.run_until(10_500.ms());
    assert!(link.bytes(Upstream).len() <= 520);
    link.run_until(11.secs());
    assert_eq!(link.bytes(Upstream).len(), 1_000);
}

#[test]
fn a_fault_acts_on_what_is_under_way_already() {
    let mut link = link();
    link.begin(1, stall());
    link.push(Upstream, b"ab");
    link.begin(2, slice(1, 10.ms()));
    link.end(1);
    link.run_until(1.secs());
    assert_eq!(link.seen(Upstream), [at(0, "a"), at(10, "b")]);
}

#[test]
fn a_queue_that_is_full_says_so_until_it_is_emptied() {
    let mut link = link();
    link.begin(1, stall());
    let mut pushed = 0;
    while link.engine.has_room(Upstream) {
        link.push(Upstream, &[0; 1 << 16]);
        pushed += 1 << 16;
    }
    assert!((15 << 20..=17 << 20).contains(&pushed), "{pushed}");
    assert!(link.engine.has_room(Downstream));
    link.end(1);
    assert!(link.engine.has_room(Upstream));

    // A flood of single bytes takes more memory than its bytes.
    link.begin(2, stall());
    let mut bytes = 0;
    while link.engine.has_room(Upstream) {
        link.engine.push(link.now, Upstream, vec![0].into());
        bytes += 1;
    }
    assert!(bytes < 1 << 18, "{bytes}");
}

#[test]
fn what_waits_for_a_receiver_that_is_gone_can_be_dropped() {
    let mut link = link();
    link.begin(1, stall());
    link.push(Upstream, b"for nobody");
    link.engine.discard(Upstream);
    link.end(1);
    assert_eq!(link.delivered, []);
    assert!(link.engine.is_idle());
}

#[test]
fn absurd_values_neither_overflow_nor_hang() {
    let huge = Duration::MAX;
    let any = |kind| Fault { after: AfterBytes(u64::MAX), ..Fault::new(kind) };
    let kinds = [
        FaultKind::Latency { delay: Delay::Fixed { delay: huge } },
        FaultKind::Latency { delay: Delay::Uniform { min: huge, max: Duration::ZERO } },
        FaultKind::Latency { delay: Delay::Pareto { min: huge, shape: f64::NAN } },
        FaultKind::Latency { delay: Delay::LogNormal { median: huge, sigma: f64::INFINITY } },
        FaultKind::Bandwidth { rate: Rate::new(1).unwrap() },
        FaultKind::Bandwidth { rate: Rate::new(u64::MAX).unwrap() },
        FaultKind::Slice { size: 0, gap: huge },
        FaultKind::Slice { size: u64::MAX, gap: huge },
        FaultKind::Stall,
        FaultKind::SlowClose { delay: Delay::Fixed { delay: huge } },
        FaultKind::Limit { bytes: u64::MAX },
        FaultKind::Cut,
        FaultKind::Reset,
        FaultKind::Refuse,
    ];
    for kind in kinds {
        for fault in [any(kind.clone()), Fault::new(kind.clone())] {
            let mut link = link();
            link.now = Duration::MAX - 1.secs();
            link.begin(1, bandwidth(1_000_000.bytes_per_sec()));
            link.begin(2, fault.clone());
            link.push(Upstream, b"abc");
            link.push_end(Upstream, StreamEnd::Finish);
            link.end(2);
            link.run_until(Duration::MAX - 1.ms());
            if link.ended.is_none() {
                assert_eq!(link.bytes(Upstream), b"abc", "{fault}");
            }
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_delays() {
    let times = |fault_id| {
        let mut link = link();
        link.begin(fault_id, latency(Delay::log_normal(20.ms(), 1.0)));
        for _ in 0..50 {
            link.push(Upstream, b"x");
            link.run_until(link.now + 1.secs());
        }
        link.delivered.iter().map(|delivery| delivery.at).collect::<Vec<_>>()
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

#[test]
fn a_fault_of_both_directions_draws_for_each_on_its_own() {
    let mut link = link();
    let fault = Fault { directions: Directions::Both, ..latency(1.ms()..=1.secs()).into() };
    link.begin(1, fault);
    link.push(Upstream, b"x");
    link.push(Downstream, b"x");
    link.run_until(2.secs());
    assert_ne!(link.delivered[0].at, link.delivered[1].at);
}
