//! Operations from a history: what was asked, what was answered, and when.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{Model, text};
use crate::history::{Entry, EntryKind, History, HistoryError, Process};

/// What a client asked, and what it was answered.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The operation, such as `read`.
    pub f: &'a str,
    /// Its argument.
    pub argument: &'a Value,
    /// What came of it.
    pub answer: Answer<'a>,
}

/// What came of an operation that did not fail.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// It took effect, with this result.
    Ok(&'a Value),
    /// It may have taken effect.
    Unknown,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation<C> {
    pub(super) call: C,
    /// For people.
    pub(super) text: String,
    /// The number of the entry that invoked it.
    pub(super) invoked: u64,
    /// The number of the entry that completed it; `None` if its outcome is unknown.
    pub(super) returned: Option<u64>,
}

/// The operations on one object, in the order of their invocations.
#[derive(Debug)]
pub(super) struct Calls<C> {
    pub(super) operations: Vec<Operation<C>>,
}

/// The operations of a history, by the keys of the objects that they are on.
pub(super) fn by_key<M: Model>(
    model: &M,
    history: &History,
    per_key: bool,
) -> Result<BTreeMap<String, Calls<M::Call>>, HistoryError> {
    let mut keys: BTreeMap<String, Calls<M::Call>> = BTreeMap::new();
    let mut add = |invoked: (u64, &Entry), completed: Option<(u64, &Entry)>| {
        let (key, operation) = operation(model, invoked, completed, per_key)?;
        let calls = keys.entry(key).or_insert(Calls { operations: Vec::new() });
        calls.operations.extend(operation);
        Ok(())
    };
    let mut under_way: HashMap<&Process, (u64, &Entry)> = HashMap::new();
    let clients = (0..).zip(history.entries());
    for (at, entry) in clients.filter(|(_, entry)| matches!(entry.process, Process::Client(_))) {
        let wrong =
            |what| HistoryError::Order { entry: at, process: entry.process.to_string(), what };
        if entry.kind == EntryKind::Invoke {
            if under_way.insert(&entry.process, (at, entry)).is_some() {
                return Err(wrong("invokes an operation while another one is under way"));
            }
            continue;
        }
        let Some(invoked) = under_way.remove(&entry.process) else {
            return Err(wrong("completes an operation that it did not invoke"));
        };
        if entry.kind != EntryKind::Fail {
            add(invoked, Some((at, entry)))?;
        }
    }
    for invoked in under_way.into_values() {
        add(invoked, None)?;
    }
    for calls in keys.values_mut() {
        calls.operations.sort_by_key(|operation| operation.invoked);
    }
    Ok(keys)
}

/// The key that an operation is on, and the operation unless it may be left out.
type OnKey<C> = (String, Option<Operation<C>>);

fn operation<M: Model>(
    model: &M,
    (invoked, invocation): (u64, &Entry),
    completed: Option<(u64, &Entry)>,
    per_key: bool,
) -> Result<OnKey<M::Call>, HistoryError> {
    let wrong = |what| HistoryError::Value { entry: invoked, what };
    let f = invocation.f.as_deref().unwrap_or_default();
    let completion = completed.filter(|(_, entry)| entry.kind == EntryKind::Ok);
    let (key, argument) = part(&invocation.value, per_key).map_err(wrong)?;
    let result = match completion {
        Some((_, entry)) => Some(part(&entry.value, per_key).map_err(wrong)?.1),
        None => None,
    };
    let answer = result.map_or(Answer::Unknown, Answer::Ok);
    let call = model.call(Asked { f, argument, answer }).map_err(wrong)?;
    let key = key.map(ToString::to_string).unwrap_or_default();
    let operation = call.map(|call| Operation {
        call,
        text: describe(&invocation.process, f, argument, result),
        invoked,
        returned: completion.map(|(at, _)| at),
    });
    Ok((key, operation))
}

/// The key of a value, if it has one, and the rest.
fn part(value: &Value, per_key: bool) -> Result<(Option<&Value>, &Value), String> {
    match value {
        _ if !per_key => Ok((None, value)),
        Value::Array(pair) if pair.len() == 2 => Ok((Some(&pair[0]), &pair[1])),
        other => Err(format!("a value has to be a pair [key, value], and not {other}")),
    }
}

fn describe(process: &Process, f: &str, argument: &Value, result: Option<&Value>) -> String {
    let mut described = format!("{f} {} by {process}", text(argument));
    match result {
        Some(result) if result != argument => {
            described.push_str(" -> ");
            described.push_str(&text(result));
        }
        Some(_) => {}
        None => described.push_str(" (unknown)"),
    }
    described
}
