//! Triggers on the messages of the PostgreSQL protocol.
//!
//! A [`Request`] chooses among what the client sends, a [`Reply`] among what the server answers. A
//! fault that acts *at* a message acts before it is delivered, unless [`after`](Request::after) or
//! [`torn`](Request::torn) says otherwise:
//!
//! ```
//! use chaos_core::prelude::*;
//!
//! // The server never hears of the commit.
//! let not_committed = reset().on(commit());
//! // The server has committed, and the client is not told.
//! let committed = reset().on(commit_complete());
//! // The second INSERT of the connection is answered, and then nothing is delivered any more.
//! let silent = stall().on(command_complete("INSERT").nth(2).after());
//! ```
//!
//! Statements are looked at through prepared statements: an `Execute` is the statement that its
//! portal was prepared from. SQL that PostgreSQL prepares itself (`PREPARE`, `EXECUTE`) and
//! functions that it calls are not looked into.
//!
//! A fault that no message of such a kind can meet does not compile:
//!
//! ```compile_fail,E0277
//! use chaos_core::prelude::*;
//! // A limited rate is no matter of single messages.
//! let fault = bandwidth(1.kib_per_sec()).on(commit());
//! ```

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::Trigger;
use crate::direction::Direction;
use crate::probability::Probability;

mod kind;
mod label;
mod statement;

pub use self::kind::{Backend, Frontend, MessageKind};
pub use self::statement::{Expression, InvalidRegex, StatementPattern};

/// Which messages of a connection: of a kind or with certain SQL, and the how-manieth of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageTrigger {
    /// Which messages count.
    pub which: Which,
    /// Which of those that count.
    #[serde(default)]
    pub count: Count,
    /// Whether they are counted over all connections of the link, instead of on each by itself.
    #[serde(default)]
    pub over_link: bool,
}

/// Which messages count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Which {
    /// Those of a kind.
    Kind(MessageKind),
    /// The request to carry out a statement: a `Query` or an `Execute`.
    Statement(StatementPattern),
    /// The `CommandComplete` of a statement.
    StatementComplete(StatementPattern),
    /// A `CommandComplete` whose tag begins like this.
    Tag(String),
    /// The message with this ordinal on its connection and in its direction: the first one of the
    /// start-up is 1.
    Ordinal(Direction, NonZeroU64),
}

/// Which of the messages that count, from when the fault met the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Count {
    /// Every one.
    #[default]
    Every,
    /// The n-th only.
    Nth(NonZeroU64),
    /// Every n-th.
    EveryNth(NonZeroU64),
    /// The first n.
    First(NonZeroU64),
}

/// Where at a message a fault begins to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum At {
    /// Before anything of the message is delivered.
    #[default]
    Before,
    /// Once all of it is delivered.
    After,
    /// Inside it, once so many of its bytes are delivered: at least one, and at most all but one.
    Inside(u64),
    /// Inside it, once half of it is delivered.
    Half,
}

/// A message, and where at it a fault begins to act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a moment does nothing until it is given to a fault: `cut().on(moment)`"]
pub struct Moment {
    /// Which message.
    #[serde(flatten)]
    pub message: MessageTrigger,
    /// Where at it.
    #[serde(default)]
    pub at: At,
}

/// When a fault applies that can act at a message: on chosen connections, or at a message.
///
/// Given twice, once with each, it does so at the message on the chosen connections.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// On these connections.
    Connections(Trigger),
    /// At this message.
    Message(Moment),
}

/// Messages that the client sends.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a trigger does nothing until it is given to a fault: `cut().on(request)`"]
pub struct Request(MessageTrigger);

/// Messages that the server sends.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a trigger does nothing until it is given to a fault: `cut().on(reply)`"]
pub struct Reply(MessageTrigger);

/// The request to commit: a `COMMIT` or `END`, in the simple or in the extended protocol.
///
/// The answer to it is [`commit_complete`].
pub fn commit() -> Request {
    Request(MessageTrigger::new(Which::Statement(StatementPattern::Commit)))
}

/// The answer to a commit that took place: `CommandComplete` with the tag `COMMIT`.
pub fn commit_complete() -> Reply {
    command_complete("COMMIT")
}

/// A statement whose SQL begins like this, whatever its case, white space and comments; `""` is
/// every statement.
///
/// In a query of several statements each counts for itself, and the fault acts at the query.
pub fn query(prefix: &str) -> Request {
    Request(MessageTrigger::new(Which::Statement(StatementPattern::Prefix(prefix.to_owned()))))
}

/// A statement whose SQL matches a regular expression of the crate `regex-lite`, as it was sent.
///
/// # Panics
///
/// When the expression is none; [`StatementPattern::regex`] returns the error instead.
#[track_caller]
pub fn query_matching(regex: &str) -> Request {
    match StatementPattern::regex(regex) {
        Ok(pattern) => statement(pattern),
        Err(error) => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            panic!("{error}: {}", why.unwrap_or_default())
        }
    }
}

/// A statement that is the same as this one but for its literals, parameters, case, white space and
/// comments.
///
/// ```
/// use chaos_core::prelude::*;
///
/// let update = query_like("UPDATE account SET balance = balance + 5 WHERE id = 7");
/// // Meets `update account set balance = balance + $1 where id=$2`, too.
/// let fault = cut().on(update.nth(2));
/// ```
pub fn query_like(sql: &str) -> Request {
    statement(StatementPattern::Like(sql.to_owned()))
}

/// A statement that a pattern describes.
pub fn statement(pattern: StatementPattern) -> Request {
    Request(MessageTrigger::new(Which::Statement(pattern)))
}

/// The answer to a statement that was carried out, by its tag: `command_complete("INSERT")`.
pub fn command_complete(tag: &str) -> Reply {
    Reply(MessageTrigger::new(Which::Tag(tag.to_owned())))
}

/// A kind of message that the client sends.
pub fn frontend(kind: Frontend) -> Request {
    Request(MessageTrigger::new(Which::Kind(MessageKind::Frontend(kind))))
}

/// A kind of message that the server sends.
pub fn backend(kind: Backend) -> Reply {
    Reply(MessageTrigger::new(Which::Kind(MessageKind::Backend(kind))))
}

/// The message that the client sends as number `n` on a connection, the first of the start-up being 1.
///
/// # Panics
///
/// When `n` is 0.
#[track_caller]
pub fn frontend_message(n: u64) -> Request {
    Request(MessageTrigger::new(Which::Ordinal(Direction::Upstream, counted(n))))
}

/// The message that the server sends as number `n` on a connection, the first of the start-up being 1.
///
/// # Panics
///
/// When `n` is 0.
#[track_caller]
pub fn backend_message(n: u64) -> Reply {
    Reply(MessageTrigger::new(Which::Ordinal(Direction::Downstream, counted(n))))
}

impl Request {
    /// The answer to such a statement once it was carried out: its `CommandComplete`, whatever the
    /// tag.
    ///
    /// # Panics
    ///
    /// When the request is no statement.
    #[track_caller]
    pub fn complete(self) -> Reply {
        match self.0.which {
            Which::Statement(pattern) => {
                let which = Which::StatementComplete(pattern);
                Reply(MessageTrigger { which, ..self.0 })
            }
            other => panic!(
                "{other} is completed by no message; write `query(\"..\").complete()`, or name the \
                 answer with `backend(..)`"
            ),
        }
    }
}

/// What requests and replies have in common.
macro_rules! messages {
    ($name:ident) => {
        impl $name {
            /// Only the n-th of them on each connection, counted from when the fault met it.
            ///
            /// # Panics
            ///
            /// When `n` is 0: messages are counted from 1.
            #[track_caller]
            pub fn nth(self, n: u64) -> Self {
                self.counting(Count::Nth(counted(n)))
            }

            /// Every n-th of them on each connection.
            ///
            /// # Panics
            ///
            /// When `n` is 0: messages are counted from 1.
            #[track_caller]
            pub fn every_nth(self, n: u64) -> Self {
                self.counting(Count::EveryNth(counted(n)))
            }

            /// The first n of them on each connection.
            ///
            /// # Panics
            ///
            /// When `n` is 0: messages are counted from 1.
            #[track_caller]
            pub fn first(self, n: u64) -> Self {
                self.counting(Count::First(counted(n)))
            }

            /// Counts over all connections of the link, from when the fault was injected.
            pub fn over_link(mut self) -> Self {
                self.0.over_link = true;
                self
            }

            /// Before anything of the message is delivered, as if nothing were said.
            pub fn before(self) -> Moment {
                self.at(At::Before)
            }

            /// Once the message is delivered.
            pub fn after(self) -> Moment {
                self.at(At::After)
            }

            /// Inside the message, once half of it is delivered.
            pub fn torn(self) -> Moment {
                self.at(At::Half)
            }

            /// Inside the message, once so many bytes of it are delivered, its header included: at
            /// least 1, and at most all but one.
            pub fn torn_after(self, bytes: u64) -> Moment {
                self.at(At::Inside(bytes))
            }

            fn counting(mut self, count: Count) -> Self {
                self.0.count = count;
                self
            }

            fn at(self, at: At) -> Moment {
                Moment { message: self.0, at }
            }
        }

        impl From<$name> for MessageTrigger {
            fn from(message: $name) -> Self {
                message.0
            }
        }

        impl From<$name> for Moment {
            fn from(message: $name) -> Self {
                message.before()
            }
        }

        impl From<$name> for When {
            fn from(message: $name) -> Self {
                Self::Message(message.before())
            }
        }
    };
}

messages!(Request);
messages!(Reply);

impl From<Moment> for When {
    fn from(moment: Moment) -> Self {
        Self::Message(moment)
    }
}

impl From<Trigger> for When {
    fn from(trigger: Trigger) -> Self {
        Self::Connections(trigger)
    }
}

impl From<Probability> for When {
    fn from(probability: Probability) -> Self {
        Self::Connections(probability.into())
    }
}

impl MessageTrigger {
    /// Every message that counts, on each connection.
    #[must_use]
    pub fn new(which: Which) -> Self {
        Self { which, count: Count::Every, over_link: false }
    }
}

impl Count {
    /// Whether the message that counts as number `n` is one of them.
    #[must_use]
    pub fn includes(self, n: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(nth) => n == nth.get(),
            Self::EveryNth(nth) => n % nth.get() == 0,
            Self::First(first) => n <= first.get(),
        }
    }
}

impl At {
    /// How much of a message of `length` bytes is delivered before the fault acts.
    pub(crate) fn offset(self, length: u64) -> u64 {
        let most = length.saturating_sub(1).max(1);
        match self {
            Self::Before => 0,
            Self::After => length,
            Self::Inside(bytes) => bytes.clamp(1, most),
            Self::Half => (length / 2).clamp(1, most),
        }
    }
}

/// A message at which a fault acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageMet {
    pub(crate) direction: Direction,
    /// Which message of this direction of the connection, counted from 1.
    pub(crate) nth: u64,
    /// What it is, in words.
    pub(crate) message: String,
}

#[track_caller]
fn counted(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).expect("messages are counted from 1; a trigger of 0 would never fire")
}
