//! A set of values.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A set: `add v`, `remove v`, `contains v` (with the result true or false), `read` (a list of all,
/// in any order; also called `scan`). It is empty at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Set;

/// An operation on a [`Set`]. Values are texts of JSON, which have an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(hidden)]
pub enum SetCall {
    Add(String),
    Remove(String),
    Contains(String, bool),
    Read(BTreeSet<String>),
}

impl Model for Set {
    type State = BTreeSet<String>;
    type Call = SetCall;

    fn initial(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<SetCall>, String> {
        let value = asked.argument.to_string();
        match (asked.f, asked.answer) {
            ("add", _) => Ok(Some(SetCall::Add(value))),
            ("remove", _) => Ok(Some(SetCall::Remove(value))),
            ("contains", Answer::Ok(Value::Bool(found))) => {
                Ok(Some(SetCall::Contains(value, *found)))
            }
            ("contains", Answer::Ok(other)) => {
                Err(format!("`contains` is answered by true or false, and not {other}"))
            }
            ("read" | "scan", Answer::Ok(Value::Array(all))) => {
                Ok(Some(SetCall::Read(all.iter().map(ToString::to_string).collect())))
            }
            ("read" | "scan", Answer::Ok(other)) => {
                Err(format!("a set is read as a list of its values, and not {other}"))
            }
            ("contains" | "read" | "scan", Answer::Unknown) => Ok(None),
            _ => Err(unknown_operation(asked, "add, remove, contains and read")),
        }
    }

    fn step(&self, state: &BTreeSet<String>, call: &SetCall) -> Option<BTreeSet<String>> {
        let mut state = state.clone();
        let fits = match call {
            SetCall::Add(value) => {
                state.insert(value.clone());
                true
            }
            SetCall::Remove(value) => {
                state.remove(value);
                true
            }
            SetCall::Contains(value, found) => state.contains(value) == *found,
            SetCall::Read(all) => state == *all,
        };
        fits.then_some(state)
    }

    fn heap_bytes(&self, state: &BTreeSet<String>) -> usize {
        state.iter().map(|value| value.len() + 40).sum()
    }
}
