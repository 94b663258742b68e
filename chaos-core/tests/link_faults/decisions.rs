//! What is decided for each of many connections that are opened at once.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;

use chaos_core::event::EventKind;
use chaos_core::prelude::*;

use crate::support::{Bench, eventually, patient};

const CONNECTIONS: usize = 1_000;
const THREADS: usize = 20;

/// Opens connections from many threads at once, with a message on each. Says which ordinals each of
/// these faults touched.
fn touched(seed: u64, faults: &[Fault]) -> BTreeMap<u64, Vec<u64>> {
    let bench = Bench::seeded(seed);
    let guards: Vec<_> = faults.iter().map(|fault| bench.link.inject(fault.clone())).collect();
    let start = Arc::new(Barrier::new(THREADS));
    let opening = (0..THREADS).map(|_| {
        let (start, address) = (Arc::clone(&start), bench.link.address());
        thread::spawn(move || {
            start.wait();
            for _ in 0..CONNECTIONS / THREADS {
                let mut stream = patient(TcpStream::connect(address).unwrap());
                stream.write_all(b"ping").unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
            }
        })
    });
    for thread in opening.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    // What acted last is noted by then.
    eventually("closing all", || bench.link.connections().open == 0);
    let mut touched = BTreeMap::<_, Vec<_>>::new();
    for event in bench.scope.journal().events() {
        if let EventKind::FaultHit { fault, connection } = event.what {
            touched.entry(fault.0).or_default().push(connection);
        }
    }
    touched.values_mut().for_each(|connections| connections.sort_unstable());
    drop(guards);
    touched
}

#[test]
fn a_thousand_connections_at_once_are_decided_by_seed_and_ordinal_alone() {
    let faults = [
        corrupt_every(4).on(20.percent()).into(),
        corrupt(20.percent()).upstream().into(),
        duplicate(20.percent()).downstream().into(),
        reordering(20.percent()).upstream().round_trip(2.ms()).into(),
    ];
    let first = touched(3, &faults);
    assert_eq!(first.len(), faults.len());
    for (fault, connections) in &first {
        // 200 with a standard deviation of 13: five of them are never exceeded by chance.
        let count = connections.len();
        assert!((135..=265).contains(&count), "fault {fault} touched {count} of 1000 at 20 %");
    }
    assert_eq!(touched(3, &faults), first);
    assert_ne!(touched(4, &faults), first);
}
