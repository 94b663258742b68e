//! Partitions: of one link, of one direction, and of several links.

use std::io::{Read, Write};
use std::net::TcpStream;

use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::support::{Bench, eventually, round_trip};

#[test]
fn several_services_are_unreachable_until_the_partition_is_healed() {
    let scope = Scope::new(Seed(7), Journal::in_memory());
    let parted = [Bench::named("postgres", &scope), Bench::named("redis", &scope)];
    let other = Bench::named("mail", &scope);
    let mut clients = parted.each_ref().map(Bench::connect);
    for (client, bench) in clients.iter_mut().zip(&parted) {
        round_trip(client, b"before");
        assert_eq!(bench.got().unwrap(), b"before");
    }

    let partition = Network::of(parted.each_ref().map(|bench| &bench.link)).partition();
    for (client, bench) in clients.iter_mut().zip(&parted) {
        client.write_all(b"held").unwrap();
        assert!(bench.got_nothing());
        if cfg!(target_os = "linux") {
            let connecting = TcpStream::connect_timeout(&bench.link.address(), 200.ms());
            assert_eq!(connecting.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        }
    }
    round_trip(&mut other.connect(), b"not concerned");
    assert!(partition.each().iter().all(|injection| injection.hits() == 1));

    partition.heal();
    for (client, bench) in clients.iter_mut().zip(&parted) {
        let mut reply = [0; 4];
        client.read_exact(&mut reply).unwrap();
        assert_eq!((&reply, &bench.got().unwrap()[..]), (b"held", &b"held"[..]));
        round_trip(&mut bench.connect(), b"after");
    }
    assert!(scope.faults().iter().all(|record| !record.is_active()));
    assert!(scope.faults().iter().all(|record| record.vacuity().is_none()));
}

#[test]
fn in_one_direction_requests_arrive_and_answers_do_not() {
    let bench = Bench::new();
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    bench.got().unwrap();
    let deaf = bench.link.inject(partition().downstream());
    client.write_all(b"question").unwrap();
    assert_eq!(bench.got().unwrap(), b"question");
    eventually("holding the answer", || deaf.hits() == 1);
    client.set_nonblocking(true).unwrap();
    assert!(client.read(&mut [0; 8]).is_err());
    client.set_nonblocking(false).unwrap();
    deaf.clear();
    let mut answer = [0; 8];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"question");
}

#[test]
fn a_guard_that_is_dropped_heals_every_link() {
    let scope = Scope::new(Seed(7), Journal::in_memory());
    let benches = [Bench::named("one", &scope), Bench::named("two", &scope)];
    let network = Network::of(benches.iter().map(|bench| &bench.link));
    drop(network.inject(refuse()));
    for bench in &benches {
        round_trip(&mut bench.connect(), b"ping");
    }
    assert_eq!(scope.faults().len(), 2);
}
