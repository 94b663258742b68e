//! Many connections at once: decisions depend on the seed and the ordinal, and on nothing else.

use std::io::{Read, Write};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::link::Upstream;
use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, echo, round_trip};

on_both_drivers![
    the_same_seed_cuts_the_same_connections_of_a_thousand,
    ordinal_triggers_choose_by_the_order_of_meeting,
    open_connections_are_met_first_in_the_order_in_which_they_were_opened,
    a_busy_link_does_not_hold_up_another,
];

/// Opens connections from many threads at once, and says which ordinals a fault touched.
fn touched(driver: Driver, seed: u64, connections: usize, fault: impl Into<Fault>) -> Vec<u64> {
    let bench = Bench::seeded(driver, seed, Upstream::Tcp(echo()));
    let _fault = bench.link.inject(fault);
    let threads = 20;
    let start = Arc::new(Barrier::new(threads));
    let opening: Vec<_> = (0..threads)
        .map(|_| {
            let (start, link) = (Arc::clone(&start), bench.link.clone());
            thread::spawn(move || {
                start.wait();
                for _ in 0..connections / threads {
                    let Ok(mut stream) = driver.connect(&link) else { continue };
                    // A connection that is cut is no failure here.
                    let _cut = stream.write_all(b"ping");
                    let _cut = stream.read(&mut [0; 4]);
                }
            })
        })
        .collect();
    for thread in opening {
        thread.join().unwrap();
    }
    bench.accepted(connections as u64);
    let hits = bench.events().into_iter().filter_map(|event| match event {
        EventKind::FaultHit { connection, .. } => Some(connection),
        _ => None,
    });
    let mut hits: Vec<_> = hits.collect();
    hits.sort_unstable();
    hits
}

fn the_same_seed_cuts_the_same_connections_of_a_thousand(driver: Driver) {
    let first = touched(driver, 3, 1_000, cut().on(20.percent()));
    // 200 with a standard deviation of 13: five of them are never exceeded by chance.
    assert!((135..=265).contains(&first.len()), "{} of 1000 at 20 %", first.len());
    assert_eq!(first, touched(driver, 3, 1_000, cut().on(20.percent())));
    assert_ne!(first, touched(driver, 4, 1_000, cut().on(20.percent())));
}

fn ordinal_triggers_choose_by_the_order_of_meeting(driver: Driver) {
    assert_eq!(touched(driver, 1, 100, cut().on(nth(7))), [7]);
    assert_eq!(touched(driver, 1, 100, cut().on(every_nth(40))), [40, 80]);
    assert_eq!(touched(driver, 1, 100, reset().on(first(3))), [1, 2, 3]);
    assert_eq!(touched(driver, 1, 100, latency(1.ms()).on(nth(100))), [100]);
}

fn open_connections_are_met_first_in_the_order_in_which_they_were_opened(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut clients: Vec<_> = (0..4)
        .map(|_| {
            let mut client = bench.connect();
            round_trip(&mut client, b"ping");
            client
        })
        .collect();
    drop(clients.remove(0));
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Closed);
    // Connections 2, 3 and 4 are met as 1, 2 and 3; the next one to open is met as 4.
    let second = bench.link.inject(cut().on(nth(2)));
    let fourth = bench.link.inject(cut().on(nth(4)));
    assert_eq!((second.hits(), fourth.hits()), (1, 0));
    assert_eq!(bench.end_of(3).how, ConnectionEnd::Cut);
    let _fifth = bench.connect();
    assert_eq!(bench.end_of(5).how, ConnectionEnd::Cut);
    assert_eq!(fourth.hits(), 1);
}

fn a_busy_link_does_not_hold_up_another(driver: Driver) {
    let busy = Bench::new(driver, echo());
    let quiet = Bench::new(driver, echo());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut stream = busy.connect();
    let (mut writer, stopped) = (stream.try_clone().unwrap(), Arc::clone(&stop));
    let writing = thread::spawn(move || {
        let chunk = vec![0; 1 << 16];
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            writer.write_all(&chunk).unwrap();
        }
        writer.finish();
    });
    let reading = thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        while stream.read(&mut chunk).unwrap() > 0 {}
    });
    let mut client = quiet.connect();
    let mut times: Vec<_> = (0..300).map(|_| round_trip(&mut client, b"ping")).collect();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writing.join().unwrap();
    reading.join().unwrap();
    times.sort_unstable();
    assert!(times[150] < Duration::from_millis(500), "{:?}", times[150]);
}
