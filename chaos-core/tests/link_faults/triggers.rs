//! From which byte on, and on which connections, a fault acts.

use std::io::{ErrorKind, Read, Write};

use chaos_core::prelude::*;

use crate::support::{Bench, read_all, round_trip};

#[test]
fn a_connection_is_cut_right_behind_the_pattern_and_the_reply_is_lost() {
    let bench = Bench::new();
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

#[test]
fn a_pattern_that_is_torn_over_several_reads_is_found() {
    let bench = Bench::new();
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

#[test]
fn the_first_connections_fail_and_then_all_is_well_without_clearing() {
    let bench = Bench::new();
    let fault = bench.link.inject(reset().on(first(3)));
    for _ in 0..3 {
        // The reset may come while the connection is still being opened.
        let end = match std::net::TcpStream::connect(bench.link.address()) {
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

#[test]
fn a_connection_is_chosen_by_its_number_on_the_link() {
    let bench = Bench::new();
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
