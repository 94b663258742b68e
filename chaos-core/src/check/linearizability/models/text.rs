//! A text that is written, read and appended to.

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A text: `get`, `put t`, `append t`. It is empty at first.
///
/// The values of a key-value store that appends, as in the public histories of one; part the history
/// [by keys](super::super::Linearizability::per_key).
#[derive(Debug, Clone, Copy, Default)]
pub struct Text;

/// An operation on a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(hidden)]
pub enum TextCall {
    Get(String),
    Put(String),
    Append(String),
}

impl Model for Text {
    type State = String;
    type Call = TextCall;

    fn initial(&self) -> String {
        String::new()
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<TextCall>, String> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            other => Err(format!("a text is expected, and not {other}")),
        };
        match (asked.f, asked.answer) {
            ("get", Answer::Ok(value)) => text(value).map(|text| Some(TextCall::Get(text))),
            ("get", Answer::Unknown) => Ok(None),
            ("put", _) => text(asked.argument).map(|text| Some(TextCall::Put(text))),
            ("append", _) => text(asked.argument).map(|text| Some(TextCall::Append(text))),
            _ => Err(unknown_operation(asked, "get, put and append")),
        }
    }

    fn step(&self, state: &String, call: &TextCall) -> Option<String> {
        match call {
            TextCall::Get(text) => (text == state).then(|| state.clone()),
            TextCall::Put(text) => Some(text.clone()),
            TextCall::Append(text) => Some(format!("{state}{text}")),
        }
    }

    fn heap_bytes(&self, state: &String) -> usize {
        state.capacity()
    }
}
