//! From which byte on, and on which connections, a fault acts.

use std::io::{ErrorKind, Read, Write};

use chaos_core::event::EventKind;
use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, PATIENCE, read_all, round_trip};

on_both_drivers![
    a_connection_is_cut_right_behind_the_pattern_and_the_reply_is_lost,
    a_pattern_that_is_torn_over_several_reads_is_found,
    the_first_connections_fail_and_then_all_is_well_without_clearing,
    a_connection_is_chosen_by_its_number_on_the_link,
    bytes_of_all_connections_count_together_and_idle_ones_feel_the_cut,
    the_third_commit_on_the_link_resets_all_and_those_that_come_later,
    one_limit_is_shared_exactly_by_many_busy_connections,
    a_stall_over_the_link_holds_what_others_send_until_it_is_cleared,
    a_fault_at_a_message_says_that_the_link_does_not_know_the_protocol,
];

fn a_connection_is_cut_right_behind_the_pattern_and_the_reply_is_lost(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(cut().when_seen(seen(b"COMMIT;").upstream()));
    let mut client = bench.connect();
    round_trip(&mut client, b"BEGIN; COMM");
    client.write_all(b"IT; SELECT 1").unwrap();
    assert_eq!(read_all(&mut client), (vec![], Ok(())));
    let mut got = Vec::new();
    while let Ok(piece) = bench.got() {
        if piece.is_empty() {
            break;
        }
        got.extend(piece);
    }
    // The service got all of it and nothing behind it.
    assert_eq!(String::from_utf8(got).unwrap(), "BEGIN; COMMIT;");
    assert_eq!(fault.hits(), 1);
}

fn a_pattern_that_is_torn_over_several_reads_is_found(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(stall().downstream().when_seen(seen(b"COMMIT").upstream()));
    let mut client = bench.connect();
    for piece in ["COM", "MI"] {
        round_trip(&mut client, piece.as_bytes());
    }
    client.write_all(b"T").unwrap();
    for piece in ["COM", "MI", "T"] {
        assert_eq!(bench.got().unwrap(), piece.as_bytes());
    }
    crate::support::eventually("holding the reply", || fault.hits() == 1);
    fault.clear();
    let mut reply = [0];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"T");
}

fn the_first_connections_fail_and_then_all_is_well_without_clearing(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(reset().on(first(3)));
    for _ in 0..3 {
        // The reset may come while the connection is still being opened.
        let end = match bench.try_connect() {
            Ok(mut client) => read_all(&mut client).1,
            Err(error) => Err(error.kind()),
        };
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    }
    for _ in 0..3 {
        round_trip(&mut bench.connect(), b"ping");
    }
    assert_eq!((fault.hits(), fault.connections()), (3, 3));
}

fn a_connection_is_chosen_by_its_number_on_the_link(driver: Driver) {
    let bench = Bench::new(driver);
    let mut clients: Vec<_> = (0..3).map(|_| bench.connect()).collect();
    for client in &mut clients {
        round_trip(client, b"ping");
    }
    // To the fault the third of the link is one of three that it meets now, and its third.
    drop(clients.remove(0));
    crate::support::eventually("closing", || bench.link.connections().open == 2);
    let fault = bench.link.inject(cut().on(connection(3)));
    assert_eq!(fault.hits(), 1);
    assert_eq!(read_all(&mut clients.remove(1)), (vec![], Ok(())));
    round_trip(&mut clients[0], b"ping");
    round_trip(&mut bench.connect(), b"ping");
}

fn bytes_of_all_connections_count_together_and_idle_ones_feel_the_cut(driver: Driver) {
    let bench = Bench::new(driver);
    // The service accepts them in the same order, as it knows one before the next comes.
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = bench.connect();
            round_trip(&mut client, b"before");
            bench.got().unwrap();
            client
        })
        .collect();
    let fault = bench.link.inject(cut().after_bytes(20).per_link());
    // Eight there and back are 16, so that four of the next six arrive, and nothing after them.
    round_trip(&mut clients[0], b"eight of");
    clients[1].write_all(b"twenty").unwrap();
    // One that sends nothing is told as well.
    assert_eq!(read_all(&mut clients[2]), (vec![], Ok(())));
    assert_eq!(read_all(&mut clients[0]), (vec![], Ok(())));
    assert_eq!(read_all(&mut clients[1]), (vec![], Ok(())));
    // The ends of the idle ones may be read before what still came on the busy one.
    let [eight, twenty, idle] = got_until_ends(&bench);
    assert_eq!(eight, [Ok(b"eight of".to_vec()), Ok(vec![])]);
    assert_eq!(twenty, [Ok(b"twen".to_vec()), Ok(vec![])]);
    assert_eq!(idle, [Ok(vec![])]);
    assert_eq!((fault.hits(), fault.connections()), (3, 3));
    // One that comes later is ended, too, until the fault is cleared.
    if let Ok(mut late) = bench.try_connect() {
        assert_eq!(read_all(&mut late), (vec![], Ok(())));
    }
    fault.clear();
    round_trip(&mut bench.connect(), b"after");
}

/// What the service reads on each of its first `N` connections until all of them have ended.
///
/// The order holds within a connection only; each of them is read on a thread of its own.
fn got_until_ends<const N: usize>(bench: &Bench) -> [Vec<Result<Vec<u8>, ErrorKind>>; N] {
    let mut got = [const { Vec::new() }; N];
    let mut open = N;
    while open > 0 {
        let (connection, piece) = bench.service.got.recv_timeout(PATIENCE).unwrap();
        open -= usize::from(!matches!(&piece, Ok(bytes) if !bytes.is_empty()));
        got[connection].push(piece);
    }
    got
}

fn the_third_commit_on_the_link_resets_all_and_those_that_come_later(driver: Driver) {
    let bench = Bench::new(driver);
    let pattern = seen(b"COMMIT;").upstream().nth(3);
    let fault = bench.link.inject(reset().when_seen(pattern).per_link());
    let (mut one, mut two, mut idle) = (bench.connect(), bench.connect(), bench.connect());
    round_trip(&mut one, b"COMMIT;");
    round_trip(&mut two, b"COMMIT;");
    assert_eq!(fault.hits(), 0);
    one.write_all(b"COMMIT;").unwrap();
    for client in [&mut idle, &mut two, &mut one] {
        assert_eq!(read_all(client), (vec![], Err(ErrorKind::ConnectionReset)));
    }
    assert_eq!(fault.connections(), 3);
    let late = bench.try_connect().map(|mut client| read_all(&mut client).1);
    let late = late.unwrap_or_else(|error| Err(error.kind()));
    assert_eq!(late, Err(ErrorKind::ConnectionReset));
    fault.clear();
    round_trip(&mut bench.connect(), b"COMMIT;");
}

fn one_limit_is_shared_exactly_by_many_busy_connections(driver: Driver) {
    const CLIENTS: usize = 8;
    const LIMIT: u64 = 3 << 20;
    let bench = Bench::new(driver);
    let fault = bench.link.inject(limit(LIMIT).upstream().per_link());
    let busy: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = bench.connect();
            let mut writer = client.try_clone().unwrap();
            std::thread::spawn(move || {
                let reading = std::thread::spawn(move || read_all(&mut client).0.len());
                while writer.write_all(&[7; 10_000]).is_ok() {}
                drop(writer);
                reading.join().unwrap()
            })
        })
        .collect();
    let echoed: usize = busy.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(echoed as u64 <= LIMIT, "{echoed} came back");
    crate::support::eventually("closing all", || bench.link.connections().open == 0);
    let passed = bench.scope.journal().events().into_iter().filter_map(|event| match event.what {
        EventKind::ConnectionClosed { upstream_bytes, .. } => Some(upstream_bytes),
        _ => None,
    });
    assert_eq!(passed.sum::<u64>(), LIMIT);
    assert_eq!(fault.connections(), CLIENTS as u64);
}

fn a_stall_over_the_link_holds_what_others_send_until_it_is_cleared(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(stall().when_seen(seen(b"BEGIN").upstream()).per_link());
    let (mut one, mut two) = (bench.connect(), bench.connect());
    round_trip(&mut two, b"ping");
    bench.got().unwrap();
    one.write_all(b"BEGIN;").unwrap();
    assert_eq!(bench.got().unwrap(), b"BEGIN");
    two.write_all(b"held").unwrap();
    assert!(bench.got_nothing());
    fault.clear();
    let mut reply = [0; 4];
    two.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"held");
}

fn a_fault_at_a_message_says_that_the_link_does_not_know_the_protocol(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(cut().on(commit()));
    let mut client = bench.connect();
    round_trip(&mut client, b"Q\0\0\0\x0bCOMMIT\0");
    assert_eq!(fault.hits(), 0);
    drop(fault);
    let told = bench.scope.journal().events().into_iter().any(|event| {
        matches!(event.what, EventKind::Note { message } if message.contains("Link::postgres"))
    });
    assert!(told);
    let vacuity = bench.scope.faults()[0].vacuity().unwrap_or_default();
    assert!(vacuity.contains("met no message that it waits for"), "{vacuity}");
}
