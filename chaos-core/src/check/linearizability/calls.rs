//! Operations from a history: what was asked, what was answered, and when.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Model, text};
use crate::history::{self, History, HistoryError, Process};

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

impl<C> Calls<C> {
    /// Whether any two operations overlap.
    pub(super) fn is_concurrent(&self) -> bool {
        let mut latest = Some(0);
        self.operations.iter().any(|operation| {
            let overlaps = latest.is_none_or(|latest| latest > operation.invoked);
            latest = latest.and_then(|latest| operation.returned.map(|at| at.max(latest)));
            overlaps
        })
    }
}

/// The operations of a history, by the keys of the objects that they are on.
pub(super) fn by_key<M: Model>(
    model: &M,
    history: &History,
    per_key: bool,
) -> Result<BTreeMap<String, Calls<M::Call>>, HistoryError> {
    let mut keys: BTreeMap<String, Calls<M::Call>> = BTreeMap::new();
    for asked in history.operations()?.iter().filter(|asked| asked.may_have_happened()) {
        let (key, operation) = operation(model, asked, per_key)?;
        let calls = keys.entry(key).or_insert(Calls { operations: Vec::new() });
        calls.operations.extend(operation);
    }
    Ok(keys)
}

/// The key that an operation is on, and the operation unless it may be left out.
type OnKey<C> = (String, Option<Operation<C>>);

fn operation<M: Model>(
    model: &M,
    asked: &history::Operation<'_>,
    per_key: bool,
) -> Result<OnKey<M::Call>, HistoryError> {
    let wrong = |what| HistoryError::Value { entry: asked.invoked, what };
    let (key, argument) = part(asked.argument, per_key).map_err(wrong)?;
    let result = asked.result.map(|value| part(value, per_key)).transpose().map_err(wrong)?;
    let result = result.map(|(_, value)| value);
    let answer = result.map_or(Answer::Unknown, Answer::Ok);
    let call = model.call(Asked { f: asked.f, argument, answer }).map_err(wrong)?;
    let key = key.map(ToString::to_string).unwrap_or_default();
    let operation = call.map(|call| Operation {
        call,
        text: describe(asked.process, asked.f, argument, result),
        invoked: asked.invoked,
        returned: asked.settled(),
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
