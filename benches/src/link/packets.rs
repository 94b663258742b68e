//! The model of lost packets beside the kernel that it is a model of.
//!
//! Both lose the same part of the packets in both directions, on connections of the same round trip,
//! in one run. The model is one of CUBIC, so it is judged by the kernel's CUBIC: it is off where a
//! quantile of it is more than twice the kernel's, or less than half. A quantile at which one of the
//! two has just lost packets and the other has not yet compares luck; so the share of late round trips
//! is compared too.
//!
//! BBR stands beside them, as a machine may have it by default: it keeps sending at the rate that it
//! measured whatever is lost, so its transfers are many times faster than those of any sender that
//! takes losses for congestion.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::fault::Fault;
use chaos_core::packets::use_congestion_control;
use chaos_core::prelude::*;

use super::{connect, link_to, quantile, serve};

/// What the kernel avoids congestion by.
const CONTROLS: [&str; 2] = ["cubic", "bbr"];
const LOSSES: [u32; 3] = [1, 5, 10];
/// Connections at a time: what they wait for is time, so they do not disturb each other.
const CONNECTIONS: usize = 32;
const ROUND_TRIPS: usize = 100;
/// Transfers at a time. Timeouts are few and long, so that one transfer would measure luck.
const TRANSFERS: usize = 8;
const BULK_TIME: Duration = Duration::from_secs(3);
/// Round trips of transfers: of a near network and of a far one.
///
/// On a busy machine the wire adds milliseconds to each way, which would count at a shorter one.
const BULK_ONE_WAYS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(40)];
/// Messages of a segment and of four: who loses one of those has others that tell.
const LENGTHS: [usize; 2] = [64, 4 * 1448];
/// What Linux waits at least before it sends something again.
const LATE: Duration = Duration::from_millis(190);
/// A round trip that hardly depends on how busy the machine is.
const ONE_WAY: Duration = Duration::from_millis(2);

/// Measures and prints.
pub fn run() {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    let known = known.unwrap_or_default();
    if let Some(missing) =
        CONTROLS.iter().find(|name| known.split_whitespace().all(|it| it != **name))
    {
        println!(
            "packets: not compared; this kernel has no {missing} (`modprobe tcp_{missing}`)\n"
        );
        return;
    }
    let base = packet_delay(ONE_WAY);
    if let Err(error) = base.clone().in_kernel() {
        println!("packets: not compared; {error}\n");
        return;
    }
    println!(
        "packets lost in both directions, round trip {:?}; the model is one of CUBIC, while BBR does not \
         take losses for congestion",
        ONE_WAY * 2,
    );
    println!("                               model       CUBIC         BBR   model / CUBIC");
    for percent in LOSSES {
        println!("  {percent} % loss");
        for length in LENGTHS {
            let Some(ways) = ways_of(percent, ONE_WAY) else { return };
            let mut times = ways.map(|way| way.measure(|faults| ping_pong(faults, length)));
            println!("   round trips of {length} B");
            for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
                let quantiles = times.each_mut().map(|times| quantile(times, share)).map(millis);
                line(&format!("{name}, ms"), quantiles);
            }
            line("late ones, %", times.map(|times| late(&times)));
        }
        println!("   bulk downstream");
        for one_way in BULK_ONE_WAYS {
            let Some(ways) = ways_of(percent, one_way) else { return };
            let name = format!("at {:?}, MB/s", one_way * 2);
            line(&name, ways.map(|way| way.measure(bulk)));
        }
    }
    println!();
}

/// Something that loses packets.
struct Way {
    faults: [Fault; 2],
    /// How its connections avoid congestion, if the kernel does that.
    congestion_control: Option<&'static str>,
}

impl Way {
    fn measure<T>(&self, measure: impl FnOnce(&[Fault]) -> T) -> T {
        use_congestion_control(self.congestion_control);
        let measured = measure(&self.faults);
        use_congestion_control(None);
        measured
    }
}

/// The model, the kernel's CUBIC and its BBR, which lose so much; none where the wire is gone.
fn ways_of(percent: u32, one_way: Duration) -> Option<[Way; 3]> {
    let lost = || loss(f64::from(percent).percent());
    let model = [latency(one_way).into(), lost().round_trip(one_way * 2).into()];
    let (Ok(delay), Ok(lost)) = (packet_delay(one_way).in_kernel(), lost().in_kernel()) else {
        println!("  the wire is gone\n");
        return None;
    };
    let kernel = |name| Way {
        faults: [delay.clone().into(), lost.clone().into()],
        congestion_control: Some(name),
    };
    let model = Way { faults: model, congestion_control: None };
    let [cubic, bbr] = CONTROLS.map(kernel);
    Some([model, cubic, bbr])
}

fn line(name: &str, [model, cubic, bbr]: [f64; 3]) {
    println!("    {name:24} {model:9.2}   {cubic:9.2}   {bbr:9.2}   {:13.2}", model / cubic);
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn late(times: &[Duration]) -> f64 {
    let late = times.iter().filter(|took| **took >= LATE).count();
    100.0 * late as f64 / times.len() as f64
}

/// How long requests of so many bytes and as long answers take, on many connections, on each of them
/// one after the other.
fn ping_pong(faults: &[Fault], length: usize) -> Vec<Duration> {
    let link = link_to(serve(move |mut stream: TcpStream| {
        let mut message = vec![0; length];
        while stream.read_exact(&mut message).is_ok() && stream.write_all(&message).is_ok() {}
    }));
    let _active: Vec<_> = faults.iter().map(|fault| link.inject(fault.clone())).collect();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = connect(link.address());
            thread::spawn(move || -> Vec<_> {
                let mut message = vec![0; length];
                let mut exchange = || {
                    let begun = Instant::now();
                    stream.write_all(&message).expect("an open connection");
                    stream.read_exact(&mut message).expect("an answer");
                    begun.elapsed()
                };
                (0..ROUND_TRIPS).map(|_| exchange()).collect()
            })
        })
        .collect();
    clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
}

/// How many megabytes a second come on a connection of a server that sends all the time.
fn bulk(faults: &[Fault]) -> f64 {
    let link = link_to(serve(|mut stream: TcpStream| {
        let bytes = [7; 64 << 10];
        while stream.write_all(&bytes).is_ok() {}
    }));
    let _active: Vec<_> = faults.iter().map(|fault| link.inject(fault.clone())).collect();
    let clients: Vec<_> = (0..TRANSFERS)
        .map(|_| {
            let mut stream = connect(link.address());
            thread::spawn(move || received(&mut stream))
        })
        .collect();
    let rates = clients.into_iter().map(|client| client.join().expect("a client"));
    rates.sum::<f64>() / TRANSFERS as f64
}

fn received(stream: &mut TcpStream) -> f64 {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    let begun = Instant::now();
    while begun.elapsed() < BULK_TIME {
        total += stream.read(&mut buffer).expect("an open connection");
    }
    total as f64 / 1e6 / begun.elapsed().as_secs_f64()
}
