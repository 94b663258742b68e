//! Refusing connections, and accepting them again on the same port.

use std::io::ErrorKind;

use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, echo, round_trip};

on_both_drivers![
    new_connections_are_refused_while_open_ones_go_on,
    a_connection_that_was_completed_just_before_is_not_lost,
    the_last_of_several_refusals_opens_the_door,
    an_outage_cuts_what_is_open_and_refuses_what_is_new,
    a_link_that_refused_gives_its_port_back_when_it_is_dropped,
];

fn refused(bench: &Bench) -> bool {
    match bench.try_connect() {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            true
        }
    }
}

fn new_connections_are_refused_while_open_ones_go_on(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut open = bench.connect();
    for _ in 0..3 {
        let fault = bench.link.inject(refuse());
        assert!(refused(&bench));
        round_trip(&mut open, b"still here");
        fault.clear();
        round_trip(&mut bench.connect(), b"and back again");
    }
}

fn a_connection_that_was_completed_just_before_is_not_lost(driver: Driver) {
    let bench = Bench::new(driver, echo());
    for _ in 0..50 {
        // The link may not have accepted these yet, but to their clients they are open.
        let mut clients: Vec<_> = (0..5).map(|_| bench.connect()).collect();
        let fault = bench.link.inject(refuse());
        for client in &mut clients {
            round_trip(client, b"ping");
        }
        fault.clear();
    }
    assert_eq!(bench.link.connections().total, 250);
}

fn the_last_of_several_refusals_opens_the_door(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let first = bench.link.inject(refuse());
    let second = bench.link.inject(refuse());
    first.clear();
    assert!(refused(&bench));
    second.clear();
    round_trip(&mut bench.connect(), b"ping");
    let _third = bench.link.inject(refuse());
    let _fourth = bench.link.inject(refuse());
    bench.link.heal();
    round_trip(&mut bench.connect(), b"ping");
}

fn an_outage_cuts_what_is_open_and_refuses_what_is_new(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let refusing = bench.link.inject(refuse());
    let cutting = bench.link.inject(cut());
    assert!(refused(&bench));
    assert_eq!(cutting.hits(), 1);
    drop((refusing, cutting));
    round_trip(&mut bench.connect(), b"ping");
}

fn a_link_that_refused_gives_its_port_back_when_it_is_dropped(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let address = bench.link.address();
    let fault = bench.link.inject(refuse());
    fault.clear();
    drop(bench);
    drop(std::net::TcpListener::bind(address).unwrap());
}
