//! The files of the run: what its attempts printed, and the journal of one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chaos_core::event::{Event, EventKind, FaultId};
use chaos_core::journal::Journal;
use chaos_core::outcome::Outcome;
use chaos_core::prelude::*;

/// Writes the files that the events name.
pub(crate) fn write_files(directory: &Path) {
    fs::create_dir_all(directory.join("refused")).unwrap();
    fs::write(directory.join("refused/attempt-1.stdout"), "connected after 3 attempts\n").unwrap();
    let of_test = directory.join("bank.money_is_conserved");
    fs::create_dir_all(&of_test).unwrap();
    let journal = Journal::create(&of_test.join("attempt-4.jsonl")).unwrap();
    for event in journal_of_money() {
        journal.record_at(event.time(), event.what);
    }
    journal.finish().unwrap();
    let lines: String = (1..=30).map(|line| format!("retrying transfer {line}\n")).collect();
    let panic = "\x1b[31mthread 'main' panicked\x1b[0m at tests/chaos.rs:41:8\n";
    fs::write(of_test.join("attempt-4.stderr"), lines + panic).unwrap();
}

fn journal_of_money() -> Vec<Event> {
    let mut events = Vec::new();
    let mut push = |at_ms: u64, what| events.push(Event::new(Duration::from_millis(at_ms), what));
    push(0, EventKind::PhaseStarted { phase: "calm 1s".to_owned() });
    let spec: Fault = latency(80.ms()..=120.ms()).downstream().into();
    push(1_000, started(1, "latency 80ms–120ms ↓", spec));
    push(8_000, EventKind::FaultEnded { fault: FaultId(1), hits: 312, connections: 8 });
    push(8_500, started(2, "cut", cut().into()));
    push(9_300, EventKind::FaultEnded { fault: FaultId(2), hits: 8, connections: 8 });
    for ms in (0..12_000_u64).step_by(5) {
        let outcome = match ms {
            1_000..8_000 if ms % 50 > 0 => continue,
            8_500..8_700 => Outcome::Unknown,
            8_700..9_600 if ms % 50 == 0 => Outcome::Failed,
            8_700..9_600 => continue,
            _ => Outcome::Ok,
        };
        let error = (outcome != Outcome::Ok).then(|| "connection closed".to_owned());
        push(ms, EventKind::Operation { client: 0, began: 0, outcome, error, sqlstate: None });
    }
    events
}

fn started(fault: u64, label: &str, spec: Fault) -> EventKind {
    EventKind::FaultStarted {
        fault: FaultId(fault),
        target: "postgres".to_owned(),
        label: label.to_owned(),
        spec: spec.into(),
    }
}
