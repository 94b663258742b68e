//! What is assumed of the order in which the values of a key were written.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::anomaly::{Anomaly, AnomalyKind};
use super::components::{Components, Walk};
use super::log::{Log, NONE, Status};

/// What is assumed of the order in which the values of a key were written, if they have no versions.
///
/// Each is a promise of the system under test: where it does not keep it, a violation may be found
/// that is none. Lists and versions need no assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrder {
    /// A transaction that read a value and wrote another one wrote it after that.
    WritesFollowReads,
    /// Each key by itself is sequentially consistent: a process goes on from what it last saw.
    Sequential,
    /// Each key by itself is linearizable: everybody goes on from what had completed before.
    Linearizable,
}

/// What a transaction saw of a key first, and left of it: a write, or [`NONE`] for the initial state.
#[derive(Debug, Clone, Copy)]
struct Touch {
    transaction: u32,
    read: Option<u32>,
    written: Option<u32>,
}

impl Touch {
    fn first(self) -> Option<u32> {
        self.read.or(self.written)
    }

    fn last(self) -> Option<u32> {
        self.written.or(self.read)
    }
}

/// One value before another one of the same key.
type Successions = HashSet<(u32, u32)>;

/// Adds what an assumption says of the order of each key, unless it contradicts itself.
pub(super) fn assume(log: &mut Log, assumption: KeyOrder, found: &mut Vec<Anomaly>) {
    let mut all: Vec<Successions> = Vec::with_capacity(log.keys.len());
    for (touches, key) in touches(log).into_iter().zip(&log.keys) {
        let mut successions: Successions = key.successions.iter().copied().collect();
        match assumption {
            KeyOrder::WritesFollowReads => {
                let both = touches.iter().filter_map(|touch| touch.read.zip(touch.written));
                successions.extend(both);
            }
            KeyOrder::Sequential => sequential(log, &touches, &mut successions),
            KeyOrder::Linearizable => linearizable(log, &touches, &mut successions),
        }
        successions.retain(|(one, other)| one != other);
        all.push(successions);
    }
    let is_cyclic = |successions: &Successions| Versions::of(successions).is_cyclic();
    let cyclic: Vec<_> = (0..all.len()).filter(|key| is_cyclic(&all[*key])).collect();
    for key in &cyclic {
        let key = u32::try_from(*key).unwrap_or(NONE);
        let because = format!("by what is assumed, the values of {} have no order", log.name(key));
        found.push(Anomaly {
            kind: AnomalyKind::CyclicVersions,
            transactions: Vec::new(),
            dependencies: Vec::new(),
            because: vec![because],
        });
    }
    if !cyclic.is_empty() {
        return;
    }
    for (key, successions) in log.keys.iter_mut().zip(all) {
        // That the initial state comes first is known already.
        let is_known = |one: &(u32, u32)| one.0 != NONE;
        key.successions = successions.into_iter().filter(is_known).collect();
        key.successions.sort_unstable();
    }
}

/// Who touched each key, in the order of completion.
fn touches(log: &Log) -> Vec<Vec<Touch>> {
    let mut keys: Vec<Vec<Touch>> = vec![Vec::new(); log.keys.len()];
    for (transaction, of) in (0..).zip(&log.transactions) {
        if of.status == Status::Aborted {
            continue;
        }
        let mut own: BTreeMap<u32, Touch> = BTreeMap::new();
        let none = Touch { transaction, read: None, written: None };
        for read in log.reads_of(transaction).iter().filter(|read| !read.after_own) {
            let is_known = read.version == 0
                || (read.last != NONE && log.status(read.last) != Status::Aborted);
            if is_known {
                own.entry(read.key).or_insert(none).read.get_or_insert(read.last);
            }
        }
        for (append, write) in (of.appends..).zip(log.appends_of(transaction)) {
            if !write.overwritten {
                own.entry(write.key).or_insert(none).written = Some(append);
            }
        }
        for (key, touch) in own {
            keys[key as usize].push(touch);
        }
    }
    keys
}

fn sequential(log: &Log, touches: &[Touch], successions: &mut Successions) {
    let mut before: HashMap<u32, Touch> = HashMap::new();
    for touch in touches {
        let process = log.transactions[touch.transaction as usize].process;
        if let Some(before) = before.insert(process, *touch) {
            successions.extend(before.last().zip(touch.first()));
        }
    }
}

fn linearizable(log: &Log, touches: &[Touch], successions: &mut Successions) {
    // Both ends of each, in order. What is unknown never ends.
    let mut ends: Vec<(u32, bool, Touch)> = Vec::with_capacity(2 * touches.len());
    for touch in touches {
        let transaction = log.transactions[touch.transaction as usize];
        if transaction.invoked != transaction.completed {
            ends.push((transaction.invoked, false, *touch));
            if transaction.status == Status::Committed {
                ends.push((transaction.completed, true, *touch));
            }
        }
    }
    ends.sort_by_key(|(entry, ..)| *entry);
    // Who has completed last: behind those, nobody has to be looked at.
    let mut latest: Vec<Touch> = Vec::new();
    for (_, has_completed, touch) in ends {
        if has_completed {
            let invoked = log.transactions[touch.transaction as usize].invoked;
            latest.retain(|one| log.transactions[one.transaction as usize].completed > invoked);
            latest.push(touch);
        } else {
            successions.extend(latest.iter().filter_map(|one| one.last().zip(touch.first())));
        }
    }
}

/// The values of one key as a graph.
struct Versions {
    next: Vec<Vec<u32>>,
}

impl Versions {
    fn of(successions: &Successions) -> Self {
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut next: Vec<Vec<u32>> = Vec::new();
        for (one, other) in successions {
            let [one, other] = [*one, *other].map(|append| {
                *numbers.entry(append).or_insert_with(|| {
                    next.push(Vec::new());
                    u32::try_from(next.len() - 1).unwrap_or(NONE)
                })
            });
            next[one as usize].push(other);
        }
        // Everything comes after the initial state.
        if let Some(initial) = numbers.get(&NONE) {
            next[*initial as usize] = numbers.values().filter(|n| *n != initial).copied().collect();
        }
        Self { next }
    }

    fn is_cyclic(&self) -> bool {
        Components::of(self).count > 0
    }
}

impl Walk for Versions {
    fn nodes(&self) -> usize {
        self.next.len()
    }

    fn range(&self, node: u32) -> std::ops::Range<usize> {
        0..self.next[node as usize].len()
    }

    fn target(&self, node: u32, edge: usize) -> Option<u32> {
        Some(self.next[node as usize][edge])
    }
}
