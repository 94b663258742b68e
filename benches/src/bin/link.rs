//! What a link costs while no fault is active, and how well a delay is kept.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin link                  # all of it
//! cargo run --release -p chaos-benches --bin link -- bulk          # or only some of its parts
//! ```
//!
//! Everything that is compared is measured in turns within one run, because figures of two runs on
//! a busy machine cannot be compared. Judge by the ratios.
//!
//! With the address of the API of a Toxiproxy in `CHAOS_BENCH_TOXIPROXY`, or of any server that is
//! compatible with it, that is measured beside the link.

use chaos_benches::link::{bulk, delay, many, messages, packets, postgres, round_trip, stream};

fn main() {
    // The wire on which packets are lost, and what supervises PostgreSQL, are this program again.
    chaos_core::packets::serve_if_asked();
    chaos_core::postgres::supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    let parts: [(&str, fn()); 8] = [
        ("round_trip", round_trip::run),
        ("stream", stream::run),
        ("postgres", postgres::run),
        ("messages", messages::run),
        ("bulk", bulk::run),
        ("delay", delay::run),
        ("many", many::run),
        ("packets", packets::run),
    ];
    if let Some(unknown) = wanted.iter().find(|name| parts.iter().all(|(part, _)| part != name)) {
        eprintln!("there is no part {unknown:?}; the parts are:");
        parts.iter().for_each(|(part, _)| eprintln!("  {part}"));
        std::process::exit(2);
    }
    println!("Link, on loopback; medians of several rounds taken in turns\n");
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}
