//! Takes a history in, entry after entry, and keeps what the checker needs of it.

use std::collections::HashMap;

use super::anomaly::{Anomaly, AnomalyKind};
use super::datum::{Code, Datum};
use super::hashing::NumberHashing;
use super::log::{Append, Key, Log, NONE, Read, Status, Transaction};
use super::register::{Cell, Form};
use super::step::{Step, Written};
use crate::history::{EntryKind, HistoryError, Process};

/// Proofs of one kind that are kept; more of them say nothing new.
const KEPT: usize = 16;

/// The steps of the transaction that is taken in, in codes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coded {
    Append(u32, Code),
    /// A key, and where its elements begin and end; `None` if it is not known what was read.
    Read(u32, Option<(usize, usize)>),
    /// A register was overwritten.
    Write(u32, Cell),
    /// A register was read.
    Get(u32, Cell),
}

/// Takes a history in.
#[derive(Debug, Default)]
pub(super) struct Ingest {
    pub(super) log: Log,
    pub(super) keys: HashMap<Code, u32, NumberHashing>,
    processes: HashMap<Process, u32>,
    /// For each process the entry that invoked what is under way.
    under_way: Vec<u32>,
    /// The steps of the transaction at hand, and the elements that it read.
    pub(super) steps: Vec<Coded>,
    pub(super) elements: Vec<Code>,
    pub(super) found: Vec<Anomaly>,
    /// Whether a list was left out because too many contradict each other.
    pub(super) truncated: bool,
    /// Whether it is known of which form the values are.
    has_form: bool,
    /// How many elements the lists have that contradict another one.
    contradicting: usize,
}

/// How many lists of one key that contradict each other are kept.
const BRANCHES: usize = 1_000;

/// How many elements of such lists are kept of all keys together: 256 MiB.
const ELEMENTS: usize = 1 << 25;

impl Ingest {
    /// Takes the next entry. The steps of an invocation are not looked at.
    pub(super) fn push(
        &mut self,
        kind: EntryKind,
        process: &Process,
        steps: &[Step<'_>],
    ) -> Result<(), HistoryError> {
        if kind != EntryKind::Invoke {
            self.code(steps);
        }
        self.take(kind, process)
    }

    fn code(&mut self, steps: &[Step<'_>]) {
        self.steps.clear();
        self.elements.clear();
        for step in steps {
            let coded = match *step {
                Step::Append(key, element) => {
                    let key = self.log.codes.encode(key);
                    Coded::Append(self.key(key), self.log.codes.encode(element))
                }
                Step::Read(key, elements) => {
                    let key = self.log.codes.encode(key);
                    Coded::Read(self.key(key), elements.map(|elements| self.code_list(elements)))
                }
                Step::Write(key, written) => {
                    let key = self.log.codes.encode(key);
                    Coded::Write(self.key(key), self.cell(written))
                }
                Step::Get(key, written) => {
                    let key = self.log.codes.encode(key);
                    let cell = written.map_or(Cell::INITIAL, |written| self.cell(written));
                    Coded::Get(self.key(key), cell)
                }
            };
            self.steps.push(coded);
        }
    }

    fn cell(&mut self, written: Written<'_>) -> Cell {
        let value = written.value.map(|value| self.log.codes.encode(value));
        Cell { version: written.version, value }
    }

    fn code_list(&mut self, elements: &[Datum<'_>]) -> (usize, usize) {
        let begin = self.elements.len();
        for element in elements {
            let code = self.log.codes.encode(*element);
            self.elements.push(code);
        }
        (begin, self.elements.len())
    }

    /// The number of a key.
    pub(super) fn key(&mut self, name: Code) -> u32 {
        *self.keys.entry(name).or_insert_with(|| {
            self.log.names.push(name);
            self.log.keys.push(Key::default());
            u32::try_from(self.log.names.len() - 1).unwrap_or(NONE)
        })
    }

    /// Takes an entry whose steps are coded already.
    pub(super) fn take(&mut self, kind: EntryKind, process: &Process) -> Result<(), HistoryError> {
        let entry = self.log.entries;
        let wrong = |what| HistoryError::Order {
            entry: u64::from(entry),
            process: process.to_string(),
            what,
        };
        if entry >= NONE - 1 {
            return Err(wrong("is one entry too many: a history has at most 4294967294"));
        }
        self.log.entries += 1;
        if matches!(process, Process::Other(_)) {
            return Ok(());
        }
        let number = self.process(process);
        let under_way = &mut self.under_way[number as usize];
        let status = match kind {
            EntryKind::Invoke if *under_way != NONE => {
                return Err(wrong("invokes an operation while another one is under way"));
            }
            EntryKind::Invoke => {
                *under_way = entry;
                return Ok(());
            }
            EntryKind::Ok => Status::Committed,
            EntryKind::Fail => Status::Aborted,
            EntryKind::Info => Status::Unknown,
        };
        // A history of completions alone is taken as well, without any real time.
        let invoked = std::mem::replace(under_way, NONE);
        let invoked = if invoked == NONE { entry } else { invoked };
        self.complete(Transaction {
            status,
            process: number,
            invoked,
            completed: entry,
            appends: u32::try_from(self.log.appends.len()).unwrap_or(NONE),
            reads: u32::try_from(self.log.reads.len()).unwrap_or(NONE),
        })
    }

    /// Whether a process has something under way.
    pub(super) fn is_under_way(&self, process: &Process) -> bool {
        let number = self.processes.get(process);
        number.is_some_and(|number| self.under_way[*number as usize] != NONE)
    }

    fn process(&mut self, process: &Process) -> u32 {
        if let Some(number) = self.processes.get(process) {
            return *number;
        }
        let number = u32::try_from(self.under_way.len()).unwrap_or(NONE);
        self.under_way.push(NONE);
        self.processes.insert(process.clone(), number);
        number
    }

    fn complete(&mut self, transaction: Transaction) -> Result<(), HistoryError> {
        let number = u32::try_from(self.log.transactions.len()).unwrap_or(NONE);
        self.log.transactions.push(transaction);
        let steps = std::mem::take(&mut self.steps);
        let elements = std::mem::take(&mut self.elements);
        for (step, coded) in (0_u32..).zip(&steps) {
            match *coded {
                Coded::Append(key, element) => {
                    self.is_of(Form::Lists, transaction.completed)?;
                    self.append(number, step, key, element)?;
                }
                Coded::Write(key, cell) => self.write(number, step, key, cell)?,
                Coded::Read(..) | Coded::Get(..) if transaction.status != Status::Committed => {}
                // What is empty may be a list or a register.
                Coded::Read(key, Some((begin, end))) if begin == end => {
                    self.get(number, step, key, Cell::INITIAL)?;
                }
                Coded::Read(key, Some((begin, end))) => {
                    self.is_of(Form::Lists, transaction.completed)?;
                    self.read(number, step, key, &elements[begin..end]);
                }
                Coded::Get(key, cell) => self.get(number, step, key, cell)?,
                // What an operation read that did not succeed is not known.
                Coded::Read(_, None) => {}
            }
        }
        if transaction.status == Status::Committed {
            if self.log.form == Form::Lists {
                self.check_itself(number, &steps, &elements);
            } else {
                self.check_registers(number, &steps);
            }
        }
        (self.steps, self.elements) = (steps, elements);
        Ok(())
    }

    /// Notes of which form the values are; all of a history are of one.
    fn is_of(&mut self, form: Form, entry: u32) -> Result<(), HistoryError> {
        if self.log.form == form {
            self.has_form = true;
            return Ok(());
        }
        if self.has_form {
            let what = "a history is of lists (`append`, and `r` with a list), of values (`w` and \
                        `r` with a value) or of versions (`w` and `r` with {\"version\": n}), and \
                        this entry is of another form than those before it";
            return Err(HistoryError::Value { entry: u64::from(entry), what: what.to_owned() });
        }
        // Only empty states were read until here, which are of every form.
        self.has_form = true;
        self.log.form = form;
        self.log.seen.resize(self.log.reads.len(), Cell::INITIAL);
        for key in &mut self.log.keys {
            key.branches.clear();
        }
        Ok(())
    }

    fn write(
        &mut self,
        transaction: u32,
        step: u32,
        key: u32,
        cell: Cell,
    ) -> Result<(), HistoryError> {
        let of = self.log.transactions[transaction as usize];
        let is_known = cell != Cell::INITIAL;
        if !is_known && of.status == Status::Committed {
            let what = "a write that succeeded says which value or version it made";
            return Err(HistoryError::Value {
                entry: u64::from(of.completed),
                what: what.to_owned(),
            });
        }
        let form = match cell.version {
            Some(_) => Form::Versions,
            None if is_known => Form::Values,
            // Of unknown outcome, so it may have made any version; and who read a value of it tells.
            None if self.log.form == Form::Values => return Ok(()),
            None => Form::Versions,
        };
        self.is_of(form, of.completed)?;
        let element = match (cell.version, cell.value) {
            (Some(version), _) => self.log.codes.encode(version.into()),
            (None, Some(value)) => value,
            (None, None) => self.log.codes.encode("?".into()),
        };
        self.log.written.push(cell);
        if form == Form::Values && is_known {
            return self.append(transaction, step, key, element);
        }
        self.overwrite(transaction, key);
        self.log.appends.push(Append {
            transaction,
            key,
            element,
            step,
            overwritten: false,
            position: NONE,
        });
        Ok(())
    }

    fn get(
        &mut self,
        transaction: u32,
        step: u32,
        key: u32,
        cell: Cell,
    ) -> Result<(), HistoryError> {
        let completed = self.log.transactions[transaction as usize].completed;
        if cell != Cell::INITIAL {
            let form = if cell.version.is_some() { Form::Versions } else { Form::Values };
            self.is_of(form, completed)?;
        } else if self.log.form == Form::Lists {
            self.read(transaction, step, key, &[]);
            return Ok(());
        }
        let own = self.log.transactions[transaction as usize].appends as usize;
        let after_own = self.log.appends[own..].iter().any(|append| append.key == key);
        self.log.seen.push(cell);
        self.log.reads.push(Read {
            transaction,
            key,
            step,
            branch: 0,
            length: 0,
            after_own,
            last: NONE,
            version: NONE,
        });
        Ok(())
    }

    /// Notes that what a transaction wrote to a key before is not what it left.
    fn overwrite(&mut self, transaction: u32, key: u32) {
        let own = self.log.transactions[transaction as usize].appends as usize;
        for earlier in &mut self.log.appends[own..] {
            if earlier.key == key {
                earlier.overwritten = true;
            }
        }
    }

    fn append(
        &mut self,
        transaction: u32,
        step: u32,
        key: u32,
        element: Code,
    ) -> Result<(), HistoryError> {
        self.overwrite(transaction, key);
        let number = u32::try_from(self.log.appends.len()).unwrap_or(NONE);
        self.log.appends.push(Append {
            transaction,
            key,
            element,
            step,
            overwritten: false,
            position: NONE,
        });
        if self.log.writers.insert((key, element), number).is_some() {
            let entry = u64::from(self.log.transactions[transaction as usize].completed);
            let (key, element) = (self.log.name(key), self.log.element(element));
            let what = format!(
                "{element} is written to {key} a second time; what is written to a key has to be \
                 different, or nobody can tell who wrote what was read"
            );
            return Err(HistoryError::Value { entry, what });
        }
        Ok(())
    }

    fn read(&mut self, transaction: u32, step: u32, key: u32, elements: &[Code]) {
        let own = self.log.transactions[transaction as usize].appends as usize;
        let after_own = self.log.appends[own..].iter().any(|append| append.key == key);
        let branches = &mut self.log.keys[key as usize].branches;
        let fits = branches.iter_mut().position(|branch| {
            let common = branch.len().min(elements.len());
            if branch[..common] != elements[..common] {
                return false;
            }
            branch.extend_from_slice(&elements[common..]);
            true
        });
        let is_new = fits.is_none() && !branches.is_empty();
        if is_new {
            self.contradicting += elements.len();
            if branches.len() >= BRANCHES || self.contradicting > ELEMENTS {
                self.truncated = true;
                return;
            }
        }
        let branch = fits.unwrap_or_else(|| {
            branches.push(elements.to_vec());
            branches.len() - 1
        });
        self.log.reads.push(Read {
            transaction,
            key,
            step,
            branch: u32::try_from(branch).unwrap_or(NONE),
            length: u32::try_from(elements.len()).unwrap_or(NONE),
            after_own,
            last: NONE,
            version: NONE,
        });
    }

    /// Whether the transaction agrees with what it read and wrote itself before.
    fn check_itself(&mut self, transaction: u32, steps: &[Coded], elements: &[Code]) {
        for (at, step) in steps.iter().enumerate() {
            let Coded::Read(key, Some((begin, end))) = *step else { continue };
            let Some(expected) = Expected::of(key, &steps[..at], elements) else { continue };
            if expected.holds(&elements[begin..end]) {
                continue;
            }
            let title = self.log.title(transaction);
            let name = self.log.name(key);
            let because = format!(
                "{title} read {name} as {}, although by what it did before it had to be {}",
                self.list(&elements[begin..end]),
                expected.describe(|codes| self.list(codes)),
            );
            self.find(AnomalyKind::Internal, transaction, because);
        }
    }

    /// The same for registers: a read after a read or a write of the transaction's own sees the same.
    fn check_registers(&mut self, transaction: u32, steps: &[Coded]) {
        for (at, step) in steps.iter().enumerate() {
            let (key, seen) = match *step {
                Coded::Get(key, seen) => (key, seen),
                Coded::Read(key, Some(_)) => (key, Cell::INITIAL),
                _ => continue,
            };
            let before = steps[..at].iter().rev().find_map(|step| match *step {
                Coded::Write(of, cell) | Coded::Get(of, cell) if of == key => Some(cell),
                Coded::Read(of, Some(_)) if of == key => Some(Cell::INITIAL),
                _ => None,
            });
            let Some(expected) = before.filter(|before| !before.agrees(seen)) else { continue };
            let because = format!(
                "{} read {} as {}, although by what it did before it had to be {}",
                self.log.title(transaction),
                self.log.name(key),
                self.log.cell(seen),
                self.log.cell(expected),
            );
            self.find(AnomalyKind::Internal, transaction, because);
        }
    }

    fn list(&self, codes: &[Code]) -> String {
        let elements: Vec<_> = codes.iter().map(|code| self.log.element(*code)).collect();
        format!("[{}]", elements.join(" "))
    }

    fn find(&mut self, kind: AnomalyKind, transaction: u32, because: String) {
        if self.found.iter().filter(|anomaly| anomaly.kind == kind).count() < KEPT {
            let entry = u64::from(self.log.transactions[transaction as usize].completed);
            self.found.push(Anomaly {
                kind,
                transactions: vec![entry],
                dependencies: Vec::new(),
                because: vec![because],
            });
        }
    }
}

/// What a transaction has to read of a key by what it did before.
struct Expected {
    /// What it read before, if it did.
    whole: bool,
    elements: Vec<Code>,
}

impl Expected {
    /// Nothing if it did not touch the key before.
    fn of(key: u32, before: &[Coded], elements: &[Code]) -> Option<Self> {
        let mut expected = None::<Self>;
        for step in before {
            match *step {
                Coded::Read(of, Some((begin, end))) if of == key => {
                    expected = Some(Self { whole: true, elements: elements[begin..end].to_vec() });
                }
                Coded::Append(of, element) if of == key => {
                    let own = expected.get_or_insert(Self { whole: false, elements: Vec::new() });
                    own.elements.push(element);
                }
                _ => {}
            }
        }
        expected
    }

    fn holds(&self, read: &[Code]) -> bool {
        if self.whole { read == self.elements } else { read.ends_with(&self.elements) }
    }

    fn describe(&self, list: impl Fn(&[Code]) -> String) -> String {
        let text = list(&self.elements);
        if self.whole { text } else { text.replacen('[', "[.. ", 1) }
    }
}
