//! Each fault, and what proves that it happened.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use chaos_core::prelude::*;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, eventually, read_all, round_trip};

on_both_drivers![
    lost_packets_are_sent_again_and_no_byte_is_lost,
    a_lost_request_or_answer_takes_a_timeout_longer,
    doubled_packets_deliver_no_byte_twice,
    overtaken_packets_keep_the_order_of_bytes,
    damaged_packets_fail_their_checksum_and_no_byte_changes,
    delayed_packets_delay_each_way,
    a_fault_that_is_cleared_leaves_the_connection_alone,
    all_faults_at_once_and_those_of_the_stream_beside_them,
    a_cut_and_a_reset_reach_both_sides_across_the_wire,
];

fn message(length: u32) -> Vec<u8> {
    (0..length / 4).flat_map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// Sends bytes both ways and checks that they are what comes back.
fn carries(bench: &Bench, mut client: crate::client::Client, length: u32) {
    let message = message(length);
    let mut writer = client.try_clone().unwrap();
    let sending = message.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sending).unwrap();
        writer.finish();
    });
    let (bytes, end) = read_all(&mut client);
    writing.join().unwrap();
    assert!(bytes == message && end == Ok(()), "{} of {}, {end:?}", bytes.len(), message.len());
    drop(client);
    eventually("closing", || bench.link.connections().open == 0);
}

/// What the kernel counted for TCP in the network of the clients' ends: for all connections, so that
/// a test which compares it has the wire [alone](crate::wire_alone).
fn count(name: &str) -> u64 {
    let wire = wire_of(std::process::id()).unwrap();
    // Under libtest its first thread is not the one that moved.
    let here = fs::read_link("/proc/self/ns/net").unwrap();
    let tasks = fs::read_dir(format!("/proc/{wire}/task")).unwrap().flatten();
    let mut moved = tasks
        .map(|task| task.path())
        .filter(|task| fs::read_link(task.join("ns/net")).is_ok_and(|network| network != here));
    let counters = fs::read_to_string(moved.next().unwrap().join("net/snmp")).unwrap();
    let mut lines = counters.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let position = names.split(' ').position(|found| found == name).unwrap();
    values.split(' ').nth(position).unwrap().parse().unwrap()
}

/// The helper process of this process.
pub(crate) fn wire_of(parent: u32) -> Option<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_whitespace().nth(1) == Some(&parent.to_string())
            && String::from_utf8_lossy(&environ).contains("CHAOS_INTERNAL_WIRE")
    })
}

fn lost_packets_are_sent_again_and_no_byte_is_lost(driver: Driver) {
    let Some(_alone) = crate::wire_alone() else { return };
    let bench = Bench::new(driver);
    let fault = bench.link.inject(loss(5.percent()).in_kernel().unwrap());
    let before = count("RetransSegs");
    carries(&bench, bench.connect(), 2 << 20);
    // 1,450 segments upstream alone, of which 72 are lost, with a standard deviation of 8.
    assert!(fault.hits() >= 40, "{}", fault.hits());
    let again = count("RetransSegs") - before;
    assert!(again >= 20, "{again} sent again of {} lost", fault.hits());
    assert_eq!(fault.connections(), 1);
}

fn a_lost_request_or_answer_takes_a_timeout_longer(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let fault = bench.link.inject(loss(10.percent()).in_kernel().unwrap());
    let mut client = bench.connect();
    let times: Vec<_> = (0..60).map(|_| round_trip(&mut client, b"ping")).collect();
    eventually("counting", || fault.hits() > 0);
    // The shortest timeout of Linux is 200 ms.
    let late = times.iter().filter(|took| **took >= 200.ms()).count();
    assert!(late >= 1, "{} lost: {times:?}", fault.hits());
}

fn doubled_packets_deliver_no_byte_twice(driver: Driver) {
    let Some(_alone) = crate::wire_alone() else { return };
    let bench = Bench::new(driver);
    let fault = bench.link.inject(packet_duplication(20.percent()).in_kernel().unwrap());
    let before = count("InSegs");
    carries(&bench, bench.connect(), 1 << 20);
    assert!(fault.hits() >= 100, "{}", fault.hits());
    assert!(count("InSegs") - before >= 100);
}

fn overtaken_packets_keep_the_order_of_bytes(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let fault = bench.link.inject(reordering(10.percent()).in_kernel().unwrap());
    carries(&bench, bench.connect(), 1 << 20);
    assert!(fault.hits() >= 50, "{}", fault.hits());
}

fn damaged_packets_fail_their_checksum_and_no_byte_changes(driver: Driver) {
    let Some(_alone) = crate::wire_alone() else { return };
    let bench = Bench::new(driver);
    let fault = bench.link.inject(packet_corruption(5.percent()).in_kernel().unwrap().downstream());
    let before = count("InErrs");
    carries(&bench, bench.connect(), 1 << 20);
    let refused = count("InErrs") - before;
    assert!(fault.hits() >= 20, "{}", fault.hits());
    // The checksum of every one of them was wrong; a few may have no header left to look at.
    assert!(refused * 10 >= fault.hits() * 5, "{refused} refused of {}", fault.hits());
}

fn delayed_packets_delay_each_way(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    let fault = bench.link.inject(packet_delay(20.ms()).in_kernel().unwrap());
    for _ in 0..5 {
        assert!(round_trip(&mut client, b"ping") >= 40.ms());
    }
    eventually("counting", || fault.hits() >= 10);
    fault.clear();
    let one_way = bench.link.inject(packet_delay(20.ms()).in_kernel().unwrap().downstream());
    let fastest = (0..20).map(|_| round_trip(&mut client, b"ping")).min().unwrap();
    assert!((20.ms()..40.ms()).contains(&fastest), "{fastest:?}");
    one_way.clear();
    let fastest = (0..20).map(|_| round_trip(&mut client, b"ping")).min().unwrap();
    assert!(fastest < 20.ms(), "{fastest:?}");
}

fn a_fault_that_is_cleared_leaves_the_connection_alone(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let mut client = bench.connect();
    round_trip(&mut client, b"before");
    let fault = bench.link.inject(loss(100.percent()).in_kernel().unwrap());
    client.write_all(b"lost").unwrap();
    eventually("losing", || fault.hits() > 0);
    for _ in 0..2 {
        bench.service.got.recv_timeout(Duration::from_millis(100)).ok();
    }
    fault.clear();
    let (bytes, _) = {
        let mut bytes = [0; 4];
        std::io::Read::read_exact(&mut client, &mut bytes).unwrap();
        (bytes, ())
    };
    assert_eq!(&bytes, b"lost");
    for _ in 0..50 {
        round_trip(&mut client, b"after");
    }
    assert_eq!(bench.scope.faults()[0].vacuity(), None);
}

fn all_faults_at_once_and_those_of_the_stream_beside_them(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let client = bench.connect();
    let faults = [
        bench.link.inject(loss(1.percent()).in_kernel().unwrap()),
        bench.link.inject(packet_duplication(2.percent()).in_kernel().unwrap()),
        bench.link.inject(latency(1.ms())),
        bench.link.inject(reordering(2.percent()).in_kernel().unwrap()),
        bench.link.inject(packet_corruption(1.percent()).in_kernel().unwrap()),
        bench.link.inject(packet_delay(1.ms()..=2.ms()).in_kernel().unwrap()),
    ];
    carries(&bench, client, 1 << 20);
    for fault in &faults {
        eventually("acting", || fault.hits() > 0);
    }
}

fn a_cut_and_a_reset_reach_both_sides_across_the_wire(driver: Driver) {
    let Some(_wire) = crate::shared_wire() else { return };
    let bench = Bench::new(driver);
    let _everything_is_lost =
        bench.link.inject(loss(100.percent()).in_kernel().unwrap().may_be_idle());
    let mut client = bench.connect();
    eventually("accepting", || bench.link.connections().open == 1);
    drop(bench.link.inject(cut()));
    assert_eq!(read_all(&mut client), (vec![], Ok(())));
    assert_eq!(bench.got(), Ok(vec![]));
    eventually("closing", || bench.link.connections().open == 0);
    let mut client = bench.connect();
    eventually("accepting", || bench.link.connections().open == 1);
    drop(bench.link.inject(reset()));
    assert_eq!(read_all(&mut client).1, Err(std::io::ErrorKind::ConnectionReset));
    assert_eq!(bench.got(), Err(std::io::ErrorKind::ConnectionReset));
}
