//! Connecting that hangs.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use chaos_core::prelude::*;

use crate::support::{Bench, PATIENCE, patient, round_trip};

/// Whether a connection is neither accepted nor refused for a while.
fn hangs(bench: &Bench) -> bool {
    match TcpStream::connect_timeout(&bench.link.address(), 200.ms()) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            true
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn new_connections_hang_while_open_ones_go_on() {
    let bench = Bench::new();
    let mut open = bench.connect();
    for _ in 0..3 {
        let hanging = bench.link.inject(hang());
        assert!(hangs(&bench) && hangs(&bench));
        round_trip(&mut open, b"still here");
        hanging.clear();
        round_trip(&mut bench.connect(), b"and back again");
    }
    // Only these; what keeps others out is not among them.
    assert_eq!(bench.link.connections().total, 4);
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_hangs_is_accepted_when_its_client_tries_again() {
    let bench = Bench::new();
    let hanging = bench.link.inject(hang());
    let address = bench.link.address();
    let (connected, connects) = channel();
    let connecting = thread::spawn(move || {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        connected.send(()).unwrap();
        stream
    });
    assert!(connects.recv_timeout(300.ms()).is_err(), "it did not hang");
    hanging.clear();
    round_trip(&mut patient(connecting.join().unwrap()), b"ping");
}

#[test]
fn a_connection_that_was_completed_just_before_is_not_lost() {
    let bench = Bench::new();
    for _ in 0..20 {
        let mut clients: Vec<_> = (0..5).map(|_| bench.connect()).collect();
        let hanging = bench.link.inject(hang());
        for client in &mut clients {
            round_trip(client, b"ping");
        }
        hanging.clear();
    }
    assert_eq!(bench.link.connections().total, 100);
}

#[test]
#[cfg(target_os = "linux")]
fn a_link_that_refuses_does_not_hang() {
    let bench = Bench::new();
    let hanging = bench.link.inject(hang());
    let refusing = bench.link.inject(refuse());
    let refused = TcpStream::connect(bench.link.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    refusing.clear();
    assert!(hangs(&bench));
    hanging.clear();
    round_trip(&mut bench.connect(), b"ping");
}

#[test]
fn a_link_that_let_hang_gives_its_port_back_when_it_is_dropped() {
    let bench = Bench::new();
    let address = bench.link.address();
    let hanging = bench.link.inject(hang());
    hanging.clear();
    let begun = Instant::now();
    let hanging = bench.link.inject(hang());
    bench.link.heal();
    drop(hanging);
    drop(bench);
    drop(std::net::TcpListener::bind(address).unwrap());
    assert!(begun.elapsed() < PATIENCE);
}
