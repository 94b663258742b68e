//! What is decided for each of many connections that are open at once.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Barrier};
use std::thread;

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::client::{Driver, on_both_drivers};
use crate::support::{Bench, eventually};

on_both_drivers![
    a_thousand_connections_at_once_are_decided_by_seed_and_ordinal_alone,
    links_of_one_attempt_are_decided_apart,
];

const CONNECTIONS: usize = 1_000;

/// What became of a connection: which faults touched it, how it ended, and how many bytes were
/// delivered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Decided {
    touched_by: Vec<u64>,
    was_cut: bool,
    upstream_bytes: u64,
    downstream_bytes: u64,
}

/// Opens connections from many threads at once, all before anything is sent on any of them, and says
/// what was decided for each, by ordinal.
fn decided(
    bench: &Bench,
    threads: usize,
    connections: usize,
    faults: &[Fault],
) -> BTreeMap<u64, Decided> {
    let _guards: Vec<_> = faults.iter().map(|fault| bench.link.inject(fault.clone())).collect();
    let start = Arc::new(Barrier::new(threads));
    let opening = (0..threads).map(|_| {
        let (start, link, driver) = (Arc::clone(&start), bench.link.clone(), bench.driver);
        thread::spawn(move || {
            start.wait();
            let opened = (0..connections / threads).map(|_| driver.connect(&link).unwrap());
            let mut opened: Vec<_> = opened.collect();
            start.wait();
            for stream in &mut opened {
                stream.write_all(b"ping").unwrap();
                stream.finish();
            }
            for stream in &mut opened {
                stream.read_to_end(&mut Vec::new()).unwrap();
            }
        })
    });
    for thread in opening.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    // What acted last is noted by then.
    eventually("closing all", || bench.link.connections().open == 0);
    let mut touched = BTreeMap::<_, Vec<_>>::new();
    let mut decided = BTreeMap::new();
    for event in bench.scope.journal().events() {
        match event.what {
            EventKind::FaultHit { fault, connection } => {
                touched.entry(connection).or_default().push(fault.0);
            }
            EventKind::ConnectionClosed {
                connection,
                how,
                upstream_bytes,
                downstream_bytes,
                ..
            } => {
                let mut touched_by = touched.remove(&connection).unwrap_or_default();
                touched_by.sort_unstable();
                let was_cut = how == ConnectionEnd::Cut;
                let it = Decided { touched_by, was_cut, upstream_bytes, downstream_bytes };
                decided.insert(connection, it);
            }
            _ => {}
        }
    }
    assert_eq!(decided.len(), connections);
    decided
}

/// Has this process have as many descriptors as it may: every connection takes up to four.
fn allow_many_descriptors() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    }
}

fn a_thousand_connections_at_once_are_decided_by_seed_and_ordinal_alone(driver: Driver) {
    allow_many_descriptors();
    let faults = [
        corrupt_every(4).on(20.percent()).into(),
        corrupt(20.percent()).upstream().into(),
        duplicate(20.percent()).downstream().into(),
        reordering(20.percent()).upstream().round_trip(2.ms()).into(),
        limit(3).downstream().on(20.percent()).into(),
    ];
    let run = |seed, threads| decided(&Bench::seeded(driver, seed), threads, CONNECTIONS, &faults);
    let first = run(3, 20);
    for fault in 1..=faults.len() as u64 {
        // 200 with a standard deviation of 13: five of them are never exceeded by chance.
        let count = first.values().filter(|it| it.touched_by.contains(&fault)).count();
        assert!((135..=265).contains(&count), "fault {fault} touched {count} of 1000 at 20 %");
    }
    // The faults are independent: of their 32 combinations all that are likely occur.
    let mut kinds: Vec<_> = first.values().collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.len() >= 20, "{kinds:#?}");
    // In another order, as other threads open them.
    assert_eq!(run(3, 4), first);
    assert_ne!(run(4, 20), first);
}

fn links_of_one_attempt_are_decided_apart(driver: Driver) {
    let faults = [corrupt(50.percent()).upstream().into()];
    // In a scope of its own, so that the fault has the same number on each link.
    let run = |name| {
        let scope = Scope::new(Seed(7), Journal::in_memory());
        decided(&Bench::named(driver, name, &scope), 2, 100, &faults)
    };
    assert_eq!(run("postgres"), run("postgres"));
    assert_ne!(run("postgres"), run("redis"));
}
