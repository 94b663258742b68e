//! A peer whose machine lost its power: nothing is acknowledged, and the kernel of the other side
//! finds out.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;
use socket2::{SockRef, TcpKeepalive};

use crate::client::{Client, Driver, on_both_drivers};
use crate::support::{Bench, PATIENCE, eventually, patient, round_trip};

on_both_drivers![
    what_was_sent_meanwhile_arrives_when_the_peer_is_back,
    the_server_gives_its_client_up,
    nobody_can_connect_meanwhile,
];

const ETIMEDOUT: i32 = 110;

/// A client of the port, behind which everything works.
fn connected() -> (Bench, TcpStream) {
    let bench = Bench::new(Driver::Tcp);
    let Client::Tcp(mut stream) = bench.connect() else { panic!("it is a client of the port") };
    stream.write_all(b"before").unwrap();
    stream.read_exact(&mut [0; 6]).unwrap();
    (bench, stream)
}

fn impatient(stream: &TcpStream) {
    SockRef::from(stream).set_tcp_user_timeout(Some(1500.ms())).unwrap();
}

#[test]
fn a_client_gives_up_after_its_user_timeout() {
    let (bench, mut client) = connected();
    impatient(&client);
    let fault = bench.link.inject(dead_peer().unwrap());
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
    client.write_all(b"hello?").unwrap();
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(ETIMEDOUT), "{error}");
}

#[test]
fn an_idle_client_gives_up_after_its_keepalive_probes() {
    let (bench, mut client) = connected();
    let probes = TcpKeepalive::new().with_time(1.secs()).with_interval(1.secs()).with_retries(1);
    SockRef::from(&client).set_tcp_keepalive(&probes).unwrap();
    let fault = bench.link.inject(dead_peer().unwrap());
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(ETIMEDOUT), "{error}");
    fault.clear();
    // The link finds out that the client is gone, and so does the service.
    eventually("noticing that the client is gone", || bench.link.connections().open == 0);
}

#[test]
fn a_client_of_a_service_that_merely_hangs_waits_on() {
    let (bench, mut client) = connected();
    impatient(&client);
    let probes = TcpKeepalive::new().with_time(1.secs()).with_interval(1.secs()).with_retries(1);
    SockRef::from(&client).set_tcp_keepalive(&probes).unwrap();
    let fault = bench.link.inject(stall());
    client.write_all(b"hello?").unwrap();
    // Twice as long as either of the others takes.
    client.set_read_timeout(Some(4.secs())).unwrap();
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_ne!(error.raw_os_error(), Some(ETIMEDOUT), "{error}");
    fault.clear();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
}

fn what_was_sent_meanwhile_arrives_when_the_peer_is_back(driver: Driver) {
    let bench = Bench::new(driver);
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    assert_eq!(bench.got().unwrap(), b"before");
    let fault = bench.link.inject(dead_peer().unwrap());
    client.write_all(b"hello?").unwrap();
    assert!(bench.got_nothing());
    assert_eq!((fault.hits() > 0, fault.connections()), (true, 1));
    fault.clear();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello?");
    round_trip(&mut client, b"after");
    let records = bench.scope.faults();
    assert_eq!(records[0].vacuity(), None);
}

fn the_server_gives_its_client_up(driver: Driver) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scope = Scope::new(Seed(7), Journal::in_memory());
    let link = Link::tcp(&scope, "service", Upstream::Tcp(listener.local_addr().unwrap())).unwrap();
    let service = thread::spawn(move || patient(listener.accept().unwrap().0));
    let mut client = driver.connect(&link).unwrap();
    client.write_all(b"hello").unwrap();
    let mut server = service.join().unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    impatient(&server);
    let fault = link.inject(dead_peer().unwrap());
    server.write_all(b"anybody?").unwrap();
    let error = server.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(ETIMEDOUT), "{error}");
    fault.clear();
    // The service's kernel knows the connection no longer, and says so.
    assert!(client.read(&mut [0; 1]).is_err());
}

fn nobody_can_connect_meanwhile(driver: Driver) {
    let bench = Bench::new(driver);
    let fault = bench.link.inject(dead_peer().unwrap().may_be_idle());
    let error = bench.connect_soon().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    fault.clear();
    round_trip(&mut bench.connect(), b"after");
}
