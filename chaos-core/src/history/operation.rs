//! Whole operations: what was asked, what was answered, and between which moments.

use std::collections::HashMap;

use serde_json::Value;

use super::{Entry, EntryKind, History, HistoryError, Process};
use crate::outcome::Outcome;

/// One operation of a client, from its invocation to its completion.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Operation<'a> {
    /// Who did it.
    pub process: &'a Process,
    /// Which operation, such as `read`; empty if the history does not say.
    pub f: &'a str,
    /// What it was invoked with.
    pub argument: &'a Value,
    /// What it returned, if it succeeded.
    pub result: Option<&'a Value>,
    /// What it came to. An operation that never completed is [unknown](Outcome::Unknown).
    pub outcome: Outcome,
    /// The number of the entry that invoked it, counted from 0.
    pub invoked: u64,
    /// The number of the entry that completed it, unless it never did.
    pub completed: Option<u64>,
    /// When it was invoked, in nanoseconds since the history began.
    pub began: i64,
    /// When it completed, likewise, unless it never did.
    pub ended: Option<i64>,
    /// Why it did not succeed, or may not have.
    pub error: Option<&'a Value>,
}

impl Operation<'_> {
    /// Whether it took effect, or may have.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        self.outcome != Outcome::Failed
    }

    /// The number of the entry behind which it can no longer take effect. One of unknown outcome
    /// may take effect at any later time.
    #[must_use]
    pub fn settled(&self) -> Option<u64> {
        self.completed.filter(|_| self.outcome != Outcome::Unknown)
    }

    /// Whether it had settled before `other` was invoked.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        self.settled().is_some_and(|settled| settled < other.invoked)
    }

    /// Whether neither of the two had settled before the other was invoked.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.is_before(other) && !other.is_before(self)
    }

    /// The numbers of its entries.
    #[must_use]
    pub fn entries(&self) -> Vec<u64> {
        std::iter::once(self.invoked).chain(self.completed).collect()
    }
}

impl History {
    /// The operations of the clients, in the order in which they were invoked. Entries of others,
    /// such as `nemesis`, are left out.
    ///
    /// ```
    /// use chaos_core::history::Recorder;
    /// use chaos_core::outcome::Outcome;
    /// use serde_json::json;
    ///
    /// let recorder = Recorder::new();
    /// let mut client = recorder.process();
    /// client.invoke("add", json!(5)).complete(Outcome::Ok, json!(5), None);
    /// let history = recorder.history();
    /// let operations = history.operations()?;
    /// assert_eq!((operations[0].f, operations[0].outcome), ("add", Outcome::Ok));
    /// # Ok::<(), chaos_core::history::HistoryError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a process completes an operation that it did not invoke, or invokes one while another
    /// one of it is under way.
    pub fn operations(&self) -> Result<Vec<Operation<'_>>, HistoryError> {
        let mut operations: Vec<Operation<'_>> = Vec::with_capacity(self.entries().len() / 2);
        let mut under_way: HashMap<&Process, usize> = HashMap::new();
        let entries = (0..).zip(self.entries());
        for (at, entry) in entries.filter(|(_, entry)| matches!(entry.process, Process::Client(_)))
        {
            let wrong = |what| {
                let process = entry.process.to_string();
                Err(HistoryError::Order { entry: at, process, what })
            };
            if entry.kind == EntryKind::Invoke {
                if under_way.insert(&entry.process, operations.len()).is_some() {
                    return wrong("invokes an operation while another one is under way");
                }
                operations.push(invoked(at, entry));
                continue;
            }
            let Some(number) = under_way.remove(&entry.process) else {
                return wrong("completes an operation that it did not invoke");
            };
            complete(&mut operations[number], at, entry);
        }
        Ok(operations)
    }
}

fn invoked(at: u64, entry: &Entry) -> Operation<'_> {
    Operation {
        process: &entry.process,
        f: entry.f.as_deref().unwrap_or_default(),
        argument: &entry.value,
        result: None,
        outcome: Outcome::Unknown,
        invoked: at,
        completed: None,
        began: entry.time,
        ended: None,
        error: None,
    }
}

fn complete<'a>(operation: &mut Operation<'a>, at: u64, entry: &'a Entry) {
    operation.completed = Some(at);
    operation.ended = Some(entry.time);
    operation.error = entry.error.as_ref();
    operation.outcome = match entry.kind {
        EntryKind::Ok => Outcome::Ok,
        EntryKind::Fail => Outcome::Failed,
        EntryKind::Info | EntryKind::Invoke => Outcome::Unknown,
    };
    operation.result = (entry.kind == EntryKind::Ok).then_some(&entry.value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &str) -> History {
        History::from_jsonl(lines.as_bytes()).unwrap()
    }

    #[test]
    fn an_operation_has_both_ends_and_an_unknown_one_never_settles() {
        let history = history(
            r#"{"process":0,"type":"invoke","f":"write","value":1}
               {"process":"nemesis","type":"info","f":"cut"}
               {"process":1,"type":"invoke","f":"read"}
               {"process":0,"type":"info","f":"write","value":1}
               {"process":1,"type":"ok","f":"read","value":7}
               {"process":2,"type":"invoke","f":"read"}"#,
        );
        let [write, read, pending] = history.operations().unwrap()[..] else { panic!() };
        assert_eq!((write.invoked, write.completed, write.settled()), (0, Some(3), None));
        assert_eq!((read.result, read.settled()), (Some(&Value::from(7)), Some(4)));
        assert_eq!((pending.outcome, pending.completed), (Outcome::Unknown, None));
        assert!(read.is_before(&pending) && !write.is_before(&pending));
        assert!(write.overlaps(&pending) && !read.overlaps(&pending));
    }

    #[test]
    fn what_no_process_can_do_is_refused() {
        let twice = r#"{"process":0,"type":"invoke"}
            {"process":0,"type":"invoke"}"#;
        let error = history(twice).operations().unwrap_err().to_string();
        assert_eq!(error, "entry 1: process 0 invokes an operation while another one is under way");
        let error = history(r#"{"process":0,"type":"ok"}"#).operations().unwrap_err().to_string();
        assert_eq!(error, "entry 0: process 0 completes an operation that it did not invoke");
    }
}
