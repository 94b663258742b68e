//! Black holes, and connections that were quiet for too long.

use std::io::{ErrorKind, Write};
use std::time::Instant;

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::prelude::*;

use crate::support::{Bench, eventually, read_all, round_trip};

/// How each connection of a link ended.
fn ends(bench: &Bench) -> Vec<ConnectionEnd> {
    let events = bench.scope.journal().events().into_iter();
    events
        .filter_map(|event| match event.what {
            EventKind::ConnectionClosed { how, fault: Some(_), .. } => Some(how),
            _ => None,
        })
        .collect()
}

#[test]
fn a_black_hole_accepts_and_swallows_and_ends_in_a_reset() {
    let bench = Bench::new();
    let mut before = bench.connect();
    round_trip(&mut before, b"ping");
    bench.got().unwrap();
    let hole = bench.link.inject(black_hole());
    let mut meanwhile = bench.connect();
    before.write_all(b"lost").unwrap();
    meanwhile.write_all(b"lost as well").unwrap();
    eventually("losing both", || hole.connections() == 2);
    assert!(bench.got_nothing());
    hole.clear();
    // Nothing of it is delivered, and both sides are told that something is missing.
    assert_eq!(read_all(&mut before), (vec![], Err(ErrorKind::ConnectionReset)));
    assert_eq!(read_all(&mut meanwhile), (vec![], Err(ErrorKind::ConnectionReset)));
    assert_eq!(bench.got(), Err(ErrorKind::ConnectionReset));
    assert_eq!(bench.got(), Err(ErrorKind::ConnectionReset));
    eventually("noting the ends", || ends(&bench) == [ConnectionEnd::Reset; 2]);
}

#[test]
fn a_connection_that_lost_nothing_goes_on_after_a_black_hole() {
    let bench = Bench::new();
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let hole = bench.link.inject(black_hole());
    assert_eq!(hole.hits(), 0);
    hole.clear();
    round_trip(&mut client, b"ping");
    assert!(bench.scope.faults()[0].vacuity().unwrap().contains("met no traffic"));
}

#[test]
fn a_black_hole_downstream_loses_the_reply_to_a_request_that_was_served() {
    let bench = Bench::new();
    let hole = bench.link.inject(black_hole().downstream());
    let mut client = bench.connect();
    client.write_all(b"commit").unwrap();
    assert_eq!(bench.got().unwrap(), b"commit");
    eventually("losing the reply", || hole.hits() == 1);
    client.set_read_timeout(Some(100.ms())).unwrap();
    assert_eq!(read_all(&mut client), (vec![], Err(ErrorKind::WouldBlock)));
}

#[test]
fn a_quiet_connection_is_ended_or_reset_and_not_earlier() {
    let ended: [(Fault, _, _); 2] = [
        (idle_drop(150.ms()).fin().into(), Ok(()), ConnectionEnd::Cut),
        (idle_drop(150.ms()).reset().into(), Err(ErrorKind::ConnectionReset), ConnectionEnd::Reset),
    ];
    for (fault, end, how) in ended {
        let bench = Bench::new();
        let mut client = bench.connect();
        round_trip(&mut client, b"ping");
        let last = Instant::now();
        let dropping = bench.link.inject(fault);
        assert_eq!(read_all(&mut client), (vec![], end));
        assert!(last.elapsed() >= 150.ms(), "{:?}", last.elapsed());
        assert_eq!((dropping.hits(), dropping.connections()), (1, 1));
        eventually("noting the end", || ends(&bench) == [how]);
    }
}

#[test]
fn a_forgotten_connection_looks_open_and_swallows_what_is_sent() {
    let bench = Bench::new();
    let forgetting = bench.link.inject(idle_drop(50.ms()));
    let mut client = bench.connect();
    eventually("forgetting", || forgetting.hits() == 1);
    client.write_all(b"anybody there?").unwrap();
    eventually("losing the question", || forgetting.hits() == 2);
    assert!(bench.got_nothing());
    assert_eq!(bench.link.connections().open, 1);
    forgetting.clear();
    assert_eq!(read_all(&mut client), (vec![], Err(ErrorKind::ConnectionReset)));
    // One that is opened later knows nothing of it.
    round_trip(&mut bench.connect(), b"ping");
}
