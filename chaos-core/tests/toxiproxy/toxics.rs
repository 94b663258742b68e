//! Every toxic on real connections, with a bound that proves that it acted.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use chaos_core::seed::Seed;
use chaos_core::toxiproxy::Server;
use serde_json::json;

use crate::support::{PATIENCE, Proxy, count, echo, round_trip, server, upstream};

/// How long a round trip takes.
fn time(stream: &mut std::net::TcpStream) -> Duration {
    let began = Instant::now();
    round_trip(stream, b"x");
    began.elapsed()
}

#[test]
fn latency_delays_each_direction_by_itself_and_does_not_add_up() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    let mut stream = proxy.connect();
    round_trip(&mut stream, b"x");
    proxy.poison("latency", "upstream", &json!({"latency": 80}));
    assert!(time(&mut stream) >= Duration::from_millis(80));
    proxy.poison("noop", "downstream", &json!({}));
    let second = json!({"type": "latency", "name": "second", "attributes": {"latency": 70}});
    proxy.request("POST", "/toxics", &second);
    assert!(time(&mut stream) >= Duration::from_millis(150));
    // 2 MB in 64 KiB chunks: one after the other they would take 32 times 80 ms.
    let began = Instant::now();
    let sent = vec![7; 2 << 20];
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn({
        let sent = sent.clone();
        move || writer.write_all(&sent).unwrap()
    });
    let mut back = vec![0; sent.len()];
    stream.read_exact(&mut back).unwrap();
    writing.join().unwrap();
    assert_eq!(back, sent);
    assert!(began.elapsed() >= Duration::from_millis(150));
    // What is held is let go at once.
    proxy.change("latency", &json!({"attributes": {"latency": 600_000}}));
    stream.write_all(b"held").unwrap();
    proxy.cure("latency");
    let mut held = [0; 4];
    stream.read_exact(&mut held).unwrap();
    assert_eq!(&held, b"held");
}

#[test]
fn bandwidth_is_in_kilobytes_and_none_holds_everything() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", count());
    proxy.poison("bandwidth", "upstream", &json!({"rate": 1_000}));
    let began = Instant::now();
    let mut stream = proxy.connect();
    stream.write_all(&vec![0; 300_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut counted = String::new();
    stream.read_to_string(&mut counted).unwrap();
    assert_eq!(counted, "300000");
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());

    proxy.change("bandwidth", &json!({"attributes": {"rate": 0}}));
    let mut stream = proxy.connect();
    stream.write_all(b"held").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    let held = stream.read(&mut [0; 16]).unwrap_err().kind();
    assert!(matches!(held, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{held}");
    proxy.cure("bandwidth");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut counted = String::new();
    stream.read_to_string(&mut counted).unwrap();
    assert_eq!(counted, "4");
}

#[test]
fn slow_close_delays_the_end_and_not_the_data() {
    let server = server();
    let proxy =
        Proxy::create(server.address(), "db", upstream(|mut it| drop(it.write_all(b"bye"))));
    proxy.poison("slow_close", "downstream", &json!({"delay": 300}));
    let mut stream = proxy.connect();
    let mut bye = [0; 3];
    stream.read_exact(&mut bye).unwrap();
    let came = Instant::now();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    assert!(came.elapsed() >= Duration::from_millis(250), "{:?}", came.elapsed());
    // Removing it ends the wait.
    proxy.change("slow_close", &json!({"attributes": {"delay": 600_000}}));
    let mut stream = proxy.connect();
    stream.read_exact(&mut bye).unwrap();
    proxy.cure("slow_close");
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_timeout_loses_data_and_ends_the_connection_in_time_or_when_it_is_removed() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    let mut live = proxy.connect();
    round_trip(&mut live, b"hello");
    proxy.poison("timeout", "downstream", &json!({"timeout": 200}));
    live.write_all(b"lost").unwrap();
    let began = Instant::now();
    let mut nothing = Vec::new();
    live.read_to_end(&mut nothing).unwrap();
    assert_eq!(nothing, b"");
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());

    proxy.change("timeout", &json!({"attributes": {"timeout": 0}}));
    let mut stream = proxy.connect();
    stream.write_all(b"lost").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    assert!(stream.read(&mut [0; 16]).is_err(), "it stays open, and nothing comes");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    proxy.cure("timeout");
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    round_trip(&mut proxy.connect(), b"well again");
}

#[test]
fn a_reset_reaches_new_and_live_connections_as_a_reset() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    let mut live = proxy.connect();
    round_trip(&mut live, b"hello");
    proxy.poison("reset_peer", "downstream", &json!({"timeout": 100}));
    for (which, mut stream) in [("live", live), ("new", proxy.connect())] {
        let began = Instant::now();
        stream.write_all(b"hello?").unwrap();
        let error = stream.read(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{which}");
        assert!(began.elapsed() >= Duration::from_millis(100), "{which}");
    }
    // With a toxicity of 0 it is none, not even at the end of the connection.
    proxy.change("reset_peer", &json!({"toxicity": 0}));
    let mut stream = proxy.connect();
    round_trip(&mut stream, b"hello");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_slicer_tears_data_apart_and_loses_none() {
    let server = server();
    // Says how long the data took to come.
    let timed = upstream(|mut stream| {
        let mut first = [0; 1];
        if stream.read(&mut first).is_ok() {
            let began = Instant::now();
            let taken = io::copy(&mut stream, &mut io::sink()).unwrap_or(0);
            let _gone = write!(stream, "{} {}", taken + 1, began.elapsed().as_millis());
        }
    });
    let proxy = Proxy::create(server.address(), "db", timed);
    let attributes = json!({"average_size": 100, "size_variation": 20, "delay": 10_000});
    proxy.poison("slicer", "upstream", &attributes);
    let mut stream = proxy.connect();
    stream.write_all(&[5; 2_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    let (bytes, took) = told.split_once(' ').unwrap();
    // At least 17 pieces of at most 120 bytes, with 10 ms between two of them.
    assert_eq!(bytes, "2000");
    assert!(took.parse::<u64>().unwrap() >= 150, "{told}");
    // Its defaults are the end of the original.
    proxy.change(
        "slicer",
        &json!({"attributes": {"average_size": 0, "size_variation": 0, "delay": 0}}),
    );
    let mut stream = proxy.connect();
    stream.write_all(&[5; 2_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    told.clear();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("2000 "), "{told}");
}

#[test]
fn a_limit_ends_the_connection_and_counts_on_when_it_is_changed() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    proxy.poison("limit_data", "downstream", &json!({"bytes": 100}));
    let mut stream = proxy.connect();
    round_trip(&mut stream, &[1; 60]);
    proxy.change("limit_data", &json!({"attributes": {"bytes": 70}}));
    stream.write_all(&[2; 60]).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [2; 10]);
    proxy.change("limit_data", &json!({"attributes": {"bytes": 0}}));
    let mut stream = proxy.connect();
    stream.write_all(b"hello").unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

/// Which of so many connections, one after the other, a toxic of this toxicity ends.
fn hits(seed: u64, toxicity: f64, connections: u32) -> Vec<bool> {
    let server = Server::options().seed(Seed(seed)).start("127.0.0.1:0").unwrap();
    let proxy = Proxy::create(server.address(), "db", echo());
    let toxic = json!({"type": "limit_data", "toxicity": toxicity});
    assert_eq!(proxy.request("POST", "/toxics", &toxic).status, 200);
    let hit = |_| {
        let mut stream = proxy.connect();
        stream.write_all(b"x").unwrap();
        stream.read(&mut [0; 1]).unwrap() == 0
    };
    (0..connections).map(hit).collect()
}

#[test]
fn toxicity_is_a_probability_per_connection_that_the_seed_repeats() {
    let first = hits(42, 0.5, 200);
    assert_eq!(first, hits(42, 0.5, 200));
    assert_ne!(first, hits(43, 0.5, 200));
    // Five standard deviations of 200 at 50 %.
    let count = first.iter().filter(|hit| **hit).count();
    assert!((65..=135).contains(&count), "{count} of 200");
    assert!(!hits(42, -1.0, 20).contains(&true) && !hits(42, 7.0, 20).contains(&false));
}

#[test]
fn a_toxicity_that_is_raised_keeps_those_that_it_hit() {
    let server = Server::options().seed(Seed(7)).start("127.0.0.1:0").unwrap();
    let proxy = Proxy::create(server.address(), "db", echo());
    let toxic =
        json!({"name": "t", "type": "latency", "toxicity": 0.5, "attributes": {"latency": 120}});
    proxy.request("POST", "/toxics", &toxic);
    let mut streams: Vec<_> = (0..16).map(|_| proxy.connect()).collect();
    let mut delayed = || -> Vec<bool> {
        streams.iter_mut().map(|stream| time(stream) >= Duration::from_millis(120)).collect()
    };
    let before = delayed();
    proxy.change("t", &json!({"toxicity": 1}));
    assert_eq!(delayed(), [true; 16]);
    proxy.change("t", &json!({"toxicity": 0.5}));
    let after = delayed();
    // A loaded machine may be slow by itself, so only one side is sure.
    let lost = before.iter().zip(&after).filter(|(before, after)| **before && !**after).count();
    assert_eq!(lost, 0, "{before:?} {after:?}");
    assert!(before.contains(&true), "{before:?}");
}
