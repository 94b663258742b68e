//! Faults of single messages: answers that are made up, and messages that come late, never, twice or
//! changed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

use super::builder::{ErrorReply, MessageFault};
use super::{Fault, FaultKind};
use crate::delay::IntoDelay;
use crate::trigger::message::{MessageTrigger, Moment, query};

/// Answers a request with an error of the database, and sees to it that the server agrees.
///
/// The request is not carried out: the server gets one in its place that fails. So a transaction is
/// really aborted, the rest of a pipelined batch is skipped, and a `ROLLBACK` works, as after any
/// error. At a [`commit`](crate::trigger::message::commit) the transaction is rolled back and over.
/// An error at the start-up, and one that is [fatal](Severity::Fatal), ends the connection.
///
/// The server's own log has an error of its own about each such request.
///
/// ```
/// use chaos_core::prelude::*;
///
/// let fault = error(SqlState::T_R_SERIALIZATION_FAILURE).on(commit().first(3));
/// let text = error("53300".parse::<SqlCode>()?).message("too many clients");
/// # Ok::<(), chaos_core::fault::InvalidSqlState>(())
/// ```
///
/// Only a request can be answered:
///
/// ```compile_fail,E0277
/// use chaos_core::prelude::*;
/// let fault = error(SqlState::T_R_SERIALIZATION_FAILURE).on(commit_complete());
/// ```
///
/// # Panics
///
/// When a `SqlState` was made from a text that is none; parsing a [`SqlCode`] returns the error instead.
#[track_caller]
pub fn error(code: impl Into<SqlCode>) -> ErrorReply {
    let code = code.into();
    let message = format!("error {code} injected by a test");
    let error = SqlError { severity: Severity::Error, code, message, detail: None, hint: None };
    of_message(FaultKind::Error { error: Box::new(error) }, query("")).into()
}

/// Delivers a message later by `delay`, and with it whatever follows in its direction.
///
/// # Panics
///
/// When the delay is a range, and empty.
#[track_caller]
pub fn delay_message(message: impl Into<MessageTrigger>, delay: impl IntoDelay) -> MessageFault {
    of_message(FaultKind::DelayMessage { delay: delay.into_delay() }, message).into()
}

/// Loses a message; the connection goes on without it.
///
/// This never happens under TCP. It stands for a proxy or pooler that swallows messages, and finds
/// out what a client does that waits for an answer which does not come.
pub fn drop_message(message: impl Into<MessageTrigger>) -> MessageFault {
    of_message(FaultKind::DropMessage, message).into()
}

/// Delivers a message twice, if it is no longer than 1 MiB.
pub fn duplicate_message(message: impl Into<MessageTrigger>) -> MessageFault {
    of_message(FaultKind::DuplicateMessage, message).into()
}

/// Changes one of the first 64 bytes of what a message holds, behind its length; it stays a message.
///
/// A message that holds nothing is left alone.
pub fn corrupt_message(message: impl Into<MessageTrigger>) -> MessageFault {
    of_message(FaultKind::CorruptMessage, message).into()
}

fn of_message(kind: FaultKind, message: impl Into<MessageTrigger>) -> Fault {
    let at = crate::trigger::message::At::Before;
    let moment = Moment { message: message.into(), at };
    Fault { message: Some(Box::new(moment)), ..Fault::new(kind) }
}

/// An error of the database, as a client is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SqlError {
    /// How severe it is.
    pub severity: Severity,
    /// The SQLSTATE.
    pub code: SqlCode,
    /// The text.
    pub message: String,
    /// What is said in detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is said to be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `40001`, or `FATAL 57P01`.
impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity != Severity::Error {
            write!(f, "{} ", self.severity.name())?;
        }
        self.code.fmt(f)
    }
}

/// How severe an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session is over; the connection is ended behind the error.
    Fatal,
    /// All sessions are over; the connection is ended behind the error.
    Panic,
}

impl Severity {
    /// As a server writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }
}

/// A SQLSTATE: five digits and capital letters, such as `40001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SqlCode([u8; 5]);

/// A text that is no SQLSTATE of an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SQLSTATE of an error; write five digits and capital letters, such as `40001`")]
pub struct InvalidSqlState(String);

impl SqlCode {
    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // They are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SqlCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SqlCode {
    type Err = InvalidSqlState;

    fn from_str(text: &str) -> Result<Self, InvalidSqlState> {
        let is_code = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        match <[u8; 5]>::try_from(text.as_bytes()) {
            // Class 00 is success, which is no error.
            Ok(code) if code.iter().all(is_code) && !code.starts_with(b"00") => Ok(Self(code)),
            _ => Err(InvalidSqlState(text.to_owned())),
        }
    }
}

impl TryFrom<String> for SqlCode {
    type Error = InvalidSqlState;

    fn try_from(text: String) -> Result<Self, InvalidSqlState> {
        text.parse()
    }
}

impl From<SqlCode> for String {
    fn from(code: SqlCode) -> Self {
        code.as_str().to_owned()
    }
}

impl From<SqlState> for SqlCode {
    /// # Panics
    ///
    /// When the state was made from a text that is no SQLSTATE of an error.
    #[track_caller]
    fn from(state: SqlState) -> Self {
        match state.code().parse() {
            Ok(code) => code,
            Err(error) => panic!("{error}"),
        }
    }
}
