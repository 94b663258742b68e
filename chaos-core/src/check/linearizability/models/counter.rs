//! A number that is added to and read.

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A number: `add n`, `read`. It is 0 at first; `add` of a negative number takes away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter;

/// An operation on a [`Counter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum CounterCall {
    Add(i64),
    Read(i64),
}

impl Model for Counter {
    type State = i64;
    type Call = CounterCall;

    fn initial(&self) -> i64 {
        0
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<CounterCall>, String> {
        let integer = |value: &Value| {
            value.as_i64().ok_or_else(|| format!("a counter has an integer, and not {value}"))
        };
        match (asked.f, asked.answer) {
            ("add", _) => integer(asked.argument).map(|n| Some(CounterCall::Add(n))),
            ("read", Answer::Ok(value)) => integer(value).map(|n| Some(CounterCall::Read(n))),
            ("read", Answer::Unknown) => Ok(None),
            _ => Err(unknown_operation(asked, "add and read")),
        }
    }

    fn step(&self, state: &i64, call: &CounterCall) -> Option<i64> {
        match call {
            CounterCall::Add(number) => state.checked_add(*number),
            CounterCall::Read(number) => (number == state).then_some(*state),
        }
    }
}
