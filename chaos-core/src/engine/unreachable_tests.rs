//! Faults that tell nobody: black hole, idle drop and partition, on a virtual clock.

use std::time::Duration;

use super::virtual_link::VirtualLink;
use super::{Ended, StreamEnd};
use crate::direction::Direction::{Downstream, Upstream};
use crate::event::FaultId;
use crate::fault::{black_hole, idle_drop, latency, partition, stall};
use crate::units::DurationUnits;

fn link() -> VirtualLink {
    VirtualLink::default()
}

fn ended(at: Duration, how: StreamEnd) -> Option<(Duration, Ended)> {
    Some((at, Ended { fault: FaultId(1), how }))
}

#[test]
fn a_black_hole_delivers_nothing_even_when_it_is_gone() {
    let mut link = link();
    link.begin(1, black_hole());
    link.push(Upstream, b"lost");
    link.push(Downstream, b"lost too");
    link.push_end(Upstream, StreamEnd::Finish);
    link.run_until(3600.secs());
    assert_eq!((link.delivered.len(), link.ended, link.hits[1]), (0, None, 3));
    link.end(1);
    assert_eq!(link.delivered, []);
    assert_eq!(link.ended, ended(3600.secs(), StreamEnd::Reset));
}

#[test]
fn a_connection_on_which_nothing_was_lost_outlives_a_black_hole() {
    let mut link = link();
    link.begin(1, black_hole().upstream());
    link.push(Downstream, b"hello");
    link.run_until(1.secs());
    link.end(1);
    link.push(Upstream, b"hello yourself");
    assert_eq!((link.ended, link.hits[1]), (None, 0));
    assert_eq!(link.bytes(Downstream), b"hello");
    assert_eq!(link.bytes(Upstream), b"hello yourself");
}

#[test]
fn a_black_hole_takes_what_another_fault_holds() {
    let mut link = link();
    link.begin(2, stall());
    link.push(Upstream, b"held");
    link.begin(1, black_hole());
    link.end(2);
    link.run_until(1.secs());
    assert_eq!(link.delivered, []);
    // Clearing another fault does not bring the connection to its end, clearing this one does.
    assert_eq!(link.ended, None);
    link.end(1);
    assert_eq!(link.ended, ended(1.secs(), StreamEnd::Reset));
}

#[test]
fn a_black_hole_after_some_bytes_tears_a_message() {
    let mut link = link();
    link.begin(1, black_hole().after_bytes(6));
    link.push(Upstream, b"abcd");
    link.push(Downstream, b"1234");
    link.push(Upstream, b"e");
    assert_eq!(link.bytes(Upstream), b"abcd");
    assert_eq!(link.bytes(Downstream), b"12");
}

#[test]
fn a_quiet_connection_is_ended_or_reset_on_time() {
    for (fault, how) in [
        (idle_drop(30.secs()).fin(), StreamEnd::Finish),
        (idle_drop(30.secs()).reset(), StreamEnd::Reset),
    ] {
        let mut link = link();
        link.begin(1, fault);
        link.run_until(29.secs());
        link.push(Upstream, b"x");
        link.run_until(58.secs());
        link.push(Downstream, b"y");
        link.run_until(87_999.ms());
        assert_eq!((link.ended, link.hits[1]), (None, 0));
        link.run_until(100.secs());
        assert_eq!((link.ended, link.hits[1]), (ended(88.secs(), how), 1));
    }
}

#[test]
fn a_connection_that_was_forgotten_swallows_what_is_sent_and_is_reset_in_the_end() {
    let mut link = link();
    link.begin(1, idle_drop(30.secs()));
    link.push(Upstream, b"in time");
    link.run_until(31.secs());
    assert_eq!((link.ended, link.hits[1]), (None, 1));
    link.push(Upstream, b"too late");
    link.push(Downstream, b"too late");
    link.run_until(3600.secs());
    assert_eq!((link.ended, link.hits[1]), (None, 3));
    link.end(1);
    assert_eq!(link.ended, ended(3600.secs(), StreamEnd::Reset));
    assert_eq!(link.bytes(Upstream), b"in time");
    assert_eq!(link.bytes(Downstream), b"");
}

#[test]
fn a_connection_that_was_never_quiet_for_so_long_is_not_dropped() {
    let mut link = link();
    link.begin(1, idle_drop(1.secs()));
    for _ in 0..20 {
        link.run_until(link.now + 999.ms());
        link.push(Upstream, b"x");
    }
    link.end(1);
    link.run_until(link.now + 10.secs());
    assert_eq!((link.ended, link.hits[1]), (None, 0));
    assert_eq!(link.bytes(Upstream).len(), 20);
}

#[test]
fn silence_counts_from_the_last_byte_that_left_too() {
    let mut link = link();
    link.begin(2, latency(800.ms()));
    link.begin(1, idle_drop(1.secs()).fin());
    link.push(Upstream, b"x");
    link.run_until(1_799.ms());
    assert_eq!(link.ended, None);
    link.run_until(2.secs());
    assert_eq!(link.ended, ended(1_800.ms(), StreamEnd::Finish));
}

#[test]
fn a_partition_of_one_direction_holds_it_until_it_is_healed() {
    let mut link = link();
    link.begin(1, partition().downstream());
    link.push(Upstream, b"question");
    link.push(Downstream, b"answer");
    link.push_end(Downstream, StreamEnd::Finish);
    link.run_until(60.secs());
    assert_eq!(link.seen(Upstream), [(0, "question".to_owned())]);
    assert_eq!((link.seen(Downstream).len(), link.hits[1]), (0, 1));
    link.end(1);
    assert_eq!(link.seen(Downstream), [(60_000, "answer".to_owned()), (60_000, "FIN".to_owned())]);
}

#[test]
fn a_partition_of_both_directions_loses_nothing() {
    let mut link = link();
    link.begin(1, partition());
    link.push(Upstream, b"question");
    link.push(Downstream, b"answer");
    link.run_until(60.secs());
    assert_eq!((link.delivered.len(), link.hits[1]), (0, 2));
    link.end(1);
    assert_eq!(link.bytes(Upstream), b"question");
    assert_eq!(link.bytes(Downstream), b"answer");
    assert_eq!(link.ended, None);
}
