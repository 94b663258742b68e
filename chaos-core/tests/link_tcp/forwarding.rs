//! A link on which no fault is active is not there, as far as either side can tell.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::support::{
    Bench, Closed, End, echo, finish, patient, pattern, read_all, reset, round_trip, serve,
};

#[test]
fn bytes_pass_unchanged_both_ways_and_are_counted() {
    let bench = Bench::new(echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let message = pattern(5 << 20);
    let expected = message.clone();
    let mut writer = client.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&message).unwrap();
        finish(&writer);
    });
    let (reply, end) = read_all(&mut client);
    writing.join().unwrap();
    assert!(reply == expected, "{} of {} bytes came back", reply.len(), expected.len());
    assert_eq!(end, End::Finished);
    let bytes = 4 + (5 << 20);
    assert_eq!(
        bench.end_of(1),
        Closed {
            how: ConnectionEnd::Closed,
            fault: None,
            upstream_bytes: bytes,
            downstream_bytes: bytes
        }
    );
    assert_eq!(bench.link.connections().open, 0);
    assert_eq!(bench.link.connections().total, 1);
}

#[test]
fn a_reply_to_a_client_that_sends_no_more_arrives() {
    let server = serve(|mut stream| {
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        stream.write_all(&request).unwrap();
        stream.write_all(b" was all").unwrap();
    });
    for slow in [false, true] {
        let bench = Bench::new(server);
        let _fault = slow.then(|| bench.link.inject(latency(2.ms())));
        let mut client = bench.connect();
        client.write_all(b"that").unwrap();
        finish(&client);
        assert_eq!(read_all(&mut client), (b"that was all".to_vec(), End::Finished));
    }
}

#[test]
fn a_client_goes_on_sending_to_a_server_that_sends_no_more() {
    let (heard, hears) = mpsc::channel();
    let bench = Bench::new(serve(move |mut stream| {
        stream.write_all(b"enough said").unwrap();
        finish(&stream);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        heard.send(rest).unwrap();
    }));
    let mut client = bench.connect();
    assert_eq!(read_all(&mut client), (b"enough said".to_vec(), End::Finished));
    client.write_all(b"no it is not").unwrap();
    drop(client);
    assert_eq!(hears.recv().unwrap(), b"no it is not");
}

#[test]
fn a_reset_by_the_server_reaches_the_client_after_what_was_sent() {
    let server = serve(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(b"last words").unwrap();
        reset(stream);
    });
    for slow in [false, true] {
        let bench = Bench::new(server);
        let _fault = slow.then(|| bench.link.inject(latency(2.ms())));
        let mut client = bench.connect();
        client.write_all(b"ping").unwrap();
        // What was sent may be lost in a reset; what must not happen is a proper end.
        let (bytes, end) = read_all(&mut client);
        assert!(b"last words".starts_with(&bytes));
        assert_eq!(end, End::Reset);
        assert_eq!(bench.end_of(1).how, ConnectionEnd::ResetByServer);
    }
}

#[test]
fn a_reset_by_the_client_reaches_the_server() {
    for slow in [false, true] {
        let (ended, ends) = mpsc::channel();
        let bench = Bench::new(serve(move |mut stream| {
            ended.send(read_all(&mut stream).1).unwrap();
        }));
        let _fault = slow.then(|| bench.link.inject(latency(2.ms())));
        let mut client = bench.connect();
        client.write_all(b"ping").unwrap();
        reset(client);
        assert_eq!(ends.recv().unwrap(), End::Reset);
        assert_eq!(bench.end_of(1).how, ConnectionEnd::ResetByClient);
    }
}

#[test]
fn an_upstream_that_cannot_be_reached_resets_the_client_and_says_why() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::new(gone);
    let mut client = bench.connect();
    assert_eq!(read_all(&mut client).1, End::Reset);
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Unreachable);
    let says_why = |event: &EventKind| match event {
        EventKind::Note { message } => {
            message.contains("refused") && message.contains(&gone.to_string())
        }
        _ => false,
    };
    assert!(bench.events().iter().any(says_why), "{:#?}", bench.events());
}

#[test]
#[cfg(unix)]
fn a_unix_socket_can_be_the_upstream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("service");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        stream.write_all(&request).unwrap();
    });
    let bench = Bench::seeded(1, Upstream::Unix(path.clone()));
    let mut client = bench.connect();
    client.write_all(b"over two kinds of socket").unwrap();
    finish(&client);
    assert_eq!(read_all(&mut client).0, b"over two kinds of socket");
    server.join().unwrap();

    std::fs::remove_file(path).unwrap();
    assert_eq!(read_all(&mut bench.connect()).1, End::Reset);
    assert_eq!(bench.end_of(2).how, ConnectionEnd::Unreachable);
}

#[test]
fn dropping_the_last_clone_closes_the_door_and_the_connections() {
    let bench = Bench::new(echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let address = bench.link.address();
    let clone = bench.link.clone();
    let Bench { scope, link } = bench;
    drop(link);
    round_trip(&mut client, b"a clone keeps it open");
    drop(clone);
    let closed = scope.journal().events().into_iter().any(|event| {
        matches!(
            event.what,
            EventKind::ConnectionClosed { how: ConnectionEnd::LinkClosed, connection: 1, .. }
        )
    });
    assert!(closed, "a journal that is closed next has the end of every connection");
    assert_eq!(read_all(&mut client), (Vec::new(), End::Finished));
    // The port is free as soon as the link is dropped.
    drop(std::net::TcpListener::bind(address).unwrap());
}

#[test]
fn a_link_writes_down_what_happened_in_order() {
    let scope = Scope::new(Seed(1), Journal::in_memory());
    let upstream = echo();
    let link = Link::tcp(&scope, "db", Upstream::Tcp(upstream)).unwrap();
    let bench = Bench { scope, link };
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let fault = bench.link.inject(latency(1.ms()));
    round_trip(&mut client, b"slow");
    fault.clear();
    drop(client);
    bench.end_of(1);
    let told: Vec<_> = bench
        .events()
        .into_iter()
        .map(|event| match event {
            EventKind::LinkOpened { link, listen, upstream: to } => {
                assert_eq!((listen, to), (bench.link.address().to_string(), upstream.to_string()));
                format!("{link} opened")
            }
            EventKind::ConnectionOpened { link, connection } => {
                format!("{link}:{connection} opened")
            }
            EventKind::FaultStarted { target, label, .. } => format!("{label} on {target}"),
            EventKind::FaultHit { connection, .. } => format!("hit {connection}"),
            EventKind::FaultEnded { hits, connections, .. } => format!("{hits} on {connections}"),
            EventKind::ConnectionClosed { upstream_bytes, how, .. } => {
                format!("{how:?} after {upstream_bytes}")
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        ["db opened", "db:1 opened", "latency 1ms ↕ on db", "hit 1", "2 on 1", "Closed after 8"]
    );
}

#[test]
fn both_sides_send_at_once() {
    let bench = Bench::new(serve(|mut stream| {
        let mut reader = stream.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        });
        stream.write_all(&pattern(3 << 20)).unwrap();
        assert!(reading.join().unwrap() == pattern(2 << 20));
        finish(&stream);
    }));
    let mut client = patient(bench.connect());
    let mut writer = client.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&pattern(2 << 20)).unwrap();
        finish(&writer);
    });
    let (bytes, end) = read_all(&mut client);
    writing.join().unwrap();
    assert!(bytes == pattern(3 << 20) && end == End::Finished);
}
