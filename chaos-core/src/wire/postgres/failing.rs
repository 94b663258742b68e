//! Requests that fail on the server, in the place of those that a fault answers with an error.
//!
//! The server itself has to fail, so that its transaction, the rest of a pipelined batch and a copy
//! end as after any other error. What it fails with cannot be chosen; the error that it answers with
//! is replaced on the way back (see [`Requests`](super::requests::Requests)).
//!
//! | instead of | the server gets | and its state is then |
//! |---|---|---|
//! | `Query` | one with a syntax error | failed in a transaction, else idle |
//! | `Query` that commits | `ROLLBACK` | idle, as after a commit that failed |
//! | a message of the extended protocol | an `Execute` of a portal that does not exist | it skips up to `Sync` |
//! | `Execute` that commits | a `ROLLBACK`, prepared and executed, and nothing more up to `Sync` | idle |
//! | `CopyData`, `CopyDone` | `CopyFail` | failed; what is copied still is thrown away |

use bytes::{BufMut, Bytes, BytesMut};

use crate::fault::SqlError;

/// The name of the statement and the portal with which a transaction is rolled back.
const ROLLBACK: &[u8] = b"chaos rollback\0";

/// An `ErrorResponse`.
pub(crate) fn error_response(error: &SqlError) -> Bytes {
    message(b'E', |body| {
        let severity = error.severity.name();
        let fields = [
            (b'S', Some(severity)),
            (b'V', Some(severity)),
            (b'C', Some(error.code.as_str())),
            (b'M', Some(&*error.message)),
            (b'D', error.detail.as_deref()),
            (b'H', error.hint.as_deref()),
        ];
        for (field, text) in fields {
            if let Some(text) = text {
                body.put_u8(field);
                put_text(body, text);
            }
        }
        body.put_u8(0);
    })
}

/// A `Query` that fails whatever the state of the transaction, and says so in the server's log.
pub(super) fn query(error: &SqlError) -> Bytes {
    message(b'Q', |body| put_text(body, &marker(error)))
}

/// A `Query` that rolls back.
pub(super) fn rollback_query() -> Bytes {
    message(b'Q', |body| body.put_slice(b"ROLLBACK\0"))
}

/// An `Execute` that fails whatever the state of the transaction.
pub(super) fn execute(error: &SqlError) -> Bytes {
    message(b'E', |body| {
        put_text(body, &marker(error));
        body.put_i32(0);
    })
}

/// A `Parse`, a `Bind`, an `Execute` and a `Close` that roll back.
pub(super) fn rollback_batch() -> Bytes {
    let parse = message(b'P', |body| {
        body.put_slice(ROLLBACK);
        body.put_slice(b"ROLLBACK\0\0\0");
    });
    let bind = message(b'B', |body| {
        body.put_slice(ROLLBACK);
        body.put_slice(ROLLBACK);
        body.put_slice(&[0; 6]);
    });
    let execute = message(b'E', |body| {
        body.put_slice(ROLLBACK);
        body.put_i32(0);
    });
    let close = message(b'C', |body| {
        body.put_u8(b'S');
        body.put_slice(ROLLBACK);
    });
    [parse, bind, execute, close].concat().into()
}

/// A `CopyFail`.
pub(super) fn copy_fail(error: &SqlError) -> Bytes {
    message(b'f', |body| put_text(body, &marker(error)))
}

/// The end of a batch.
pub(super) fn sync() -> Bytes {
    message(b'S', |_| {})
}

/// What whoever reads the server's log finds there.
fn marker(error: &SqlError) -> String {
    format!("chaos: a test has error {} injected here", error.code)
}

fn put_text(body: &mut BytesMut, text: &str) {
    // A zero byte would end it.
    body.extend(text.bytes().filter(|byte| *byte != 0));
    body.put_u8(0);
}

fn message(tag: u8, fill: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut message = BytesMut::from(&[tag, 0, 0, 0, 0][..]);
    fill(&mut message);
    let length = u32::try_from(message.len() - 1).unwrap_or(u32::MAX);
    message[1..5].copy_from_slice(&length.to_be_bytes());
    message.freeze()
}
