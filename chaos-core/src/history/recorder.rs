//! Writes a history while a test runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::Value;

use super::{Entry, EntryKind, History, Process};
use crate::outcome::Outcome;

/// Writes a history while a test runs. Clones write the same history.
///
/// ```
/// use chaos_core::history::Recorder;
/// use chaos_core::outcome::Outcome;
/// use serde_json::json;
///
/// let recorder = Recorder::new();
/// let mut client = recorder.process();
/// let pending = client.invoke("write", json!(5));
/// // .. the operation itself ..
/// pending.complete(Outcome::Ok, json!(5), None);
/// assert_eq!(recorder.history().entries().len(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    next_process: AtomicI64,
    /// The order of the entries is the order in which this lock was taken.
    entries: Mutex<Vec<Entry>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { began: Instant::now(), next_process: AtomicI64::new(0), entries: Mutex::default() }
    }
}

impl Recorder {
    /// An empty history that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that has done nothing yet.
    #[must_use]
    pub fn process(&self) -> RecordedProcess {
        RecordedProcess { recorder: self.clone(), number: self.new_process() }
    }

    /// What was recorded so far. Operations that are under way have no completion in it.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(self.shared.entries.lock().clone())
    }

    fn new_process(&self) -> i64 {
        self.shared.next_process.fetch_add(1, Ordering::Relaxed)
    }

    fn record(&self, process: i64, kind: EntryKind, f: &str, value: Value, error: Option<Value>) {
        let mut entries = self.shared.entries.lock();
        // Under the lock, so that times and indexes have one order.
        let time = i64::try_from(self.shared.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let index = entries.len() as u64;
        let (process, f) = (Process::Client(process), Some(f.to_owned()));
        entries.push(Entry { index, time, process, kind, f, value, error });
    }
}

/// A client whose operations are recorded.
///
/// After an operation whose outcome is unknown it goes on under another number, because that
/// operation may still take effect while the next one runs.
#[derive(Debug)]
pub struct RecordedProcess {
    recorder: Recorder,
    number: i64,
}

impl RecordedProcess {
    /// Records that the operation `f` begins, with its argument.
    pub fn invoke(&mut self, f: &str, argument: Value) -> Pending<'_> {
        self.recorder.record(self.number, EntryKind::Invoke, f, argument.clone(), None);
        Pending { process: self, f: f.to_owned(), argument: Some(argument) }
    }
}

/// An operation that is under way. Dropping it, as cancelling a future does, records that its
/// outcome is unknown.
#[derive(Debug)]
#[must_use = "an operation that is dropped is recorded as unknown"]
pub struct Pending<'process> {
    process: &'process mut RecordedProcess,
    f: String,
    /// Taken when the completion is recorded.
    argument: Option<Value>,
}

impl Pending<'_> {
    /// Records what the operation came to. `result` is what is known of it if it succeeded: its
    /// argument and what it returned; for another outcome the argument stands.
    pub fn complete(mut self, outcome: Outcome, result: Value, error: Option<String>) {
        let Some(argument) = self.argument.take() else { return };
        let error = error.map(Value::String);
        match outcome {
            Outcome::Ok => self.record(EntryKind::Ok, result, error),
            Outcome::Failed => self.record(EntryKind::Fail, argument, error),
            Outcome::Unknown => self.record_unknown(argument, error),
        }
    }

    fn record(&self, kind: EntryKind, value: Value, error: Option<Value>) {
        self.process.recorder.record(self.process.number, kind, &self.f, value, error);
    }

    fn record_unknown(&mut self, argument: Value, error: Option<Value>) {
        self.record(EntryKind::Info, argument, error);
        self.process.number = self.process.recorder.new_process();
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(argument) = self.argument.take() {
            self.record_unknown(argument, Some(Value::String("cancelled".to_owned())));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_process_gets_another_number_after_an_operation_of_unknown_outcome() {
        let recorder = Recorder::new();
        let mut client = recorder.process();
        client.invoke("add", json!(1)).complete(Outcome::Ok, json!(1), None);
        client.invoke("add", json!(2)).complete(Outcome::Unknown, json!(2), Some("cut".into()));
        drop(client.invoke("add", json!(3)));
        client.invoke("add", json!(4)).complete(Outcome::Failed, json!(null), None);
        let history = recorder.history();
        let told: Vec<_> = history
            .entries()
            .iter()
            .map(|entry| (entry.process.to_string(), entry.kind, entry.value.clone()))
            .collect();
        let line = |process: i64, kind, value: i64| {
            (Process::Client(process).to_string(), kind, json!(value))
        };
        use EntryKind::{Fail, Info, Invoke, Ok};
        assert_eq!(
            told,
            [
                line(0, Invoke, 1),
                line(0, Ok, 1),
                line(0, Invoke, 2),
                line(0, Info, 2),
                line(1, Invoke, 3),
                line(1, Info, 3),
                line(2, Invoke, 4),
                line(2, Fail, 4),
            ]
        );
        assert_eq!(history.entries()[3].error, Some(json!("cut")));
        assert!(history.entries().windows(2).all(|pair| pair[0].time <= pair[1].time));
        assert!((0..).zip(history.entries()).all(|(index, entry)| entry.index == index));
    }
}
