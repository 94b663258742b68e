//! Commands with a key, each of which takes effect once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// Idempotent commands: `apply [key, effect]` takes effect the first time that its key is applied, and
/// answers with the effect that the key then has; `read` answers with an object of all effects.
///
/// An `apply` that only answers with its argument may have been a repetition with another effect, so
/// record what the service returned: `[key, effect]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Once;

/// An operation on [`Once`].
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub enum OnceCall {
    /// A key, the effect that was asked for, and the one that it has, if that is known.
    Apply(String, Value, Option<Value>),
    Read(BTreeMap<String, Value>),
}

fn pair(value: &Value) -> Result<(String, Value), String> {
    match value {
        Value::Array(pair) if pair.len() == 2 => {
            Ok((crate::check::label::label(&pair[0]), pair[1].clone()))
        }
        other => Err(format!("a command is a pair [key, effect], and not {other}")),
    }
}

impl Model for Once {
    type State = BTreeMap<String, Value>;
    type Call = OnceCall;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<OnceCall>, String> {
        match (asked.f, asked.answer) {
            ("apply", answer) => {
                let (key, effect) = pair(asked.argument)?;
                let has = match answer {
                    Answer::Ok(value) => Some(pair(value)?.1),
                    Answer::Unknown => None,
                };
                Ok(Some(OnceCall::Apply(key, effect, has)))
            }
            ("read", Answer::Ok(Value::Object(all))) => {
                let all = all.iter().map(|(key, effect)| (key.clone(), effect.clone()));
                Ok(Some(OnceCall::Read(all.collect())))
            }
            ("read", Answer::Ok(other)) => {
                Err(format!("a read is an object of all effects, and not {other}"))
            }
            ("read", Answer::Unknown) => Ok(None),
            _ => Err(unknown_operation(asked, "apply and read")),
        }
    }

    fn step(&self, state: &Self::State, call: &OnceCall) -> Option<Self::State> {
        match call {
            OnceCall::Read(all) => (state == all).then(|| state.clone()),
            OnceCall::Apply(key, effect, has) => {
                let mut state = state.clone();
                let own = state.entry(key.clone()).or_insert_with(|| effect.clone());
                has.as_ref().is_none_or(|has| has == own).then_some(state)
            }
        }
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.keys().map(|key| key.len() + 96).sum()
    }
}
