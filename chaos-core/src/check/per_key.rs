//! One checker for each key of a history.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::checker::{CheckError, Checker};
use super::evidence::Evidence;
use super::label::label;
use super::report::Report;
use crate::history::{Entry, EntryKind, History, HistoryError, Process};

/// Takes the values of a history for pairs `[key, value]`, and judges each key for itself.
///
/// A violation says of which key it is. Nothing is put to the test only if that is so of every key.
///
/// ```
/// use chaos_core::check::{Checker, counter_bounds, per_key};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "add", "value": ["likes", 1]}
/// {"process": 0, "type": "ok", "f": "add", "value": ["likes", 1]}
/// {"process": 0, "type": "invoke", "f": "read", "value": ["likes", null]}
/// {"process": 0, "type": "ok", "f": "read", "value": ["likes", 0]}
/// "#;
/// let history = History::from_jsonl(lines.as_bytes())?;
/// let report = per_key(counter_bounds()).check_history(&history)?;
/// assert_eq!(report.violations[0].key.as_deref(), Some("likes"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn per_key<C: Checker>(checker: C) -> PerKey<C> {
    PerKey { checker }
}

/// One checker for each key of a history; made by [`per_key`].
#[derive(Debug, Clone)]
pub struct PerKey<C> {
    checker: C,
}

impl<C: Checker> Checker for PerKey<C> {
    fn name(&self) -> String {
        format!("of each key, {}", self.checker.name())
    }

    fn questions(&self) -> Vec<String> {
        self.checker.questions()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let parts = part(evidence.history())?;
        let mut all = Report::of(self.name());
        let mut vacuous = (0, None);
        let keys = parts.len();
        for (key, part) in parts {
            let checked = self.checker.check(&evidence.of(&part.history));
            let mut report = checked.map_err(|error| part.place(error))?;
            for violation in &mut report.violations {
                for entry in &mut violation.entries {
                    *entry = part.entry(*entry);
                }
                for step in &mut violation.cycle {
                    step.entry = part.entry(step.entry);
                }
                violation.key.get_or_insert_with(|| key.clone());
            }
            if let Some(why) = report.forgive_vacuous() {
                vacuous = (vacuous.0 + 1, Some(format!("{key}: {why}")));
            }
            if let Some(why) = &mut report.unknown {
                *why = format!("{key}: {why}");
            }
            all.absorb(report);
        }
        all.count("keys", keys as u64);
        if vacuous.0 == keys {
            all.vacuous(vacuous.1.unwrap_or_else(|| "there is no key in the history".to_owned()));
        }
        Ok(all)
    }
}

/// What concerns one key, with the numbers that its entries have in the whole history.
#[derive(Default)]
struct Part {
    history: History,
    entries: Vec<u64>,
}

impl Part {
    fn entry(&self, number: u64) -> u64 {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.entries.get(number).copied().unwrap_or_default()
    }

    /// An error with the number of the entry in the whole history.
    fn place(&self, error: CheckError) -> CheckError {
        match error {
            CheckError::History(HistoryError::Value { entry, what }) => {
                HistoryError::Value { entry: self.entry(entry), what }.into()
            }
            CheckError::History(HistoryError::Order { entry, process, what }) => {
                HistoryError::Order { entry: self.entry(entry), process, what }.into()
            }
            other => other,
        }
    }
}

fn part(history: &History) -> Result<BTreeMap<String, Part>, HistoryError> {
    let mut entries: BTreeMap<String, (Vec<Entry>, Vec<u64>)> = BTreeMap::new();
    // A completion is on the key of its invocation: one that failed may have no value of its own.
    let mut under_way: HashMap<&Process, String> = HashMap::new();
    for (at, entry) in (0..).zip(history.entries()) {
        if matches!(entry.process, Process::Other(_)) {
            continue;
        }
        let (key, value) = if entry.kind == EntryKind::Invoke {
            let (key, value) = pair(at, &entry.value)?;
            under_way.insert(&entry.process, key.clone());
            (key, value)
        } else {
            match under_way.remove(&entry.process) {
                Some(key) if entry.kind != EntryKind::Ok => {
                    (key, pair(at, &entry.value).map_or(Value::Null, |(_, value)| value))
                }
                Some(key) => (key, pair(at, &entry.value)?.1),
                None => pair(at, &entry.value)?,
            }
        };
        let part = entries.entry(key).or_default();
        part.0.push(Entry { value, ..entry.clone() });
        part.1.push(at);
    }
    let parts = entries.into_iter().map(|(key, (entries, numbers))| {
        (key, Part { history: History::new(entries), entries: numbers })
    });
    Ok(parts.collect())
}

fn pair(at: u64, value: &Value) -> Result<(String, Value), HistoryError> {
    match value {
        Value::Array(pair) if pair.len() == 2 => Ok((label(&pair[0]), pair[1].clone())),
        other => {
            let what = format!("a value has to be a pair [key, value], and not {other}");
            Err(HistoryError::Value { entry: at, what })
        }
    }
}
