//! Adding and removing faults on connections that are open and busy.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use chaos_core::event::ConnectionEnd;
use chaos_core::prelude::*;

use crate::client::{Client, Driver, on_both_drivers};
use crate::support::{Bench, End, PATIENCE, echo, pattern, read_all, round_trip, serve};

on_both_drivers![
    faults_come_and_go_while_a_peer_does_not_read,
    faults_are_cleared_at_once_however_many_peers_never_read,
    a_connection_whose_peer_does_not_read_can_be_cut_and_reset,
    an_open_connection_feels_a_fault_and_its_end,
    clearing_a_long_delay_delivers_at_once_what_it_held,
    nothing_is_lost_while_faults_come_and_go_under_a_bulk_transfer,
    what_is_sent_after_a_fault_was_injected_never_slips_through,
    a_server_that_dies_behind_a_stall_is_not_noticed_until_it_is_cleared,
    healing_a_link_ends_all_of_its_faults,
];

/// A server that never reads, until it is told to.
fn deaf_until_told() -> (std::net::SocketAddr, mpsc::SyncSender<()>, mpsc::Receiver<Vec<u8>>) {
    let (tell, told) = mpsc::sync_channel(1);
    let told = std::sync::Mutex::new(told);
    let (heard, hears) = mpsc::channel();
    let address = serve(move |mut stream| {
        let told = told.lock().unwrap().recv();
        if told.is_ok() {
            let mut all = Vec::new();
            // A reset ends what was heard, too.
            let _ended = stream.read_to_end(&mut all);
            let _unheard = heard.send(all);
        }
    });
    (address, tell, hears)
}

/// Sends until the other side takes no more.
fn fill(bench: &Bench) -> (Client, usize) {
    let mut client = bench.connect();
    let chunk = [1; 1 << 16];
    let mut sent = 0;
    let mut last = Instant::now();
    while last.elapsed() < 300.ms() {
        match client.write_at_once(&chunk) {
            0 => thread::sleep(1.ms()),
            count => {
                sent += count;
                last = Instant::now();
            }
        }
    }
    (client, sent)
}

fn faults_come_and_go_while_a_peer_does_not_read(driver: Driver) {
    let (server, tell, hears) = deaf_until_told();
    let bench = Bench::new(driver, server);
    let (client, sent) = fill(&bench);
    let begun = Instant::now();
    for _ in 0..100 {
        let slow = bench.link.inject(latency(10.ms()).may_be_idle());
        let held = bench.link.inject(stall().may_be_idle());
        slow.clear();
        held.clear();
    }
    assert!(begun.elapsed() < 5.secs(), "{:?}", begun.elapsed());
    client.finish();
    tell.send(()).unwrap();
    assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), vec![1; sent]);
}

fn faults_are_cleared_at_once_however_many_peers_never_read(driver: Driver) {
    const STUCK: usize = 24;
    let (server, _tell, _hears) = deaf_until_told();
    let bench = Bench::new(driver, server);
    // Both the link and the service have as much of each as they take.
    let filling = (0..STUCK).map(|_| {
        let (link, driver) = (bench.link.clone(), bench.driver);
        let scope = bench.scope.clone();
        thread::spawn(move || fill(&Bench { scope, link, driver }).0)
    });
    let filling: Vec<_> = filling.collect();
    let stuck: Vec<_> = filling.into_iter().map(|thread| thread.join().unwrap()).collect();
    let mut longest = std::time::Duration::ZERO;
    for _ in 0..50 {
        let faults = [
            bench.link.inject(latency(10.secs()).may_be_idle()),
            bench.link.inject(bandwidth(1.bytes_per_sec()).may_be_idle()),
            bench.link.inject(stall().may_be_idle()),
            bench.link.inject(hang().may_be_idle()),
        ];
        for fault in faults {
            let begun = Instant::now();
            fault.clear();
            longest = longest.max(begun.elapsed());
        }
    }
    // They never read: who waits for one of them waits for ever.
    assert!(longest < 2.secs(), "{longest:?}");
    let begun = Instant::now();
    bench.link.inject(reset()).clear();
    assert!(begun.elapsed() < 2.secs(), "{:?}", begun.elapsed());
    for mut client in stuck {
        assert_eq!(read_all(&mut client).1, End::Reset);
    }
}

fn a_connection_whose_peer_does_not_read_can_be_cut_and_reset(driver: Driver) {
    for (fault, how, end) in [
        (Fault::from(cut()), ConnectionEnd::Cut, End::Finished),
        (reset().into(), ConnectionEnd::Reset, End::Reset),
    ] {
        let (server, tell, _hears) = deaf_until_told();
        let bench = Bench::new(driver, server);
        let (mut client, _) = fill(&bench);
        let begun = Instant::now();
        let _fault = bench.link.inject(fault);
        assert_eq!(read_all(&mut client).1, end);
        assert!(begun.elapsed() < 10.secs());
        assert_eq!(bench.end_of(1).how, how);
        drop(tell);
    }
}

fn an_open_connection_feels_a_fault_and_its_end(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    let fault = bench.link.inject(latency(40.ms()));
    assert!(round_trip(&mut client, b"ping") >= 80.ms());
    fault.clear();
    // Of several round trips one is quick, however busy the machine is.
    let quickest = (0..50).map(|_| round_trip(&mut client, b"ping")).min().unwrap();
    assert!(quickest < 40.ms(), "{quickest:?}");
}

fn clearing_a_long_delay_delivers_at_once_what_it_held(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    let fault = bench.link.inject(latency(3_000.secs()));
    client.write_all(b"ping").unwrap();
    while fault.hits() == 0 {
        thread::sleep(1.ms());
    }
    fault.clear();
    let mut reply = [0; 4];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"ping");
}

fn nothing_is_lost_while_faults_come_and_go_under_a_bulk_transfer(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    let message = pattern(64 << 20);
    let sending = message.clone();
    let mut writer = client.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&sending).unwrap();
        writer.finish();
    });
    let link = bench.link.clone();
    let (stop, stopped) = mpsc::channel::<()>();
    let meddling = thread::spawn(move || {
        let mut rounds = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let first = link.inject(latency(1.ms()..=3.ms()).may_be_idle());
            thread::sleep(2.ms());
            let second = link.inject(slice(50_000, 10.us()).may_be_idle());
            let third = link.inject(stall().downstream().may_be_idle());
            thread::sleep(2.ms());
            first.clear();
            third.clear();
            thread::sleep(2.ms());
            second.clear();
            thread::sleep(5.ms());
            rounds += 1;
        }
        rounds
    });
    let (reply, end) = read_all(&mut client);
    stop.send(()).unwrap();
    let rounds = meddling.join().unwrap();
    writing.join().unwrap();
    assert!(reply == message, "{} of {} bytes", reply.len(), message.len());
    assert_eq!(end, End::Finished);
    assert!(rounds > 1, "the transfer was over before anything was injected");
    let closed = bench.end_of(1);
    assert_eq!((closed.upstream_bytes, closed.downstream_bytes), (64 << 20, 64 << 20));
}

fn what_is_sent_after_a_fault_was_injected_never_slips_through(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let mut client = bench.connect();
    for _ in 0..300 {
        round_trip(&mut client, b"warm");
        let fault = bench.link.inject(latency(2.ms()).upstream());
        let took = round_trip(&mut client, b"ping");
        assert!(took >= 2.ms(), "{took:?}");
        fault.clear();
    }
}

fn a_server_that_dies_behind_a_stall_is_not_noticed_until_it_is_cleared(driver: Driver) {
    let (died, dies) = mpsc::channel();
    let bench = Bench::new(
        driver,
        serve(move |mut stream| {
            stream.read_exact(&mut [0; 4]).unwrap();
            crate::client::reset(stream);
            died.send(()).unwrap();
        }),
    );
    let fault = bench.link.inject(stall().downstream());
    let mut client = bench.connect();
    client.write_all(b"ping").unwrap();
    dies.recv().unwrap();
    client.set_read_timeout(100.ms());
    let silence = client.read(&mut [0; 1]).unwrap_err().kind();
    assert!(matches!(silence, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    client.set_read_timeout(PATIENCE);
    fault.clear();
    assert_eq!(read_all(&mut client), (Vec::new(), End::Reset));
}

fn healing_a_link_ends_all_of_its_faults(driver: Driver) {
    let bench = Bench::new(driver, echo());
    let held = bench.link.inject(stall());
    let slow = bench.link.inject(latency(1_000.secs()));
    let mut client = bench.connect();
    client.write_all(b"ping").unwrap();
    while held.hits() == 0 {
        thread::sleep(1.ms());
    }
    bench.link.heal();
    client.read_exact(&mut [0; 4]).unwrap();
    assert!(bench.scope.faults().iter().all(|record| !record.is_active()));
    // The guards of faults that are over have nothing left to do.
    drop((held, slow));
    round_trip(&mut client, b"ping");
}
