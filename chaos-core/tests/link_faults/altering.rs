//! Bytes that change or come twice, and latency that grows.

use std::io::{Read, Write};
use std::thread;

use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, exchange, round_trip};

on_both_drivers![
    corrupted_bytes_reach_the_client,
    a_doubled_request_is_served_twice,
    latency_grows_for_old_and_new_connections_alike,
    what_touched_nothing_says_so,
];

fn corrupted_bytes_reach_the_client(driver: Driver) {
    let bench = Bench::new(driver);
    let mut client = bench.connect();
    let message = [0x41; 100];

    let fault = bench.link.inject(corrupt_every(10).downstream());
    let (reply, _) = exchange(&mut client, &message);
    let changed: Vec<_> = (0..100).filter(|at| reply[*at] != 0x41).collect();
    assert_eq!(changed, [9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
    assert_eq!(bench.got().unwrap(), message, "the request was left alone");
    assert_eq!(fault.connections(), 1);
    fault.clear();

    let fault = bench.link.inject(corrupt(100.percent()).upstream());
    let (reply, _) = exchange(&mut client, &message);
    assert_eq!(reply, bench.got().unwrap());
    assert_eq!(reply.iter().filter(|byte| **byte != 0x41).count(), 1);
    assert_eq!(fault.hits(), 1);
    fault.clear();
    round_trip(&mut client, &message);
}

fn a_doubled_request_is_served_twice(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(duplicate(100.percent()).upstream());
    let mut client = bench.connect();
    client.write_all(b"order").unwrap();
    let mut replies = [0; 10];
    client.read_exact(&mut replies).unwrap();
    assert_eq!(&replies, b"orderorder");
    assert_eq!(fault.hits(), 1);
    fault.clear();
    round_trip(&mut client, b"order");
}

fn latency_grows_for_old_and_new_connections_alike(driver: Driver) {
    let bench = Bench::new(driver);
    let mut old = bench.connect();
    round_trip(&mut old, b"ping");
    let fault = bench.link.inject(latency_steps([30.ms(), 200.ms()], 300.ms()).downstream());
    let took = round_trip(&mut old, b"ping");
    assert!(took >= 30.ms(), "{took:?}");
    // The step is over when this long has passed, however late the first request was.
    thread::sleep(300.ms());
    let took = round_trip(&mut old, b"ping");
    assert!(took >= 200.ms(), "{took:?}");
    let took = round_trip(&mut bench.connect(), b"ping");
    assert!(took >= 200.ms(), "{took:?}");
    assert_eq!((fault.hits(), fault.connections()), (3, 2));
}

fn what_touched_nothing_says_so(driver: Driver) {
    let bench = Bench::new(driver);
    let faults: [Fault; 11] = [
        corrupt(5.percent()).into(),
        corrupt_every(9).into(),
        duplicate(5.percent()).into(),
        latency_steps([1.ms()], 1.secs()).into(),
        idle_drop(1.secs()).into(),
        partition().into(),
        loss(5.percent()).into(),
        reordering(5.percent()).into(),
        packet_duplication(5.percent()).into(),
        cut().when_seen(b"COMMIT").into(),
        cut().after_bytes(5).into(),
    ];
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    for fault in faults {
        bench.link.inject(fault).clear();
        let vacuity = bench.scope.faults().last().unwrap().vacuity().unwrap();
        assert!(vacuity.contains("met no ") || vacuity.contains("met fewer "), "{vacuity}");
    }
    // The kernel tells nobody of connections that hang.
    bench.link.inject(hang()).clear();
    assert_eq!(bench.scope.faults().last().unwrap().vacuity(), None);
    round_trip(&mut client, b"after");
}
