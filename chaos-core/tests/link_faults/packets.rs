//! The model of packets: what clients see is time.

use std::io::Write;
use std::thread;

use chaos_core::prelude::*;

use crate::support::{Bench, read_all, round_trip};

#[test]
fn a_lost_packet_takes_a_timeout_longer_and_loses_nothing() {
    let bench = Bench::new();
    let fault = bench.link.inject(loss(20.percent()).downstream());
    let mut client = bench.connect();
    let times: Vec<_> = (0..20).map(|_| round_trip(&mut client, b"ping")).collect();
    let late = times.iter().filter(|took| **took >= 200.ms()).count() as u64;
    // The seed decides which.
    assert!(fault.hits() > 0 && late >= fault.hits(), "{} lost: {times:?}", fault.hits());
    let again = Bench::new();
    let fault_again = again.link.inject(loss(20.percent()).downstream());
    let mut client = again.connect();
    for took in &times {
        let took_again = round_trip(&mut client, b"ping");
        assert!(*took < 200.ms() || took_again >= 200.ms(), "{took:?}, then {took_again:?}");
    }
    assert_eq!(fault_again.hits(), fault.hits());
}

#[test]
fn bulk_data_comes_whole_and_in_order_through_all_packet_faults_at_once() {
    let bench = Bench::new();
    let faults = [
        bench.link.inject(loss(1.percent())),
        bench.link.inject(packet_duplication(5.percent())),
        bench.link.inject(reordering(5.percent())),
        bench.link.inject(packet_corruption(0.5.percent())),
    ];
    let mut client = bench.connect();
    let message: Vec<u8> = (0..1_u32 << 20)
        .flat_map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let mut writer = client.try_clone().unwrap();
    let sending = message.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sending).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let (bytes, end) = read_all(&mut client);
    writing.join().unwrap();
    assert!(bytes == message && end == Ok(()), "{} of {}", bytes.len(), message.len());
    for fault in &faults {
        assert!(fault.hits() > 0);
    }
}
