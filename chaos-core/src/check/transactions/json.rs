//! Transactions from JSON.

use std::collections::HashMap;
use std::io::BufRead;

use serde_json::Value;

use super::ingest::{Coded, Ingest};
use super::register::Cell;
use super::scan;
use crate::history::lines::{Lines, entry};
use crate::history::{EntryKind, History, HistoryError, Process};

pub(super) fn from_history(history: &History) -> Result<Ingest, HistoryError> {
    let mut reader = Reader::default();
    for entry in history.entries() {
        reader.push(&entry.process, entry.kind, &entry.value)?;
    }
    reader.finish()
}

pub(super) fn from_jsonl(source: impl BufRead) -> Result<Ingest, HistoryError> {
    let mut reader = Reader::default();
    let mut lines = Lines::of(source);
    while let Some((number, text)) = lines.next()? {
        if let Some(line) = scan::line(text) {
            reader.push_line(line)?;
            continue;
        }
        let entry = entry(number, text)?;
        reader.push(&entry.process, entry.kind, &entry.value)?;
    }
    reader.finish()
}

#[derive(Debug, Default)]
struct Reader {
    ingest: Ingest,
    /// What is under way, as JSON, for those that never complete.
    under_way: HashMap<Process, Vec<u8>>,
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
            self.under_way.insert(process.clone(), value.to_string().into_bytes());
            return Ok(());
        }
        if is_client {
            let invoked = self.under_way.get_mut(process).map(std::mem::take);
            // An operation that did not succeed may say only at its invocation what it was.
            match invoked.filter(|_| value.is_null()) {
                Some(invoked) => self.code_text(&invoked)?,
                None => self.code(value)?,
            }
        }
        self.ingest.take(kind, process)
    }

    /// The same, of a common line of a client.
    fn push_line(&mut self, line: scan::Line<'_>) -> Result<(), HistoryError> {
        let process = Process::Client(line.process);
        if line.kind == EntryKind::Invoke {
            self.ingest.take(line.kind, &process)?;
            // Each process has one buffer, which is used again.
            let under_way = self.under_way.entry(process).or_default();
            under_way.clear();
            under_way.extend_from_slice(line.value);
            return Ok(());
        }
        let invoked = self.under_way.get_mut(&process).map(std::mem::take);
        match &invoked {
            Some(invoked) if line.value == b"null" => self.code_text(invoked)?,
            _ => self.code_text(line.value)?,
        }
        if let Some(mut buffer) = invoked {
            buffer.clear();
            self.under_way.insert(process.clone(), buffer);
        }
        self.ingest.take(line.kind, &process)
    }

    /// Notes the steps of a transaction in JSON; of none, where there is no text.
    fn code_text(&mut self, text: &[u8]) -> Result<(), HistoryError> {
        self.ingest.steps.clear();
        self.ingest.elements.clear();
        if text.is_empty() || scan::steps(text, &mut self.ingest).is_some() {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| self.wrong(format!("the value is no JSON: {error}")))?;
        self.code(&value)
    }

    fn finish(mut self) -> Result<Ingest, HistoryError> {
        let pending = std::mem::take(&mut self.under_way).into_iter();
        let mut pending: Vec<_> =
            pending.filter(|(process, _)| self.ingest.is_under_way(process)).collect();
        // In an order that does not depend on how processes are hashed.
        pending.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (process, value) in pending {
            self.code_text(&value)?;
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
            [Value::String(f), key, value] if f == "w" => {
                let cell = self.cell(value)?;
                Ok(Coded::Write(self.key(key), cell))
            }
            [Value::String(f), key, value] if f == "r" => {
                let cell = self.cell(value)?;
                Ok(Coded::Get(self.key(key), cell))
            }
            _ => Err(self.wrong(format!(
                "a step is [\"append\", key, element], [\"r\", key, [element, ..]], or of registers \
                 [\"w\", key, value] and [\"r\", key, value], and not {step}"
            ))),
        }
    }

    /// What is in a register: a value, or an object with a version.
    fn cell(&mut self, value: &Value) -> Result<Cell, HistoryError> {
        let codes = &mut self.ingest.log.codes;
        let Some(version) = value.get("version") else {
            let value = (!value.is_null()).then(|| codes.encode_json(value));
            return Ok(Cell { version: None, value });
        };
        let of = value.get("value").filter(|value| !value.is_null());
        let of = of.map(|value| codes.encode_json(value));
        if !version.is_null() && version.as_i64().is_none() {
            return Err(self.wrong(format!("a version is an integer, and not {version}")));
        }
        Ok(Cell { version: version.as_i64(), value: of })
    }

    fn key(&mut self, key: &Value) -> u32 {
        let code = self.ingest.log.codes.encode_json(key);
        self.ingest.key(code)
    }
}
