//! A register that is read, written, and compared and set.

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// One value: `read`, `write v`, `cas [old, new]`. It is `null` at first.
///
/// For a map of such values, part the history [by keys](super::super::Linearizability::per_key). A
/// compare-and-set that did not find the old value is one that failed (`fail`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Register;

/// An operation on a [`Register`].
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub enum RegisterCall {
    Read(Value),
    Write(Value),
    CompareAndSet(Value, Value),
}

impl Model for Register {
    type State = Value;
    type Call = RegisterCall;

    fn initial(&self) -> Value {
        Value::Null
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<RegisterCall>, String> {
        match (asked.f, asked.answer, asked.argument) {
            ("read", Answer::Ok(value), _) => Ok(Some(RegisterCall::Read(value.clone()))),
            ("read", Answer::Unknown, _) => Ok(None),
            ("write", _, value) => Ok(Some(RegisterCall::Write(value.clone()))),
            ("cas", _, Value::Array(pair)) if pair.len() == 2 => {
                Ok(Some(RegisterCall::CompareAndSet(pair[0].clone(), pair[1].clone())))
            }
            ("cas", _, other) => Err(format!("a cas has a pair [old, new], and not {other}")),
            _ => Err(unknown_operation(asked, "read, write and cas")),
        }
    }

    fn step(&self, state: &Value, call: &RegisterCall) -> Option<Value> {
        match call {
            RegisterCall::Read(value) => (value == state).then(|| state.clone()),
            RegisterCall::Write(value) => Some(value.clone()),
            RegisterCall::CompareAndSet(old, new) => (old == state).then(|| new.clone()),
        }
    }
}
