//! Transactions from JSON.

use std::collections::HashMap;
use std::io::BufRead;

use serde_json::Value;

use super::ingest::{Coded, Ingest};
use crate::history::{Entry, EntryKind, History, HistoryError, Process};

pub(super) fn from_history(history: &History) -> Result<Ingest, HistoryError> {
    let mut reader = Reader::default();
    for entry in history.entries() {
        reader.push(&entry.process, entry.kind, &entry.value)?;
    }
    reader.finish()
}

pub(super) fn from_jsonl(source: impl BufRead) -> Result<Ingest, HistoryError> {
    let mut reader = Reader::default();
    for (line, text) in (1..).zip(source.lines()) {
        let text = text.map_err(HistoryError::Read)?;
        if text.trim().is_empty() {
            continue;
        }
        let entry: Entry =
            serde_json::from_str(&text).map_err(|source| HistoryError::Line { line, source })?;
        reader.push(&entry.process, entry.kind, &entry.value)?;
    }
    reader.finish()
}

#[derive(Debug, Default)]
struct Reader {
    ingest: Ingest,
    /// What is under way, for those that never complete.
    under_way: HashMap<Process, Value>,
}

impl Reader {
    fn push(
        &mut self,
        process: &Process,
        kind: EntryKind,
        value: &Value,
    ) -> Result<(), HistoryError> {
        let is_client = matches!(process, Process::Client(_));
        if is_client && kind == EntryKind::Invoke {
            self.ingest.take(kind, process)?;
            self.under_way.insert(process.clone(), value.clone());
            return Ok(());
        }
        if is_client {
            let invoked = self.under_way.remove(process);
            // An operation that did not succeed may say only at its invocation what it was.
            let value = invoked.as_ref().filter(|_| value.is_null()).unwrap_or(value);
            self.code(value)?;
        }
        self.ingest.take(kind, process)
    }

    fn finish(mut self) -> Result<Ingest, HistoryError> {
        let mut pending: Vec<_> = std::mem::take(&mut self.under_way).into_iter().collect();
        // In an order that does not depend on how processes are hashed.
        pending.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (process, value) in pending {
            self.code(&value)?;
            self.ingest.take(EntryKind::Info, &process)?;
        }
        Ok(self.ingest)
    }

    fn wrong(&self, what: String) -> HistoryError {
        HistoryError::Value { entry: u64::from(self.ingest.log.entries), what }
    }

    /// Notes the steps of a transaction.
    fn code(&mut self, value: &Value) -> Result<(), HistoryError> {
        self.ingest.steps.clear();
        self.ingest.elements.clear();
        let steps = match value {
            Value::Null => return Ok(()),
            Value::Array(steps) => steps,
            other => {
                let what = format!(
                    "a transaction is a list of steps such as [[\"append\", \"x\", 1]], and not \
                     {other}"
                );
                return Err(self.wrong(what));
            }
        };
        for step in steps {
            let coded = self.step(step)?;
            self.ingest.steps.push(coded);
        }
        Ok(())
    }

    fn step(&mut self, step: &Value) -> Result<Coded, HistoryError> {
        let parts = step.as_array().map(Vec::as_slice).unwrap_or_default();
        match parts {
            [Value::String(f), key, element] if f == "append" => {
                let key = self.key(key);
                Ok(Coded::Append(key, self.ingest.log.codes.encode_json(element)))
            }
            [Value::String(f), key] if f == "r" => Ok(Coded::Read(self.key(key), None)),
            [Value::String(f), key, Value::Null] if f == "r" => {
                let end = self.ingest.elements.len();
                Ok(Coded::Read(self.key(key), Some((end, end))))
            }
            [Value::String(f), key, Value::Array(elements)] if f == "r" => {
                let key = self.key(key);
                let begin = self.ingest.elements.len();
                for element in elements {
                    let code = self.ingest.log.codes.encode_json(element);
                    self.ingest.elements.push(code);
                }
                Ok(Coded::Read(key, Some((begin, self.ingest.elements.len()))))
            }
            _ => Err(self.wrong(format!(
                "a step is [\"append\", key, element] or [\"r\", key, [element, ..]], and not \
                 {step}"
            ))),
        }
    }

    fn key(&mut self, key: &Value) -> u32 {
        let code = self.ingest.log.codes.encode_json(key);
        self.ingest.key(code)
    }
}
