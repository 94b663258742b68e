//! Connections that count together, on a virtual clock.

use std::sync::Arc;

use bytes::Bytes;

use super::virtual_link::VirtualLink;
use super::{Ended, Engine, Next, StreamEnd, Tally};
use crate::direction::Direction::{Downstream, Upstream};
use crate::event::FaultId;
use crate::fault::{Fault, black_hole, cut, limit, reset, stall};
use crate::trigger::seen;
use crate::units::DurationUnits;

/// Connections that all met the fault, which has number 1.
fn links<const N: usize>(fault: impl Into<Fault>) -> ([VirtualLink; N], Arc<Tally>, Fault) {
    let fault = fault.into();
    let tally = Arc::new(Tally::new(&fault));
    let links = std::array::from_fn(|_| {
        let mut link = VirtualLink::default();
        link.begin_sharing(1, &fault, &tally);
        link
    });
    (links, tally, fault)
}

/// How a connection ended, if it was asked again and did.
fn end_of(link: &mut VirtualLink) -> Option<StreamEnd> {
    link.run_until(link.now);
    link.ended.map(|(_, Ended { fault, how })| {
        assert_eq!(fault, FaultId(1));
        how
    })
}

fn begun(engine: &mut Engine) -> Vec<u64> {
    let mut begun = Vec::new();
    engine.take_begun(|fault| begun.push(fault.0));
    begun
}

#[test]
fn bytes_of_all_connections_and_directions_count_together() {
    let ([mut one, mut two, mut idle], ..) = links(cut().after_bytes(10).per_link());
    one.push(Upstream, b"1234");
    two.push(Downstream, b"567");
    assert_eq!([&mut one, &mut two, &mut idle].map(end_of), [None; 3]);
    assert_eq!(begun(&mut one.engine), [0; 0]);
    // Three are left, and no more pass.
    one.push(Downstream, b"890more");
    assert_eq!(one.bytes(Downstream), b"890");
    assert_eq!((begun(&mut one.engine), begun(&mut two.engine)), (vec![1], vec![]));
    assert_eq!([&mut one, &mut two, &mut idle].map(end_of), [Some(StreamEnd::Finish); 3]);
    two.push(Upstream, b"too late");
    assert_eq!(two.bytes(Upstream), b"");
    assert_eq!([one.hits[1], two.hits[1], idle.hits[1]], [1, 1, 1]);
}

#[test]
fn nobody_ends_before_the_last_byte_that_may_pass_was_written() {
    let ([mut busy, mut idle], ..) = links(cut().after_bytes(4).per_link());
    busy.engine.push(busy.now, Upstream, Bytes::from_static(b"twenty"));
    // The peer has room for so many bytes at a time.
    for (offered, room) in [(&b"twen"[..], 3), (b"n", 1)] {
        assert_eq!(busy.engine.next(busy.now, Upstream), Next::Write(offered.into()));
        assert_eq!(end_of(&mut idle), None, "{offered:?} is not written yet");
        busy.engine.advance(busy.now, Upstream, room);
    }
    assert_eq!([&mut busy, &mut idle].map(end_of), [Some(StreamEnd::Finish); 2]);
    assert_eq!(busy.bytes(Upstream), b"", "nothing else was written");
}

#[test]
fn the_third_commit_is_the_third_whoever_makes_it() {
    let ([mut one, mut two], ..) = links(reset().when_seen(seen(b"COMMIT").nth(3)).per_link());
    one.push(Upstream, b"COMMIT;COM");
    // What one connection began, another does not complete.
    two.push(Upstream, b"MIT;");
    two.push(Upstream, b"COMMIT;");
    assert_eq!([&mut one, &mut two].map(end_of), [None; 2]);
    one.push(Upstream, b"MIT;COMMIT;");
    assert_eq!(one.bytes(Upstream), b"COMMIT;COMMIT");
    assert_eq!([&mut one, &mut two].map(end_of), [Some(StreamEnd::Reset); 2]);
}

#[test]
fn without_per_link_each_connection_counts_its_own() {
    let fault: Fault = cut().when_seen(seen(b"x").nth(2)).into();
    let mut links = [VirtualLink::default(), VirtualLink::default()];
    for link in &mut links {
        link.begin(1, fault.clone());
        link.push(Upstream, b"ax");
    }
    assert!(links.iter().all(|link| link.ended.is_none()));
    links[0].push(Upstream, b"bxc");
    assert_eq!(links[0].bytes(Upstream), b"axbx");
    assert!(links[0].ended.is_some() && links[1].ended.is_none());
    assert_eq!(begun(&mut links[0].engine), [0; 0], "nobody else is concerned");
}

#[test]
fn bytes_count_from_the_pattern_on_over_all_connections() {
    let ([mut one, mut two], ..) = links(stall().when_seen(b"GO").after_bytes(4).per_link());
    two.push(Upstream, b"before");
    one.push(Upstream, b"GOab");
    two.push(Upstream, b"cdef");
    assert_eq!((one.bytes(Upstream), two.bytes(Upstream)), (b"GOab".into(), b"beforecd".into()));
    one.push(Downstream, b"held");
    one.run_until(1.secs());
    assert_eq!(one.bytes(Downstream), b"");
    one.end(1);
    assert_eq!(one.bytes(Downstream), b"held");
}

#[test]
fn one_limit_is_used_up_by_all_in_each_direction() {
    let ([mut one, mut two, mut idle], ..) = links(limit(5).upstream().per_link());
    one.push(Upstream, b"123");
    one.push(Downstream, b"this does not count");
    assert_eq!([&mut one, &mut two, &mut idle].map(end_of), [None; 3]);
    two.push(Upstream, b"4567");
    assert_eq!(two.bytes(Upstream), b"45");
    assert_eq!(begun(&mut two.engine), [1]);
    assert_eq!([&mut one, &mut two, &mut idle].map(end_of), [Some(StreamEnd::Finish); 3]);
}

#[test]
fn a_limit_of_nothing_ends_those_who_send_and_no_others() {
    let ([mut one, mut idle], ..) = links(limit(0).per_link());
    one.push(Upstream, b"x");
    assert_eq!([&mut one, &mut idle].map(end_of), [Some(StreamEnd::Finish), None]);
}

#[test]
fn a_connection_that_is_met_after_the_count_is_complete_feels_it_at_once() {
    let ([mut one], tally, fault) = links(black_hole().after_bytes(3).per_link());
    one.push(Upstream, b"123");
    let mut later = VirtualLink::default();
    later.begin_sharing(1, &fault, &tally);
    later.push(Upstream, b"lost");
    assert_eq!((later.bytes(Upstream), later.hits[1]), (vec![], 1));
    assert_eq!(tally.ends(), None);

    let ([mut one], tally, fault) = links(reset().after_bytes(3).per_link());
    one.push(Upstream, b"123");
    assert_eq!(tally.ends(), Some(StreamEnd::Reset));
    let mut later = VirtualLink::default();
    later.begin_sharing(1, &fault, &tally);
    assert_eq!(end_of(&mut later), Some(StreamEnd::Reset));
}
