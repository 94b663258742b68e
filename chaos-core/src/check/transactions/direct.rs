//! Anomalies that show without a cycle.

use std::collections::HashMap;

use super::anomaly::{Anomaly, AnomalyKind};
use super::log::{Log, NONE, Status};
use super::register::Form;

/// Proofs of one kind that are kept; more of them say nothing new.
const KEPT: usize = 16;

/// Finds the anomalies that show without a cycle, but for those within one transaction.
pub(super) fn find(log: &Log, found: &mut Vec<Anomaly>) {
    let mut search = Search { log, found };
    if log.form != Form::Lists {
        search.register_reads();
        search.lost_updates();
        return;
    }
    for key in (0..).take(log.keys.len()) {
        search.duplicate_elements(key);
        search.incompatible_orders(key);
        search.dirty_updates(key);
    }
    search.reads();
    search.lost_updates();
}

struct Search<'a> {
    log: &'a Log,
    found: &'a mut Vec<Anomaly>,
}

impl Search<'_> {
    fn add(
        &mut self,
        kind: AnomalyKind,
        transactions: &[u32],
        because: impl FnOnce(&Log) -> String,
    ) {
        if self.found.iter().filter(|anomaly| anomaly.kind == kind).count() >= KEPT {
            return;
        }
        let entry = |number: &u32| u64::from(self.log.transactions[*number as usize].completed);
        let transactions = transactions.iter().map(entry).collect();
        let because = vec![because(self.log)];
        self.found.push(Anomaly { kind, transactions, dependencies: Vec::new(), because });
    }

    /// Who read at least `length` elements of this branch, the first that did.
    fn reader(&self, key: u32, branch: usize, length: usize) -> Vec<u32> {
        let saw = |read: &&super::log::Read| {
            read.key == key && read.branch as usize == branch && read.length as usize >= length
        };
        self.log.reads.iter().find(saw).map(|read| read.transaction).into_iter().collect()
    }

    fn duplicate_elements(&mut self, key: u32) {
        let branches = &self.log.keys[key as usize].branches;
        for (number, branch) in branches.iter().enumerate() {
            if self.log.sound_order(key, number).is_some() {
                continue;
            }
            let mut seen = HashMap::with_capacity(branch.len());
            for (at, element) in branch.iter().enumerate() {
                let Some(first) = seen.insert(*element, at) else { continue };
                let reader = self.reader(key, number, at + 1);
                self.add(AnomalyKind::DuplicateElements, &reader, |log| {
                    format!(
                        "{} was read with {} twice, as elements {first} and {at}",
                        log.name(key),
                        log.element(*element)
                    )
                });
                break;
            }
        }
    }

    fn incompatible_orders(&mut self, key: u32) {
        let log = self.log;
        let of = &log.keys[key as usize];
        let Some(main) = of.branches.get(of.main) else { return };
        for (number, branch) in of.branches.iter().enumerate() {
            if number == of.main {
                continue;
            }
            let same = branch.iter().zip(main).take_while(|(one, other)| one == other).count();
            let mut readers = self.reader(key, number, same + 1);
            readers.extend(self.reader(key, of.main, same + 1));
            self.add(AnomalyKind::IncompatibleOrder, &readers, |log| {
                format!(
                    "element {same} of {} was read as {} and as {}",
                    log.name(key),
                    log.element(branch[same]),
                    log.element(main[same])
                )
            });
        }
    }

    /// A committed append right behind an aborted one, but for such as may have been either.
    fn dirty_updates(&mut self, key: u32) {
        let log = self.log;
        let mut aborted = None;
        for append in log.keys[key as usize].order.iter().filter(|append| **append != NONE) {
            match log.status(*append) {
                Status::Aborted => aborted = aborted.or(Some(*append)),
                Status::Unknown => {}
                Status::Committed => {
                    let Some(first) = aborted.take() else { continue };
                    let (first, then) =
                        (log.appends[first as usize], log.appends[*append as usize]);
                    let both = [first.transaction, then.transaction];
                    self.add(AnomalyKind::DirtyUpdate, &both, |log| {
                        format!(
                            "{} wrote {} to {} on top of {}, which {} wrote and aborted",
                            log.title(then.transaction),
                            log.element(then.element),
                            log.name(key),
                            log.element(first.element),
                            log.title(first.transaction),
                        )
                    });
                }
            }
        }
    }

    fn reads(&mut self) {
        let log = self.log;
        // The first element of each branch that an aborted transaction wrote, or nobody.
        let mut bad = HashMap::new();
        for (key, of) in (0_u32..).zip(&log.keys) {
            for (number, branch) in (0_u32..).zip(&of.branches) {
                if let Some(order) = log.sound_order(key, number as usize) {
                    let is_aborted = |append: &u32| log.status(*append) == Status::Aborted;
                    if let Some(aborted) = order.iter().position(is_aborted) {
                        bad.insert((key, number), (Some(aborted), None));
                    }
                    continue;
                }
                let writer = |element| log.writers.get(&(key, element)).copied();
                let is_aborted = |element| {
                    writer(element).is_some_and(|append| log.status(append) == Status::Aborted)
                };
                let aborted = branch.iter().position(|element| is_aborted(*element));
                let unwritten = branch.iter().position(|element| writer(*element).is_none());
                if aborted.is_some() || unwritten.is_some() {
                    bad.insert((key, number), (aborted, unwritten));
                }
            }
        }
        for read in &log.reads {
            if let Some((aborted, unwritten)) = bad.get(&(read.key, read.branch)) {
                self.bad_read(read, *aborted, *unwritten);
            }
            if read.last != NONE {
                self.intermediate_read(read);
            }
            self.future_read(read);
        }
    }

    fn bad_read(
        &mut self,
        read: &super::log::Read,
        aborted: Option<usize>,
        unwritten: Option<usize>,
    ) {
        let log = self.log;
        let branch = &log.keys[read.key as usize].branches[read.branch as usize];
        let was_read = |at: &usize| *at < read.length as usize;
        let reader = log.title(read.transaction);
        if let Some(at) = aborted.filter(was_read) {
            let writer = log.writers.get(&(read.key, branch[at])).copied().unwrap_or(NONE);
            let writer = log.appends[writer as usize].transaction;
            self.add(AnomalyKind::AbortedRead, &[read.transaction, writer], |log| {
                format!(
                    "{reader} read {} in {}, which {} wrote and aborted",
                    log.element(branch[at]),
                    log.name(read.key),
                    log.title(writer)
                )
            });
        }
        if let Some(at) = unwritten.filter(was_read) {
            self.add(AnomalyKind::UnwrittenRead, &[read.transaction], |log| {
                format!(
                    "{reader} read {} in {}, which nobody wrote",
                    log.element(branch[at]),
                    log.name(read.key)
                )
            });
        }
    }

    fn register_reads(&mut self) {
        let log = self.log;
        for read in log.reads.iter().filter(|read| read.last != NONE) {
            self.intermediate_read(read);
            let writer = log.appends[read.last as usize];
            if log.status(read.last) == Status::Aborted {
                self.add(
                    AnomalyKind::AbortedRead,
                    &[read.transaction, writer.transaction],
                    |log| {
                        format!(
                            "{} read {} as {}, which {} wrote and aborted",
                            log.title(read.transaction),
                            log.name(read.key),
                            log.element(writer.element),
                            log.title(writer.transaction)
                        )
                    },
                );
            } else if writer.transaction == read.transaction && writer.step > read.step {
                self.add(AnomalyKind::FutureRead, &[read.transaction], |log| {
                    format!(
                        "{} read {} as {} before it wrote it itself",
                        log.title(read.transaction),
                        log.name(read.key),
                        log.element(writer.element)
                    )
                });
            }
        }
        for number in &log.unwritten {
            let (read, cell) = (log.reads[*number as usize], log.seen[*number as usize]);
            self.add(AnomalyKind::UnwrittenRead, &[read.transaction], |log| {
                let title = log.title(read.transaction);
                format!(
                    "{title} read {} as {}, which nobody wrote",
                    log.name(read.key),
                    log.cell(cell)
                )
            });
        }
    }

    fn intermediate_read(&mut self, read: &super::log::Read) {
        let last = self.log.appends[read.last as usize];
        if !last.overwritten || last.transaction == read.transaction {
            return;
        }
        self.add(AnomalyKind::IntermediateRead, &[read.transaction, last.transaction], |log| {
            format!(
                "{} read {} {} {}, which {} went on to change in the same transaction",
                log.title(read.transaction),
                log.name(read.key),
                log.read_as(),
                log.element(last.element),
                log.title(last.transaction)
            )
        });
    }

    fn future_read(&mut self, read: &super::log::Read) {
        let log = self.log;
        for append in log.appends_of(read.transaction) {
            let is_later = append.key == read.key && append.step > read.step;
            if !is_later {
                continue;
            }
            let branch = &log.keys[read.key as usize].branches[read.branch as usize];
            let is_in =
                append.position != NONE && branch[..read.length as usize].contains(&append.element);
            if is_in {
                self.add(AnomalyKind::FutureRead, &[read.transaction], |log| {
                    format!(
                        "{} read {} in {} before it wrote it itself",
                        log.title(read.transaction),
                        log.element(append.element),
                        log.name(read.key)
                    )
                });
            }
        }
    }

    fn lost_updates(&mut self) {
        let log = self.log;
        let mut updates: HashMap<(u32, u32, u32), u32> = HashMap::new();
        let is_first = |read: &&super::log::Read| {
            let earlier =
                |other: &super::log::Read| other.key == read.key && other.step < read.step;
            !read.after_own && !log.reads_of(read.transaction).iter().any(earlier)
        };
        for read in log.reads.iter().filter(is_first) {
            let writes =
                |append: &super::log::Append| append.key == read.key && append.step > read.step;
            let is_unknown = read.version == NONE && (read.last == NONE || log.form == Form::Lists);
            if is_unknown || !log.appends_of(read.transaction).iter().any(writes) {
                continue;
            }
            let first =
                *updates.entry((read.key, read.version, read.last)).or_insert(read.transaction);
            if first != read.transaction {
                self.add(AnomalyKind::LostUpdate, &[first, read.transaction], |log| {
                    let (one, other) = (log.title(first), log.title(read.transaction));
                    let name = log.name(read.key);
                    if log.form == Form::Lists || read.last == NONE {
                        let version = read.version;
                        return format!(
                            "{one} and {other} both read version {version} of {name} and wrote it"
                        );
                    }
                    let seen = log.element(log.appends[read.last as usize].element);
                    format!("{one} and {other} both read {name} as {seen} and wrote it")
                });
            }
        }
    }
}
