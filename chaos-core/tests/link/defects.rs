//! What other proxies for fault injection get wrong, as far as no other test here covers it.
//!
//! `docs/proxy-defects.md` lists these defects, and the test of ours for each.

use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

use chaos_core::event::ConnectionEnd;
use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, End, echo, pattern, read_all, round_trip, serve};

on_both_drivers![
    no_fault_at_the_edge_of_its_parameters_harms_another_connection,
    directions_stay_what_they_are_on_a_live_connection_while_faults_come_and_go,
    healing_ends_the_faults_of_both_directions_and_opens_the_door,
    links_that_are_opened_at_once_have_ports_of_their_own,
    a_reset_with_a_probability_of_zero_resets_nothing,
    a_server_that_is_gone_is_seen_as_an_error_and_not_as_an_end,
];

fn no_fault_at_the_edge_of_its_parameters_harms_another_connection(driver: Driver) {
    let edges: [Fault; 14] = [
        slice(1, 0.ms()).into(),
        slice(u64::MAX, 1_000_000.secs()).into(),
        bandwidth(1.bytes_per_sec()).into(),
        bandwidth(u64::MAX.bytes_per_sec()).into(),
        latency(0.ms()).into(),
        latency(std::time::Duration::MAX).into(),
        latency(0.ms()..=std::time::Duration::MAX).into(),
        slow_close(std::time::Duration::MAX).into(),
        limit(u64::MAX).into(),
        cut().after_bytes(u64::MAX).into(),
        corrupt_every(u64::MAX).into(),
        duplicate(100.percent()).into(),
        loss(100.percent()).into(),
        idle_drop(std::time::Duration::MAX).into(),
    ];
    for mut fault in edges {
        fault.may_be_idle = true;
        let name = fault.to_string();
        let bench = Bench::new(driver, echo());
        let other = Bench::new(driver, echo());
        let met = bench.link.inject(fault);
        let mut client = bench.connect();
        let mut writer = client.try_clone().unwrap();
        // More than any proxy reads at once.
        writer.write_all(&pattern(64 << 10)).unwrap();
        let writing = thread::spawn(move || writer.write_all(&pattern(136 << 10)).unwrap());
        // The same thread serves both links: by then the fault has met what was written.
        round_trip(&mut other.connect(), b"elsewhere all is well");
        met.clear();
        // What was held is delivered, and the link goes on.
        let mut reply = vec![0; 200 << 10];
        client.read_exact(&mut reply).unwrap_or_else(|error| panic!("{name}: {error}"));
        writing.join().unwrap();
        round_trip(&mut bench.connect(), b"and here again");
    }
}

/// How long a message takes to the server and back, each by itself.
fn both_ways(client: &mut crate::client::Client) -> [std::time::Duration; 2] {
    let sent = Instant::now();
    client.write_all(b"ping").unwrap();
    // The server answers with the time at which it read: both are of one machine.
    let mut reply = [0; 16];
    client.read_exact(&mut reply).unwrap();
    let served = std::time::Duration::from_nanos(u128::from_le_bytes(reply) as u64);
    let upstream = served.saturating_sub(sent.duration_since(*EPOCH));
    [upstream, sent.elapsed().saturating_sub(upstream)]
}

static EPOCH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

fn directions_stay_what_they_are_on_a_live_connection_while_faults_come_and_go(driver: Driver) {
    let _begun = *EPOCH;
    let bench = Bench::new(
        driver,
        serve(|mut stream| {
            while stream.read_exact(&mut [0; 4]).is_ok() {
                let now = EPOCH.elapsed().as_nanos();
                if stream.write_all(&now.to_le_bytes()).is_err() {
                    return;
                }
            }
        }),
    );
    let mut client = bench.connect();
    both_ways(&mut client);
    // Of several messages one is quick, however busy the machine is.
    let quickest =
        |client: &mut _, way: usize| (0..8).map(|_| both_ways(client)[way]).min().unwrap();
    let slow = bench.link.inject(latency(60.ms()).upstream());
    assert!(both_ways(&mut client)[0] >= 60.ms());
    assert!(quickest(&mut client, 1) < 60.ms());
    let second = bench.link.inject(slice(1_000, 0.ms()).downstream().may_be_idle());
    assert!(both_ways(&mut client)[0] >= 60.ms());
    assert!(quickest(&mut client, 1) < 60.ms());
    let third = bench.link.inject(latency(60.ms()).downstream());
    slow.clear();
    second.clear();
    assert!(both_ways(&mut client)[1] >= 60.ms());
    assert!(quickest(&mut client, 0) < 60.ms());
    drop(third);
}

fn healing_ends_the_faults_of_both_directions_and_opens_the_door(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let faults = [
        bench.link.inject(stall().upstream().may_be_idle()),
        bench.link.inject(stall().downstream().may_be_idle()),
        bench.link.inject(refuse()),
    ];
    assert!(bench.try_connect().is_err());
    client.write_all(b"held").unwrap();
    bench.link.heal();
    let mut reply = [0; 4];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"held");
    round_trip(&mut bench.connect(), b"ping");
    drop(faults);
}

fn links_that_are_opened_at_once_have_ports_of_their_own(driver: Driver) {
    let upstream = echo();
    let scope = Scope::new(Seed(1), Journal::in_memory());
    let opening = (0..8).map(|_| {
        let scope = scope.clone();
        thread::spawn(move || Link::tcp(&scope, "service", Upstream::Tcp(upstream)).unwrap())
    });
    let opening: Vec<_> = opening.collect();
    let links: Vec<_> = opening.into_iter().map(|thread| thread.join().unwrap()).collect();
    let mut ports: Vec<_> = links.iter().map(|link| link.address().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() == 8 && ports[0] != 0, "{ports:?}");
    for link in &links {
        round_trip(&mut driver.connect(link).unwrap(), b"ping");
    }
}

fn a_reset_with_a_probability_of_zero_resets_nothing(driver: Driver) {
    let (ended, ends) = std::sync::mpsc::channel();
    let server = serve(move |mut stream| {
        let end = read_all(&mut stream);
        ended.send(end).unwrap();
    });
    let bench = Bench::new(driver, server);
    let fault = bench.link.inject(reset().on(0.percent()).may_be_idle());
    let mut client = bench.connect();
    client.write_all(b"all of it").unwrap();
    client.finish();
    assert_eq!(read_all(&mut client), (vec![], End::Finished));
    drop(client);
    assert_eq!(ends.recv().unwrap(), (b"all of it".to_vec(), End::Finished));
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Closed);
    assert_eq!(fault.hits(), 0);
}

fn a_server_that_is_gone_is_seen_as_an_error_and_not_as_an_end(driver: Driver) {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for _ in 0..20 {
        let bench = Bench::new(driver, gone);
        // An end without a word is what a client takes for a server that is well and shuts down.
        let seen = bench.try_connect().map(|mut client| read_all(&mut client));
        assert!(!matches!(seen, Ok((_, End::Finished))), "{seen:?}");
    }
}
