//! Transactions in little memory: what was appended and read, without the lists themselves.
//!
//! A read of a list is a prefix of the longest list that was read of its key, or else something is
//! wrong. So one list is kept for each key, and of a read only how much of it was seen. Lists that
//! contradict each other are kept side by side, as *branches*.

use std::collections::HashMap;

use super::datum::{Code, Codes};
use super::hashing::NumberHashing;
use super::register::{Cell, Form};

/// Stands for "none" where a number is expected.
pub(super) const NONE: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Committed,
    Aborted,
    /// It may have committed.
    Unknown,
}

/// One transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transaction {
    pub(super) status: Status,
    pub(super) process: u32,
    /// The number of the entry that invoked it; that of its completion if there is none.
    pub(super) invoked: u32,
    /// The number of the entry that completed it; that of its invocation if there is none.
    pub(super) completed: u32,
    /// Where its appends begin in the list of all.
    pub(super) appends: u32,
    /// Where its reads begin in the list of all.
    pub(super) reads: u32,
}

/// One write: an element that was appended to a list, or a version that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Append {
    pub(super) transaction: u32,
    pub(super) key: u32,
    pub(super) element: Code,
    /// Which step of its transaction it is.
    pub(super) step: u32,
    /// Whether its transaction writes the key again later.
    pub(super) overwritten: bool,
    /// Where it stands in the version order of its key; [`NONE`] if it was not seen.
    pub(super) position: u32,
}

/// One read by a committed transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) transaction: u32,
    pub(super) key: u32,
    /// Which step of its transaction it is.
    pub(super) step: u32,
    /// Which branch of the key it saw.
    pub(super) branch: u32,
    /// How many elements of it.
    pub(super) length: u32,
    /// Whether its transaction wrote the key before.
    pub(super) after_own: bool,
    /// The append whose state it saw; [`NONE`] for the initial state and for an unwritten element.
    pub(super) last: u32,
    /// Where that stands in the version order: 0 for the initial state, else its position and one
    /// more; [`NONE`] if it is not in it.
    pub(super) version: u32,
}

/// What was read of one key.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// The lists, the first of which was read first.
    pub(super) branches: Vec<Vec<Code>>,
    /// Which of them is the version order: the longest.
    pub(super) main: usize,
    /// The appends of the version order: [`NONE`] where nobody wrote the element.
    pub(super) order: Vec<u32>,
    /// The appends that no read saw; of values without versions, all writes.
    pub(super) unseen: Vec<u32>,
    /// Of values without versions, which write is known to come before which, in order.
    pub(super) successions: Vec<(u32, u32)>,
}

/// Transactions in little memory.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) codes: Codes,
    /// The name of each key.
    pub(super) names: Vec<Code>,
    pub(super) keys: Vec<Key>,
    pub(super) transactions: Vec<Transaction>,
    pub(super) appends: Vec<Append>,
    pub(super) reads: Vec<Read>,
    /// Who wrote which element of which key.
    pub(super) writers: HashMap<(u32, Code), u32, NumberHashing>,
    /// What the values of the history are.
    pub(super) form: Form,
    /// Of registers, what each write wrote.
    pub(super) written: Vec<Cell>,
    /// Of registers, what each read saw.
    pub(super) seen: Vec<Cell>,
    /// The reads of registers that saw what nobody wrote.
    pub(super) unwritten: Vec<u32>,
    /// How many entries the history has.
    pub(super) entries: u32,
}

impl Log {
    pub(super) fn appends_of(&self, transaction: u32) -> &[Append] {
        let begin = self.transactions[transaction as usize].appends as usize;
        let next = self.transactions.get(transaction as usize + 1);
        let end = next.map_or(self.appends.len(), |next| next.appends as usize);
        &self.appends[begin..end]
    }

    pub(super) fn reads_of(&self, transaction: u32) -> &[Read] {
        let begin = self.transactions[transaction as usize].reads as usize;
        let next = self.transactions.get(transaction as usize + 1);
        let end = next.map_or(self.reads.len(), |next| next.reads as usize);
        &self.reads[begin..end]
    }

    pub(super) fn status(&self, append: u32) -> Status {
        let transaction = self.appends[append as usize].transaction;
        self.transactions[transaction as usize].status
    }

    /// The writers of all elements of a key's longest list, if each was written and stands there once:
    /// then nothing can be wrong with a single element, but that its writer aborted.
    pub(super) fn sound_order(&self, key: u32, branch: usize) -> Option<&[u32]> {
        let of = &self.keys[key as usize];
        let is_whole = branch == of.main && of.branches[branch].len() == of.order.len();
        (is_whole && !of.order.contains(&NONE)).then_some(&*of.order)
    }

    /// How the key is called, for people.
    pub(super) fn name(&self, key: u32) -> String {
        self.codes.decode(self.names[key as usize]).to_string()
    }

    /// The element, for people.
    pub(super) fn element(&self, element: Code) -> String {
        let element = self.codes.decode(element);
        match self.form {
            Form::Versions => format!("version {element}"),
            Form::Lists | Form::Values => element.to_string(),
        }
    }

    /// What is in a register, for people.
    pub(super) fn cell(&self, cell: Cell) -> String {
        let value = cell.value.map(|value| self.codes.decode(value).to_string());
        match (cell.version, value) {
            (Some(version), Some(value)) => format!("version {version} ({value})"),
            (Some(version), None) => format!("version {version}"),
            (None, Some(value)) => value,
            (None, None) => "nothing".to_owned(),
        }
    }

    /// How a read saw an element: a list ends in it, a register is it.
    pub(super) fn read_as(&self) -> &'static str {
        if self.form == Form::Lists { "up to" } else { "as" }
    }

    /// The writes that are known to come after a write, of values without versions.
    pub(super) fn successors(&self, append: u32) -> impl Iterator<Item = u32> + '_ {
        let key = (append != NONE).then(|| &self.keys[self.appends[append as usize].key as usize]);
        let all = key.map_or(&[][..], |key| &key.successions);
        let begin = all.partition_point(|(before, _)| *before < append);
        all[begin..].iter().take_while(move |(before, _)| *before == append).map(|(_, next)| *next)
    }

    /// The transaction, for people.
    pub(super) fn title(&self, transaction: u32) -> String {
        format!("T{}", self.transactions[transaction as usize].completed)
    }

    /// How many bytes it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let branches = self.keys.iter().flat_map(|key| &key.branches);
        self.codes.bytes()
            + size_of::<Transaction>() * self.transactions.capacity()
            + size_of::<Append>() * self.appends.capacity()
            + size_of::<Cell>() * (self.written.capacity() + self.seen.capacity())
            + size_of::<Read>() * self.reads.capacity()
            + (size_of::<((u32, Code), u32)>() + 1) * self.writers.capacity()
            + size_of::<Key>() * self.keys.capacity()
            + branches.map(|branch| size_of::<Code>() * branch.capacity()).sum::<usize>()
    }
}
