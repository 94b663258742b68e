//! Connecting that hangs.

use std::io::ErrorKind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, PATIENCE, round_trip};

on_both_drivers![
    #[cfg(target_os = "linux")]
    new_connections_hang_while_open_ones_go_on,
    #[cfg(target_os = "linux")]
    a_connection_that_hangs_is_accepted_when_its_client_tries_again,
    a_connection_that_was_completed_just_before_is_not_lost,
    #[cfg(target_os = "linux")]
    a_link_that_refuses_does_not_hang,
    a_link_that_let_hang_gives_its_port_back_when_it_is_dropped,
];

/// Whether a connection is neither accepted nor refused for a while.
fn hangs(bench: &Bench) -> bool {
    match bench.connect_soon() {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            true
        }
    }
}

#[cfg(target_os = "linux")]
fn new_connections_hang_while_open_ones_go_on(driver: Driver) {
    let bench = Bench::new(driver);
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

#[cfg(target_os = "linux")]
fn a_connection_that_hangs_is_accepted_when_its_client_tries_again(driver: Driver) {
    let bench = Bench::new(driver);
    let hanging = bench.link.inject(hang());
    let link = bench.link.clone();
    let (connected, connects) = channel();
    let connecting = thread::spawn(move || {
        let stream = driver.connect_within(&link, PATIENCE).unwrap();
        connected.send(()).unwrap();
        stream
    });
    assert!(connects.recv_timeout(300.ms()).is_err(), "it did not hang");
    hanging.clear();
    round_trip(&mut connecting.join().unwrap(), b"ping");
}

fn a_connection_that_was_completed_just_before_is_not_lost(driver: Driver) {
    let bench = Bench::new(driver);
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

#[cfg(target_os = "linux")]
fn a_link_that_refuses_does_not_hang(driver: Driver) {
    let bench = Bench::new(driver);
    let hanging = bench.link.inject(hang());
    let refusing = bench.link.inject(refuse());
    let refused = bench.try_connect().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    refusing.clear();
    assert!(hangs(&bench));
    hanging.clear();
    round_trip(&mut bench.connect(), b"ping");
}

fn a_link_that_let_hang_gives_its_port_back_when_it_is_dropped(driver: Driver) {
    let bench = Bench::new(driver);
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
