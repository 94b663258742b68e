//! The model of lost packets beside the kernel that it is a model of.
//!
//! Both lose the same part of the packets in both directions, on connections of the same round trip,
//! in one run. The model is off where a quantile of it is more than twice the kernel's, or less than
//! half. A quantile at which one of the two has just lost packets and the other has not yet compares
//! luck; so the share of late round trips is compared too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::fault::Fault;
use chaos_core::prelude::*;

use super::round_trip::{echo, round_trip};
use super::{connect, link_to, median, quantile, serve};

const LOSSES: [u32; 3] = [1, 5, 10];
/// Connections at a time: what they wait for is time, so they do not disturb each other.
const CONNECTIONS: usize = 32;
const ROUND_TRIPS: usize = 100;
const BULK_TIME: Duration = Duration::from_secs(2);
const BULK_ROUNDS: usize = 3;
/// What Linux waits at least before it sends something again.
const LATE: Duration = Duration::from_millis(190);
/// A round trip that hardly depends on how busy the machine is.
const ONE_WAY: Duration = Duration::from_millis(2);

/// Measures and prints.
pub fn run() {
    let base = packet_delay(ONE_WAY);
    if let Err(error) = base.clone().in_kernel() {
        println!("packets: not compared; {error}\n");
        return;
    }
    let control = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    let control = control.unwrap_or_default();
    println!(
        "packets lost in both directions, round trip {:?}, congestion control of the kernel: {}",
        ONE_WAY * 2,
        control.trim()
    );
    println!("                               model      kernel   model / kernel");
    for percent in LOSSES {
        let lost = || loss(f64::from(percent).percent());
        let model: [Fault; 2] = [latency(ONE_WAY).into(), lost().round_trip(ONE_WAY * 2).into()];
        let (Ok(delay), Ok(lost)) = (packet_delay(ONE_WAY).in_kernel(), lost().in_kernel()) else {
            println!("  the wire is gone\n");
            return;
        };
        let kernel: [Fault; 2] = [delay.into(), lost.into()];
        let mut modelled = ping_pong(&model);
        let mut real = ping_pong(&kernel);
        println!("  {percent} % loss");
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
            let (model, kernel) = (quantile(&mut modelled, share), quantile(&mut real, share));
            line(&format!("{name} of a round trip, ms"), millis(model), millis(kernel));
        }
        line("late round trips, %", late(&modelled), late(&real));
        let (mut modelled, mut real) = (Vec::new(), Vec::new());
        for _ in 0..BULK_ROUNDS {
            modelled.push(bulk(&model));
            real.push(bulk(&kernel));
        }
        line("bulk downstream, MB/s", median(&mut modelled), median(&mut real));
    }
    println!();
}

fn line(name: &str, model: f64, kernel: f64) {
    println!("    {name:24} {model:9.2}   {kernel:9.2}   {:9.2}", model / kernel);
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn late(times: &[Duration]) -> f64 {
    let late = times.iter().filter(|took| **took >= LATE).count();
    100.0 * late as f64 / times.len() as f64
}

/// How long requests of many connections take, each one after the other.
fn ping_pong(faults: &[Fault]) -> Vec<Duration> {
    let link = link_to(serve(echo));
    let _active: Vec<_> = faults.iter().map(|fault| link.inject(fault.clone())).collect();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = connect(link.address());
            thread::spawn(move || -> Vec<_> {
                (0..ROUND_TRIPS).map(|_| round_trip(&mut stream)).collect()
            })
        })
        .collect();
    clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
}

/// How many megabytes a second come of a server that sends all the time.
fn bulk(faults: &[Fault]) -> f64 {
    let link = link_to(serve(|mut stream: TcpStream| {
        let bytes = [7; 64 << 10];
        while stream.write_all(&bytes).is_ok() {}
    }));
    let _active: Vec<_> = faults.iter().map(|fault| link.inject(fault.clone())).collect();
    let mut stream = connect(link.address());
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    let begun = Instant::now();
    while begun.elapsed() < BULK_TIME {
        total += stream.read(&mut buffer).expect("an open connection");
    }
    total as f64 / 1e6 / begun.elapsed().as_secs_f64()
}
