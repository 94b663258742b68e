//! A queue, first in, first out.

use std::collections::VecDeque;

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A queue: `enqueue v`, `dequeue` (with the value that came out, or `null` if it was empty). First
/// in, first out; it is empty at first.
///
/// A `dequeue` of unknown outcome may have taken a value out.
#[derive(Debug, Clone, Copy, Default)]
pub struct FifoQueue;

/// An operation on a [`FifoQueue`].
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub enum QueueCall {
    Enqueue(Value),
    /// What came out, if it is known.
    Dequeue(Option<Value>),
}

impl Model for FifoQueue {
    type State = VecDeque<Value>;
    type Call = QueueCall;

    fn initial(&self) -> VecDeque<Value> {
        VecDeque::new()
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<QueueCall>, String> {
        match (asked.f, asked.answer) {
            ("enqueue", _) => Ok(Some(QueueCall::Enqueue(asked.argument.clone()))),
            ("dequeue", Answer::Ok(value)) => Ok(Some(QueueCall::Dequeue(Some(value.clone())))),
            ("dequeue", Answer::Unknown) => Ok(Some(QueueCall::Dequeue(None))),
            _ => Err(unknown_operation(asked, "enqueue and dequeue")),
        }
    }

    fn step(&self, state: &VecDeque<Value>, call: &QueueCall) -> Option<VecDeque<Value>> {
        let mut state = state.clone();
        let fits = match call {
            QueueCall::Enqueue(value) => {
                state.push_back(value.clone());
                true
            }
            QueueCall::Dequeue(None) => {
                state.pop_front();
                true
            }
            QueueCall::Dequeue(Some(value)) => state.pop_front().unwrap_or(Value::Null) == *value,
        };
        fits.then_some(state)
    }

    fn heap_bytes(&self, state: &VecDeque<Value>) -> usize {
        state.capacity() * size_of::<Value>()
    }
}
