//! How fast a lot of data passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::prelude::*;

use super::toxiproxy::Toxiproxy;
use super::{Ways, connect, link_to, median, serve};

const ROUNDS: usize = 5;
const BYTES: usize = 192 << 20;
const BYTES_DELAYED: usize = 512 << 20;

/// Measures and prints.
pub fn run() {
    let sink = serve(swallow);
    let ways = Ways::to(sink);
    let mut rates = vec![Vec::new(); ways.named.len()];
    for _ in 0..ROUNDS {
        for (way, (_, address)) in ways.named.iter().enumerate() {
            rates[way].push(rate(*address, BYTES, Duration::ZERO));
        }
    }
    let direct = median(&mut rates[0]);
    println!("bulk in writes of 128 KiB       MB/s    / direct");
    for (way, (name, _)) in ways.named.iter().enumerate() {
        let rate = median(&mut rates[way]);
        println!("  {name:26} {rate:8.0}    {:8.2}", rate / direct);
    }
    println!("  (the link is to stay above 0.55)\n");

    let link = link_to(sink);
    let delay = Duration::from_millis(50);
    let mut rates = Vec::new();
    for _ in 0..3 {
        let slow = link.inject(latency(delay));
        rates.push(rate(link.address(), BYTES_DELAYED, delay * 2));
        slow.clear();
    }
    println!("bulk under 50 ms of latency     MB/s");
    println!("  {:26} {:8.0}", "link", median(&mut rates));
    if let Some(toxiproxy) = Toxiproxy::to(sink) {
        match through(&toxiproxy, delay) {
            Ok(mut rates) => println!("  {:26} {:8.0}", "Toxiproxy", median(&mut rates)),
            Err(error) => println!("  {:26} {error}", "Toxiproxy"),
        }
    }
    println!("  (to stay above 250)\n");
}

/// As for the link. One direction is delayed, and the time on the way is that of one.
fn through(toxiproxy: &Toxiproxy, delay: Duration) -> std::io::Result<Vec<f64>> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        toxiproxy.set_latency(delay)?;
        rates.push(rate(toxiproxy.address(), BYTES_DELAYED, delay));
        toxiproxy.set_latency(Duration::ZERO)?;
    }
    Ok(rates)
}

/// Sends `bytes` bytes and waits for the server to have read them; megabytes a second.
fn rate(address: SocketAddr, bytes: usize, on_the_way: Duration) -> f64 {
    let mut stream = connect(address);
    let chunk = vec![7; 128 << 10];
    let begun = Instant::now();
    for _ in 0..bytes / chunk.len() {
        stream.write_all(&chunk).expect("an open connection");
    }
    stream.shutdown(Shutdown::Write).expect("an open connection");
    let mut count = [0; 8];
    stream.read_exact(&mut count).expect("the count of the server");
    assert_eq!(u64::from_le_bytes(count), bytes as u64, "bytes were lost");
    let took = begun.elapsed().saturating_sub(on_the_way);
    // The server closes its side, too: the next round is not to pay for the end of this one.
    thread::sleep(Duration::from_millis(5));
    bytes as f64 / took.as_secs_f64() / 1e6
}

/// Reads to the end, and answers how much that was.
fn swallow(mut stream: TcpStream) {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0_u64;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        total += count as u64;
    }
    let _gone = stream.write_all(&total.to_le_bytes());
}
