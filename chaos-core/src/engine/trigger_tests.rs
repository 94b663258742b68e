//! From which byte on a fault acts, on a virtual clock.

use super::virtual_link::VirtualLink;
use super::{Ended, StreamEnd};
use crate::direction::Direction::{Downstream, Upstream};
use crate::event::FaultId;
use crate::fault::{black_hole, corrupt_every, cut, latency, reset, stall};
use crate::trigger::seen;
use crate::units::DurationUnits;

fn link() -> VirtualLink {
    VirtualLink::default()
}

#[test]
fn a_cut_falls_right_behind_the_pattern_across_chunks() {
    let mut link = link();
    link.begin(1, cut().when_seen(b"COMMIT"));
    link.push(Upstream, b"BEGIN; COMM; CO");
    link.push(Upstream, b"MM");
    assert_eq!((link.ended, link.hits[1]), (None, 0));
    link.push(Upstream, b"IT; SELECT 1");
    assert_eq!(link.bytes(Upstream), b"BEGIN; COMM; COMMIT");
    let ended = Ended { fault: FaultId(1), how: StreamEnd::Finish };
    assert_eq!((link.ended.map(|(_, ended)| ended), link.hits[1]), (Some(ended), 1));
}

#[test]
fn a_pattern_is_looked_for_in_each_direction_by_itself() {
    let mut link = link();
    link.begin(1, reset().when_seen(b"ab"));
    link.push(Upstream, b"a");
    link.push(Downstream, b"b");
    assert_eq!(link.ended, None);
    link.push(Downstream, b"ab");
    assert!(link.ended.is_some());
}

#[test]
fn a_pattern_of_one_direction_starts_a_fault_of_the_other() {
    let mut link = link();
    link.begin(1, stall().downstream().when_seen(seen("COMMIT").upstream()));
    link.push(Downstream, b"COMMIT is only said");
    assert_eq!(link.bytes(Downstream), b"COMMIT is only said");
    link.push(Upstream, b"COMMIT;SELECT");
    link.push(Downstream, b"reply");
    link.run_until(1.secs());
    assert_eq!(link.bytes(Upstream), b"COMMIT;SELECT", "the other direction goes on");
    assert_eq!(link.bytes(Downstream), b"COMMIT is only said");
    link.end(1);
    assert_eq!(link.bytes(Downstream), b"COMMIT is only saidreply");
}

#[test]
fn bytes_are_counted_from_the_pattern_on() {
    let mut link = link();
    link.begin(1, black_hole().when_seen(b"GO").after_bytes(3));
    link.push(Upstream, b"ready, GO123456");
    link.push(Downstream, b"unheard");
    assert_eq!(link.bytes(Upstream), b"ready, GO123");
    assert_eq!(link.bytes(Downstream), b"");
}

#[test]
fn what_was_pushed_but_not_delivered_is_not_seen_yet() {
    let mut link = link();
    link.begin(1, latency(50.ms()));
    link.begin(2, cut().when_seen(b"x"));
    link.push(Upstream, b"x");
    link.run_until(49.ms());
    assert_eq!(link.ended, None);
    link.run_until(50.ms());
    assert!(link.ended.is_some());
}

#[test]
fn a_pattern_is_found_in_bytes_that_are_written_one_by_one_and_altered() {
    let mut link = VirtualLink { write_limit: 1, ..link() };
    link.begin(1, corrupt_every(1));
    link.begin(2, cut().when_seen(b"COMMIT"));
    link.push(Upstream, b"CCOMMIT!");
    assert_eq!(link.bytes(Upstream).len(), 7);
    assert!(link.ended.is_some());
}
