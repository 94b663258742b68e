//! Each fault, with the bound that proves that it happened.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use chaos_core::event::ConnectionEnd;
use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, Closed, End, echo, pattern, read_all, round_trip, serve};

on_both_drivers![
    latency_delays_each_way,
    latency_downstream_delays_the_reply_and_not_the_request,
    latency_upstream_delays_the_request,
    latency_does_not_add_up_over_a_bulk_transfer,
    bandwidth_is_kept_in_its_direction,
    slices_are_sent_with_a_gap_between_them,
    a_stall_holds_and_then_delivers_several_mebibytes_unchanged,
    a_slow_close_delays_the_end_and_nothing_else,
    a_limit_lets_exactly_so_many_bytes_pass,
    a_limit_of_nothing_loses_the_reply_to_a_request_that_was_served,
    a_cut_ends_open_connections_with_fin_on_both_sides,
    a_reset_ends_open_connections_with_rst_on_both_sides,
    a_client_that_is_sending_when_it_is_cut_sees_an_end_and_no_reset,
    a_cut_after_some_bytes_counts_both_directions_from_when_it_was_injected,
    #[cfg(target_os = "linux")]
    a_reset_after_some_bytes_lets_exactly_these_arrive,
    a_fault_that_met_no_traffic_says_so,
    a_fault_lasts_for_the_future_that_it_is_wrapped_around,
];

/// A server that says when each of its reads came, and what it read.
fn witness() -> (std::net::SocketAddr, mpsc::Receiver<(Instant, Vec<u8>)>) {
    let (saw, sees) = mpsc::channel();
    let address = serve(move |mut stream| {
        let mut buffer = [0; 1024];
        while let Ok(count) = stream.read(&mut buffer) {
            if saw.send((Instant::now(), buffer[..count].to_vec())).is_err() || count == 0 {
                return;
            }
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
    (address, sees)
}

fn latency_delays_each_way(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let fault = bench.link.inject(latency(30.ms()));
    let mut client = bench.connect();
    let took = round_trip(&mut client, b"ping");
    assert!(took >= 60.ms(), "{took:?}");
    assert_eq!((fault.hits(), fault.connections()), (2, 1));
}

fn latency_downstream_delays_the_reply_and_not_the_request(driver: Driver) {
    let (server, sees) = witness();
    let bench = Bench::new(driver, server);
    // Long enough that a request which arrives within it was not delayed by it.
    let fault = bench.link.inject(latency(1_500.ms()).downstream());
    let mut client = bench.connect();
    let sent = Instant::now();
    let took = round_trip(&mut client, b"ping");
    assert!(took >= 1_500.ms(), "{took:?}");
    let (arrived, request) = sees.recv().unwrap();
    assert_eq!(request, b"ping");
    assert!(arrived - sent < 1_500.ms(), "{:?} of {took:?}", arrived - sent);
    assert_eq!(fault.hits(), 1);
}

fn latency_upstream_delays_the_request(driver: Driver) {
    let (server, sees) = witness();
    let bench = Bench::new(driver, server);
    let _fault = bench.link.inject(latency(50.ms()).upstream());
    let mut client = bench.connect();
    let sent = Instant::now();
    round_trip(&mut client, b"ping");
    assert!(sees.recv().unwrap().0 - sent >= 50.ms());
}

fn latency_does_not_add_up_over_a_bulk_transfer(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let _fault = bench.link.inject(latency(100.ms()));
    let mut client = bench.connect();
    let message = pattern(16 << 20);
    let mut writer = client.try_clone().unwrap();
    let sending = message.clone();
    let begun = Instant::now();
    let writing = thread::spawn(move || {
        writer.write_all(&sending).unwrap();
        writer.finish();
    });
    let (bytes, end) = read_all(&mut client);
    writing.join().unwrap();
    let took = begun.elapsed();
    assert!(bytes == message && end == End::Finished);
    // One after the other, the 128 or more chunks would take 12.8 s.
    assert!(took >= 200.ms() && took < 10.secs(), "{took:?}");
}

fn bandwidth_is_kept_in_its_direction(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let fault = bench.link.inject(bandwidth(200.kib_per_sec()).downstream());
    let mut client = bench.connect();
    // 100 KiB take half a second, and no less.
    let took = round_trip(&mut client, &pattern(100 << 10));
    assert!(took >= 500.ms(), "{took:?}");
    assert!(fault.hits() > 0);
    drop(client);
    fault.clear();
    let took = round_trip(&mut bench.connect(), &pattern(100 << 10));
    assert!(took < 10.secs(), "{took:?}");
}

fn slices_are_sent_with_a_gap_between_them(driver: Driver) {
    let (server, sees) = witness();
    let bench = Bench::new(driver, server);
    let fault = bench.link.inject(slice(3, 20.ms()).upstream());
    let mut client = bench.connect();
    // Three pieces with two gaps. A reader that sleeps through a gap reads two pieces at once.
    let took = round_trip(&mut client, b"abcdefgh");
    assert!(took >= 40.ms(), "{took:?}");
    let pieces: Vec<_> = sees.try_iter().map(|(_, piece)| piece).collect();
    assert_eq!(pieces.concat(), b"abcdefgh");
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
}

fn a_stall_holds_and_then_delivers_several_mebibytes_unchanged(driver: Driver) {
    let (server_got, got) = mpsc::channel();
    let bench = Bench::new(
        driver,
        serve(move |mut stream| {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            server_got.send(all).unwrap();
        }),
    );
    let fault = bench.link.inject(stall());
    let mut client = bench.connect();
    let message = pattern(24 << 20);
    let sending = message.clone();
    let writing = thread::spawn(move || {
        client.write_all(&sending).unwrap();
        client.finish();
        client
    });
    assert!(got.recv_timeout(200.ms()).is_err(), "something passed");
    while fault.hits() == 0 {
        thread::sleep(1.ms());
    }
    fault.clear();
    assert!(got.recv().unwrap() == message);
    drop(writing.join().unwrap());
}

fn a_slow_close_delays_the_end_and_nothing_else(driver: Driver) {
    let bench = Bench::new(
        driver,
        serve(|mut stream| {
            stream.write_all(b"all there is").unwrap();
        }),
    );
    let fault = bench.link.inject(slow_close(200.ms()).downstream());
    let begun = Instant::now();
    let mut client = bench.connect();
    let mut bytes = [0; 12];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"all there is");
    assert_eq!(read_all(&mut client), (Vec::new(), End::Finished));
    assert_eq!(fault.hits(), 1);
    assert!(begun.elapsed() >= 200.ms(), "{:?}", begun.elapsed());
}

fn a_limit_lets_exactly_so_many_bytes_pass(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let fault = bench.link.inject(limit(100_000).downstream());
    let mut client = bench.connect();
    client.write_all(&pattern(250_000)).unwrap();
    let (bytes, end) = read_all(&mut client);
    assert!(bytes == pattern(100_000), "{} bytes", bytes.len());
    assert_eq!(end, End::Finished);
    let closed = bench.end_of(1);
    assert_eq!((closed.how, closed.fault), (ConnectionEnd::Cut, Some(1)));
    assert_eq!(closed.downstream_bytes, 100_000);
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
}

fn a_limit_of_nothing_loses_the_reply_to_a_request_that_was_served(driver: Driver) {
    let (server, sees) = witness();
    let bench = Bench::new(driver, server);
    let _fault = bench.link.inject(limit(0).downstream());
    let mut client = bench.connect();
    client.write_all(b"commit").unwrap();
    assert_eq!(read_all(&mut client), (Vec::new(), End::Finished));
    assert_eq!(sees.recv().unwrap().1, b"commit");
    assert_eq!(
        bench.end_of(1),
        Closed { how: ConnectionEnd::Cut, fault: Some(1), upstream_bytes: 6, downstream_bytes: 0 }
    );
}

fn a_cut_ends_open_connections_with_fin_on_both_sides(driver: Driver) {
    let (ended, ends) = mpsc::channel();
    let bench = Bench::new(
        driver,
        serve(move |mut stream| {
            stream.write_all(b"hello").unwrap();
            ended.send(read_all(&mut stream)).unwrap();
        }),
    );
    let mut client = bench.connect();
    client.read_exact(&mut [0; 5]).unwrap();
    let fault = bench.link.inject(cut());
    // It is counted when `inject` returns, and cannot be taken back.
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
    fault.clear();
    assert_eq!(read_all(&mut client), (Vec::new(), End::Finished));
    assert_eq!(ends.recv().unwrap(), (Vec::new(), End::Finished));
    let closed = bench.end_of(1);
    assert_eq!((closed.how, closed.fault), (ConnectionEnd::Cut, Some(1)));
}

fn a_reset_ends_open_connections_with_rst_on_both_sides(driver: Driver) {
    let (ended, ends) = mpsc::channel();
    let bench = Bench::new(
        driver,
        serve(move |mut stream| {
            stream.write_all(b"hello").unwrap();
            ended.send(read_all(&mut stream)).unwrap();
        }),
    );
    let mut client = bench.connect();
    client.read_exact(&mut [0; 5]).unwrap();
    let fault = bench.link.inject(reset());
    assert_eq!(read_all(&mut client), (Vec::new(), End::Reset));
    assert_eq!(ends.recv().unwrap(), (Vec::new(), End::Reset));
    let closed = bench.end_of(1);
    assert_eq!((closed.how, closed.fault), (ConnectionEnd::Reset, Some(1)));

    // A connection that is opened meanwhile is accepted, and then reset.
    match bench.try_connect() {
        Ok(mut client) => assert_eq!(read_all(&mut client), (Vec::new(), End::Reset)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    fault.clear();
    bench.connect().read_exact(&mut [0; 5]).unwrap();
}

fn a_client_that_is_sending_when_it_is_cut_sees_an_end_and_no_reset(driver: Driver) {
    for _ in 0..20 {
        let bench = Bench::new(driver, echo());
        let mut client = bench.connect();
        round_trip(&mut client, b"ping");
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || {
            let chunk = pattern(10_000);
            for _ in 0..100 {
                if writer.write_all(&chunk).is_err() {
                    return;
                }
            }
        });
        let fault = bench.link.inject(cut());
        assert_eq!(read_all(&mut client).1, End::Finished);
        drop(fault);
        drop(client);
        writing.join().unwrap();
    }
}

fn a_cut_after_some_bytes_counts_both_directions_from_when_it_was_injected(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    let fault = bench.link.inject(cut().after_bytes(6));
    client.write_all(b"ping").unwrap();
    assert_eq!(read_all(&mut client), (b"pi".to_vec(), End::Finished));
    assert_eq!(fault.hits(), 1);
    let closed = bench.end_of(1);
    assert_eq!((closed.upstream_bytes, closed.downstream_bytes), (10, 8));
}

#[cfg(target_os = "linux")]
fn a_reset_after_some_bytes_lets_exactly_these_arrive(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    let _fault = bench.link.inject(reset().after_bytes(6));
    client.write_all(b"ping").unwrap();
    // Other systems may throw away what was received when a reset comes.
    assert_eq!(read_all(&mut client), (b"pi".to_vec(), End::Reset));
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Reset);
}

fn a_fault_that_met_no_traffic_says_so(driver: Driver) {
    let bench = Bench::new(driver, echo());
    bench.link.inject(cut()).clear();
    bench.link.inject(stall().may_be_idle()).clear();
    bench.link.inject(refuse()).clear();
    let vacuities: Vec<_> = bench.scope.faults().iter().map(|record| record.vacuity()).collect();
    let sentence = vacuities[0].as_ref().unwrap();
    assert!(sentence.starts_with("the fault `cut` on link `service` was active"), "{sentence}");
    assert!(sentence.contains("met no traffic"), "{sentence}");
    assert_eq!(vacuities[1..], [None, None]);

    let fault = bench.link.inject(latency(1.ms()));
    round_trip(&mut bench.connect(), b"ping");
    fault.clear();
    assert_eq!(bench.scope.faults()[3].vacuity(), None);
}

fn a_fault_lasts_for_the_future_that_it_is_wrapped_around(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let active = || bench.scope.faults().iter().filter(|record| record.is_active()).count();
    let took = runtime.block_on(bench.link.during(latency(20.ms()), async {
        assert_eq!(active(), 1);
        round_trip(&mut bench.connect(), b"ping")
    }));
    assert!(took >= 40.ms());
    assert_eq!(active(), 0);

    // It was polled once and dropped before it was ready.
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut abandoned = Box::pin(bench.link.during(stall(), std::future::pending::<()>()));
    assert!(abandoned.as_mut().poll(&mut cx).is_pending());
    assert_eq!(active(), 1);
    drop(abandoned);
    assert_eq!(active(), 0);

    let panics = std::panic::AssertUnwindSafe(|| {
        runtime.block_on(bench.link.during(stall(), async { panic!("in the middle of a fault") }))
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(active(), 0);
}
