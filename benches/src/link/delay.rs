//! How much later than asked a delayed message arrives.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use chaos_core::prelude::*;

use super::round_trip::{echo, round_trip};
use super::toxiproxy::Toxiproxy;
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
/// compared with round trips through the same way without a fault, after a pause as long as the
/// delay.
pub fn run() {
    let server = serve(echo);
    let link = link_to(server);
    let toxiproxy = Toxiproxy::to(server);
    println!("latency upstream, asked for      later than asked     less the idle round trip");
    println!("                              p50 µs    p99 µs       p50 µs    p99 µs");
    for (asked, count) in ASKED {
        let late = lateness(link.address(), asked, count, || {
            let slow = link.inject(latency(asked).upstream());
            Ok(move || {
                slow.clear();
                Ok(())
            })
        });
        print_row(&format!("{asked:?}"), late);
        // It knows whole milliseconds only.
        if let Some(toxiproxy) = toxiproxy.as_ref().filter(|_| asked.subsec_micros() % 1_000 == 0) {
            let late = lateness(toxiproxy.address(), asked, count, || {
                toxiproxy.set_latency(asked)?;
                Ok(|| toxiproxy.set_latency(Duration::ZERO))
            });
            print_row(&format!("{asked:?} by Toxiproxy"), late);
        }
    }
    println!("  (of the link, less the idle round trip, to stay below 50 and 200)");
}

fn print_row(name: &str, late: io::Result<[f64; 3]>) {
    match late {
        Ok([p50, p99, idle]) => {
            println!("  {name:26} {p50:8.1}  {p99:8.1}     {:8.1}  {:8.1}", p50 - idle, p99 - idle);
        }
        Err(error) => println!("  {name:26} {error}"),
    }
}

/// How much later than asked messages arrive, the median and the worst but one in a hundred, and how
/// long an idle round trip takes, in microseconds. `begin` begins the delay, and what it returns ends it.
fn lateness<End: FnOnce() -> io::Result<()>>(
    address: SocketAddr,
    asked: Duration,
    count: usize,
    begin: impl Fn() -> io::Result<End>,
) -> io::Result<[f64; 3]> {
    let mut stream = connect(address);
    let mut idle = Vec::new();
    let mut late = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 0..count / ROUNDS {
            thread::sleep(asked);
            idle.push(round_trip(&mut stream));
        }
        let end = begin()?;
        for _ in 0..count / ROUNDS {
            late.push(round_trip(&mut stream).saturating_sub(asked));
        }
        end()?;
    }
    let idle = micros(quantile(&mut idle, 0.5));
    Ok([micros(quantile(&mut late, 0.5)), micros(quantile(&mut late, 0.99)), idle])
}
