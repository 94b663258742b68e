//! The round trip of a small message.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Ways, connect, median, micros, quantile, serve};

const ROUNDS: usize = 9;
const ROUND_TRIPS: usize = 2_000;
const WARM_UP: usize = 200;
const MESSAGE: [u8; 64] = [7; 64];

/// Measures and prints.
pub fn run() {
    let ways = Ways::to(serve(echo));
    let mut streams: Vec<_> = ways.named.iter().map(|(_, address)| connect(*address)).collect();
    let mut p50s = vec![Vec::new(); streams.len()];
    let mut p99s = vec![Vec::new(); streams.len()];
    for _ in 0..ROUNDS {
        for (way, stream) in streams.iter_mut().enumerate() {
            let mut times: Vec<_> =
                (0..WARM_UP + ROUND_TRIPS).map(|_| round_trip(stream)).skip(WARM_UP).collect();
            p50s[way].push(micros(quantile(&mut times, 0.5)));
            p99s[way].push(micros(quantile(&mut times, 0.99)));
        }
    }
    let direct = median(&mut p50s[0]);
    println!("round trip of 64 B            p50 µs    p99 µs    p50 / direct");
    for (way, (name, _)) in ways.named.iter().enumerate() {
        let p50 = median(&mut p50s[way]);
        let p99 = median(&mut p99s[way]);
        println!("  {name:26} {p50:8.1}  {p99:8.1}    {:8.2}", p50 / direct);
    }
    println!("  (the link is to stay below 2.3)\n");
}

pub(super) fn echo(mut stream: impl Read + Write) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

pub(super) fn round_trip(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    stream.write_all(&MESSAGE).expect("an open connection");
    stream.read_exact(&mut [0; MESSAGE.len()]).expect("a reply");
    begun.elapsed()
}
