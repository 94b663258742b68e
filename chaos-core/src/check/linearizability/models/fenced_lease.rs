//! A lease with a fencing token.

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A lease that may expire at any time, so that only its token protects what it guards (Kleppmann,
/// *How to do distributed locking*, 2016): `acquire` answers with a token, greater than all before;
/// `write token` takes effect unless a write with a greater token did before; `release` changes
/// nothing.
///
/// An attempt to acquire that was turned down, and a write that was refused, failed (`fail`). A token
/// is an integer, or in the field `token` of an object.
#[derive(Debug, Clone, Copy, Default)]
pub struct FencedLease;

/// The greatest token that was granted, and the greatest one that wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub struct Tokens {
    granted: i64,
    wrote: i64,
}

/// An operation on a [`FencedLease`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum LeaseCall {
    Acquire(i64),
    Write(i64),
}

impl Model for FencedLease {
    type State = Tokens;
    type Call = LeaseCall;

    fn initial(&self) -> Tokens {
        Tokens { granted: i64::MIN, wrote: i64::MIN }
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<LeaseCall>, String> {
        let token = |value: &Value| {
            let token = value.get("token").unwrap_or(value).as_i64();
            token.ok_or_else(|| format!("a token is an integer, and not {value}"))
        };
        match (asked.f, asked.answer) {
            ("acquire", Answer::Ok(value)) => {
                token(value).map(|token| Some(LeaseCall::Acquire(token)))
            }
            // It may have been granted any token, which says nothing of the next one.
            ("acquire", Answer::Unknown) | ("release", _) => Ok(None),
            ("write", _) => token(asked.argument).map(|token| Some(LeaseCall::Write(token))),
            _ => Err(unknown_operation(asked, "acquire, write and release")),
        }
    }

    fn step(&self, state: &Tokens, call: &LeaseCall) -> Option<Tokens> {
        match *call {
            LeaseCall::Acquire(token) => {
                (token > state.granted).then_some(Tokens { granted: token, ..*state })
            }
            LeaseCall::Write(token) => {
                (token >= state.wrote).then_some(Tokens { wrote: token, ..*state })
            }
        }
    }
}
