//! How much later than asked a delayed message arrives.

use std::thread;
use std::time::Duration;

use chaos_core::prelude::*;

use super::round_trip::{echo, round_trip};
use super::{connect, link_to, micros, quantile, serve};

/// What is asked for, and how often.
const ASKED: [(Duration, usize); 4] = [
    (Duration::from_micros(200), 1_200),
    (Duration::from_millis(1), 1_000),
    (Duration::from_millis(5), 240),
    (Duration::from_millis(50), 80),
];

const ROUNDS: usize = 4;

/// Measures and prints.
///
/// A machine that has slept for a while is slower to answer, delay or not. So each figure is
/// compared with round trips through the same link without a fault, after a pause as long as the
/// delay.
pub fn run() {
    let link = link_to(serve(echo));
    let mut stream = connect(link.address());
    println!("latency upstream, asked for      later than asked     less the idle round trip");
    println!("                              p50 µs    p99 µs       p50 µs    p99 µs");
    for (asked, count) in ASKED {
        let mut idle = Vec::new();
        let mut late = Vec::new();
        for _ in 0..ROUNDS {
            for _ in 0..count / ROUNDS {
                thread::sleep(asked);
                idle.push(round_trip(&mut stream));
            }
            let slow = link.inject(latency(asked).upstream());
            for _ in 0..count / ROUNDS {
                late.push(round_trip(&mut stream).saturating_sub(asked));
            }
            slow.clear();
        }
        let idle = micros(quantile(&mut idle, 0.5));
        let (p50, p99) = (micros(quantile(&mut late, 0.5)), micros(quantile(&mut late, 0.99)));
        let asked = format!("{asked:?}");
        println!("  {asked:26} {p50:8.1}  {p99:8.1}     {:8.1}  {:8.1}", p50 - idle, p99 - idle);
    }
    println!("  (less the idle round trip, to stay below 50 and 200)");
}
