//! Registers: values that are overwritten, with a version column or without one.
//!
//! A *version* is a number that each write of a row makes greater. So it tells the whole order of the
//! writes, and every dependency is known. A plain *value* only tells who wrote it, if no two writes of
//! a key have the same: who came first is known of the initial state, and of what a test
//! [assumes](super::KeyOrder) beside that.

use std::collections::{BTreeMap, HashMap};

use super::anomaly::{Anomaly, AnomalyKind};
use super::datum::Code;
use super::log::{Log, NONE, Status};

/// What the values of a history are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    /// Lists, which are appended to.
    #[default]
    Lists,
    /// Values, which are overwritten.
    Values,
    /// Values with a version number.
    Versions,
}

/// What was written, or read, as far as it is known. Neither is known of an initial state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) version: Option<i64>,
    pub(super) value: Option<Code>,
}

impl Cell {
    /// The state before the first write.
    pub(super) const INITIAL: Self = Self { version: None, value: None };

    /// Whether what is known of both agrees.
    pub(super) fn agrees(self, other: Self) -> bool {
        self.version == other.version && self.fits(other)
    }

    /// Whether it may be the same as another one of the same version.
    fn fits(self, other: Self) -> bool {
        match (self.value, other.value) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// Finds out which write each read saw, and the order of the writes.
pub(super) fn settle(log: &mut Log, found: &mut Vec<Anomaly>) {
    match log.form {
        Form::Lists => {}
        Form::Values => settle_values(log),
        Form::Versions => settle_versions(log, found),
    }
}

/// Who wrote what is known; that everything comes after the initial state is all of the order.
fn settle_values(log: &mut Log) {
    // A value that nobody wrote is the initial one, if it is the only such of its key.
    let mut initial: HashMap<u32, Vec<Option<Code>>> = HashMap::new();
    for index in 0..log.reads.len() {
        let (read, cell) = (log.reads[index], log.seen[index]);
        let writer = cell.value.and_then(|value| log.writers.get(&(read.key, value)).copied());
        log.reads[index].last = writer.unwrap_or(NONE);
        let states = initial.entry(read.key).or_default();
        if writer.is_none() && states.len() < 2 && !states.contains(&cell.value) {
            states.push(cell.value);
        }
    }
    for index in 0..log.reads.len() {
        let read = log.reads[index];
        let is_initial = log.seen[index].value.is_none() || initial[&read.key].len() == 1;
        if read.last == NONE && is_initial {
            log.reads[index].version = 0;
        } else if read.last == NONE {
            log.unwritten.push(u32::try_from(index).unwrap_or(NONE));
        }
    }
    for index in 0..log.appends.len() {
        let append = log.appends[index];
        let index = u32::try_from(index).unwrap_or(NONE);
        if !append.overwritten && log.status(index) != Status::Aborted {
            log.keys[append.key as usize].unseen.push(index);
        }
    }
}

/// The writes of one key.
#[derive(Debug, Default)]
struct Writes {
    /// Those that stand in the version order, by version.
    ordered: BTreeMap<i64, u32>,
    aborted: Vec<u32>,
    /// Those of unknown outcome, which count once somebody saw what they wrote.
    unknown: Vec<u32>,
    /// Whether anybody may have written a version that is not known.
    any_version: bool,
    /// The version that was there before the first write.
    initial: Option<i64>,
}

fn settle_versions(log: &mut Log, found: &mut Vec<Anomaly>) {
    let mut keys: Vec<Writes> = Vec::new();
    keys.resize_with(log.keys.len(), Writes::default);
    for index in 0..log.appends.len() {
        let number = u32::try_from(index).unwrap_or(NONE);
        let writes = &mut keys[log.appends[index].key as usize];
        match (log.status(number), log.written[index].version) {
            (Status::Committed, Some(version)) => {
                if let Some(first) = writes.ordered.get(&version).copied() {
                    double_version(log, first, number, found);
                } else {
                    writes.ordered.insert(version, number);
                }
            }
            (Status::Aborted, Some(_)) => writes.aborted.push(number),
            (Status::Unknown, Some(_)) => writes.unknown.push(number),
            (Status::Aborted, None) => {}
            (_, None) => writes.any_version = true,
        }
    }
    for index in 0..log.reads.len() {
        let (read, cell) = (log.reads[index], log.seen[index]);
        let Some(version) = cell.version else { continue };
        let writes = &mut keys[read.key as usize];
        let saw = |number: &&u32| {
            let written = log.written[**number as usize];
            written.version == Some(version) && written.fits(cell)
        };
        if !writes.ordered.contains_key(&version) {
            if let Some(number) = writes.unknown.iter().find(saw).copied() {
                writes.ordered.insert(version, number);
            }
        }
    }
    for (key, writes) in log.keys.iter_mut().zip(&keys) {
        key.order = writes.ordered.values().copied().collect();
        for (position, append) in (0..).zip(&key.order) {
            log.appends[*append as usize].position = position;
        }
    }
    for index in 0..log.reads.len() {
        place(log, index, &mut keys);
    }
}

/// Finds out which write a read saw.
fn place(log: &mut Log, index: usize, keys: &mut [Writes]) {
    let (read, cell) = (log.reads[index], log.seen[index]);
    let writes = &mut keys[read.key as usize];
    let Some(version) = cell.version else {
        log.reads[index].version = 0;
        return;
    };
    let found = writes.ordered.range(..=version).next_back();
    let before = found.map(|(_, append)| log.appends[*append as usize].position + 1);
    log.reads[index].version = before.unwrap_or(0);
    let fits = |number: u32| log.written[number as usize].fits(cell);
    let exact = found.filter(|(of, _)| **of == version).map(|(_, append)| *append);
    if let Some(append) = exact.filter(|append| fits(*append)) {
        log.reads[index].last = append;
        return;
    }
    let is_same = |number: &u32| {
        let written = log.written[*number as usize];
        // Versions of aborted transactions are given out again, so only the value tells them apart.
        let is_certain = exact.is_none() || (written.value.is_some() && cell.value.is_some());
        written.version == Some(version) && written.fits(cell) && is_certain
    };
    let aborted = writes.aborted.iter().find(|number| is_same(number)).copied();
    let is_first = before.is_none() && writes.initial.is_none_or(|initial| initial == version);
    if exact.is_none() && is_first && aborted.is_none() {
        writes.initial = Some(version);
    } else if exact.is_some() || !writes.any_version {
        match aborted {
            Some(aborted) => log.reads[index].last = aborted,
            None => log.unwritten.push(u32::try_from(index).unwrap_or(NONE)),
        }
    }
}

/// Two transactions made the same version: both started from the one before it.
fn double_version(log: &Log, first: u32, second: u32, found: &mut Vec<Anomaly>) {
    let [one, other] = [first, second].map(|number| log.appends[number as usize]);
    let entry = |transaction: u32| u64::from(log.transactions[transaction as usize].completed);
    let because = format!(
        "{} and {} both wrote {} of {}",
        log.title(one.transaction),
        log.title(other.transaction),
        log.element(one.element),
        log.name(one.key)
    );
    found.push(Anomaly {
        kind: AnomalyKind::LostUpdate,
        transactions: vec![entry(one.transaction), entry(other.transaction)],
        dependencies: Vec::new(),
        because: vec![because],
    });
}
