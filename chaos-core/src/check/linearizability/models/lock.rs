//! A lock that one holds at a time.

use serde_json::Value;

use super::super::{Asked, Model};
use super::unknown_operation;

/// A lock: `acquire owner`, `release owner`. Only one owner holds it at a time, and only that one
/// releases it. It is free at first.
///
/// The value of an operation says who the owner is. An attempt to acquire that was turned down
/// failed (`fail`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Lock;

/// An operation on a [`Lock`].
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub enum LockCall {
    Acquire(Value),
    Release(Value),
}

impl Model for Lock {
    type State = Option<Value>;
    type Call = LockCall;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<LockCall>, String> {
        match asked.f {
            "acquire" => Ok(Some(LockCall::Acquire(asked.argument.clone()))),
            "release" => Ok(Some(LockCall::Release(asked.argument.clone()))),
            _ => Err(unknown_operation(asked, "acquire and release")),
        }
    }

    fn step(&self, holder: &Option<Value>, call: &LockCall) -> Option<Option<Value>> {
        match (call, holder) {
            (LockCall::Acquire(owner), None) => Some(Some(owner.clone())),
            (LockCall::Release(owner), Some(holder)) if owner == holder => Some(None),
            _ => None,
        }
    }
}
