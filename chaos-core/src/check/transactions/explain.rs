//! Says why one transaction comes before another.

use super::cycles::Cycle;
use super::graph::Edges;
use super::log::{Append, Log, NONE, Read};

/// Why each transaction of a cycle comes before the next.
pub(super) fn explain(log: &Log, cycle: &Cycle) -> Vec<String> {
    let next = cycle.steps.iter().cycle().skip(1);
    let steps = cycle.steps.iter().zip(next);
    steps.map(|((before, kind), (after, _))| reason(log, *before, *after, *kind)).collect()
}

fn reason(log: &Log, before: u32, after: u32, kind: Edges) -> String {
    let (one, other) = (log.title(before), log.title(after));
    let why = match kind {
        Edges::WW => overwrote(log, before, after),
        Edges::WR => saw(log, before, after),
        Edges::RW => did_not_see(log, before, after),
        Edges::PROCESS => Some(format!("{one} came before it in the same process")),
        _ => Some(format!("{one} had completed before {other} was invoked")),
    };
    let why = why.unwrap_or_else(|| "of what was read and written".to_owned());
    format!("{one} comes before {other}: {why}")
}

fn overwrote(log: &Log, before: u32, after: u32) -> Option<String> {
    for later in log.appends_of(after) {
        for earlier in log.appends_of(before).iter().rev() {
            if earlier.key != later.key || earlier.position == NONE {
                continue;
            }
            let order = &log.keys[later.key as usize].order;
            let follows = if later.position == NONE {
                earlier.position as usize + 1 == order.len()
            } else {
                earlier.position + 1 == later.position
            };
            if follows {
                return Some(format!(
                    "{} wrote {} to {} after {}, which {} had written",
                    log.title(after),
                    log.element(later.element),
                    log.name(later.key),
                    log.element(earlier.element),
                    log.title(before),
                ));
            }
        }
    }
    overwrote_by_assumption(log, before, after)
}

/// The same for values without versions.
fn overwrote_by_assumption(log: &Log, before: u32, after: u32) -> Option<String> {
    let first = log.transactions[before as usize].appends;
    (first..).zip(log.appends_of(before)).find_map(|(number, earlier)| {
        let mut next = log.successors(number).map(|next| log.appends[next as usize]);
        let later = next.find(|next| next.transaction == after)?;
        Some(format!(
            "{} wrote {} to {} after {}, which {} had written",
            log.title(after),
            log.element(later.element),
            log.name(later.key),
            log.element(earlier.element),
            log.title(before),
        ))
    })
}

fn saw(log: &Log, before: u32, after: u32) -> Option<String> {
    let of =
        |read: &&Read| read.last != NONE && log.appends[read.last as usize].transaction == before;
    let read = log.reads_of(after).iter().find(of)?;
    Some(format!(
        "{} read {} {} {}, which {} had written",
        log.title(after),
        log.name(read.key),
        log.read_as(),
        log.element(log.appends[read.last as usize].element),
        log.title(before),
    ))
}

fn did_not_see(log: &Log, before: u32, after: u32) -> Option<String> {
    for read in log.reads_of(before).iter().filter(|read| read.version != NONE) {
        let missed = log.appends_of(after).iter().find(|append| {
            append.key == read.key && (append.position == NONE || append.position >= read.version)
        });
        if let Some(append) = missed {
            let state = if read.last == NONE {
                "its initial state".to_owned()
            } else {
                let last = log.appends[read.last as usize];
                format!("{} {}", log.read_as(), log.element(last.element))
            };
            return Some(missed_write(log, before, &state, append));
        }
    }
    missed_successor(log, before, after)
}

fn missed_write(log: &Log, reader: u32, state: &str, append: &Append) -> String {
    format!(
        "{} read {} {state}, and not {}, which {} wrote",
        log.title(reader),
        log.name(append.key),
        log.element(append.element),
        log.title(append.transaction),
    )
}

/// The same for values without versions.
fn missed_successor(log: &Log, before: u32, after: u32) -> Option<String> {
    log.reads_of(before).iter().filter(|read| read.version == NONE).find_map(|read| {
        let mut next = log.successors(read.last).map(|next| log.appends[next as usize]);
        let next = next.find(|next| next.transaction == after)?;
        let state = format!("as {}", log.element(log.appends[read.last as usize].element));
        Some(missed_write(log, before, &state, &next))
    })
}
