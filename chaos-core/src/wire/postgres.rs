//! The protocol of PostgreSQL, version 3, as it passes between a client and a server.
//!
//! A [`Session`] follows one connection from its first byte. It is shown what passes: by a driver
//! that only looks on (see [`Session::pass`]), or by an engine that holds each message until it is
//! known for what it is, and says whether it passes ([`Session::step`], [`Session::accept`]). Between
//! the two it can be handed over at any byte.

use bytes::Bytes;

use crate::direction::Direction;
use crate::event::FaultId;
use crate::fault::{Severity, SqlError};
use crate::trigger::message::{Backend, Frontend, MessageKind};

mod failing;
mod framer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod requests;
mod statements;
mod trace;

#[cfg(any(test, fuzzing))]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub(crate) use self::failing::error_response;
use self::framer::Unreadable;
#[cfg(feature = "tls")]
pub(crate) use self::framer::{Encryption, encryption_asked_for};
pub(crate) use self::framer::{Framed, Framer, is_cancel_request};
pub(crate) use self::requests::{Failure, Treatment};
use self::requests::{Fate, Request, Requests};
pub(crate) use self::statements::Sql;
use self::statements::{SqlText, Statements};
pub(crate) use self::trace::{Passed, Trace};

/// One connection, from its first byte.
#[derive(Debug)]
pub(crate) struct Session {
    connection: u64,
    upstream: Way,
    downstream: Way,
    statements: Statements,
    requests: Requests,
    /// Whether the requests of the client are swallowed up to the next `Sync`, because it was told of
    /// an error that the server does not know of.
    swallowing: bool,
    /// What a person is to know, and nobody was told yet.
    sentence: Option<Sentence>,
    trace: Trace,
}

#[derive(Debug)]
struct Way {
    framer: Framer,
    /// How many messages were seen.
    seen: u64,
}

/// What a person is to know.
#[derive(Debug, Clone, Copy)]
enum Sentence {
    Unreadable(Unreadable),
    Refused,
}

/// A message that is known for what it is.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) direction: Direction,
    /// Which message of this direction, counted from 1.
    pub(crate) nth: u64,
    pub(crate) kind: MessageKind,
    /// How long it is, with its header.
    pub(crate) length: u64,
    /// The SQL that it carries out, or that it answers.
    pub(crate) sql: Option<Sql>,
}

/// What is sent in the place of a request that is to fail.
#[derive(Debug)]
pub(crate) enum Replacement {
    /// The server gets this.
    Upstream(Bytes),
    /// The server gets nothing; the client gets this, and the connection ends.
    Downstream(Failure),
}

impl Session {
    pub(crate) fn new(connection: u64, trace: Trace) -> Self {
        let way = |direction| Way { framer: Framer::new(direction), seen: 0 };
        Self {
            connection,
            upstream: way(Direction::Upstream),
            downstream: way(Direction::Downstream),
            statements: Statements::default(),
            requests: Requests::default(),
            swallowing: false,
            sentence: None,
            trace,
        }
    }

    /// Looks on while bytes pass.
    pub(crate) fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (seen, message) = self.step(direction, rest);
            rest = &rest[seen..];
            if let Some(message) = message {
                self.accept(&message);
            }
        }
    }

    /// Looks at bytes that come next, up to where a message is known for what it is or ends, or to
    /// their own end. Says how many were looked at.
    pub(crate) fn step(&mut self, direction: Direction, bytes: &[u8]) -> (usize, Option<Message>) {
        let way = self.way_mut(direction);
        let (seen, framed) = way.framer.step(bytes);
        match framed {
            Ok(None) => (seen, None),
            Ok(Some(framed)) => {
                way.seen += 1;
                let nth = way.seen;
                let sql = self.sql_of(framed.kind);
                let message =
                    Message { direction, nth, kind: framed.kind, length: framed.length, sql };
                if self.trace.is_wanted() {
                    let summary = self.summary(&message);
                    let (connection, kind) = (self.connection, message.kind);
                    self.trace.record(Passed { connection, direction, nth, kind, summary });
                }
                (seen, Some(message))
            }
            Err(why) => {
                self.give_up(why);
                (seen, None)
            }
        }
    }

    /// The message passes, or is answered in another way than the server answers.
    pub(crate) fn accept(&mut self, message: &Message) -> Treatment {
        match message.kind {
            MessageKind::Frontend(kind) => self.accept_request(kind, message.sql.clone()),
            MessageKind::Backend(kind) => self.accept_answer(kind),
        }
    }

    /// Whether the request is swallowed, because the client was told of an error before it.
    pub(crate) fn swallows(&self, message: &Message) -> bool {
        self.swallowing
            && message.direction == Direction::Upstream
            && message.kind != MessageKind::Frontend(Frontend::Sync)
    }

    fn accept_request(&mut self, kind: Frontend, sql: Option<Sql>) -> Treatment {
        if kind == Frontend::Sync {
            self.swallowing = false;
        }
        let head = self.upstream.framer.head();
        match kind {
            Frontend::SslRequest | Frontend::GssEncRequest => {
                self.upstream.framer.expect_startup();
                self.downstream.framer.expect_answer();
            }
            Frontend::Parse => self.statements.parse(head),
            Frontend::Bind => self.statements.bind(head),
            Frontend::Close => self.statements.close(head),
            _ => {}
        }
        self.requests.push(Request { kind, sql, fate: Fate::Deliver });
        if self.requests.is_overfull() {
            self.requests.clear();
            self.give_up(Unreadable::Unanswered { most: requests::MOST });
        }
        Treatment::Deliver
    }

    fn accept_answer(&mut self, kind: Backend) -> Treatment {
        let head = self.downstream.framer.head();
        match kind {
            Backend::EncryptionAnswer if head != b"N" => self.give_up(Unreadable::Encrypted),
            Backend::ReadyForQuery if head == b"I" => self.statements.end_transaction(),
            Backend::CommandComplete
                if head.starts_with(b"DEALLOCATE ALL") || head.starts_with(b"DISCARD ALL") =>
            {
                self.statements.forget();
            }
            _ => {}
        }
        let Self { requests, statements, .. } = self;
        requests.answer(kind, |request| statements.give_back(request.sql))
    }

    /// Has a request fail on the server, and the client told of this error. `None` where no request
    /// is answered by an error.
    pub(crate) fn fail(
        &mut self,
        message: &Message,
        fault: FaultId,
        error: &SqlError,
    ) -> Option<Replacement> {
        let MessageKind::Frontend(kind) = message.kind else { return None };
        if self.requests.is_overfull() {
            // It passes, and is the last one that is read.
            return None;
        }
        let response = error_response(error);
        let failure = Failure { fault, response, ends: error.severity != Severity::Error };
        let commits = message.sql.as_ref().is_some_and(|sql| commits(sql));
        let mut owe = |kind, fate| self.requests.push(Request { kind, sql: None, fate });
        let instead = match kind {
            Frontend::Startup | Frontend::Password => {
                return Some(Replacement::Downstream(Failure { ends: true, ..failure }));
            }
            Frontend::Query if commits => {
                owe(Frontend::Query, Fate::Fail(Some(failure)));
                failing::rollback_query()
            }
            Frontend::Query | Frontend::FunctionCall => {
                owe(Frontend::Query, Fate::Fail(Some(failure)));
                failing::query(error)
            }
            Frontend::Execute if commits => {
                owe(Frontend::Parse, Fate::Hide);
                owe(Frontend::Bind, Fate::Hide);
                owe(Frontend::Execute, Fate::Fail(Some(failure)));
                owe(Frontend::Close, Fate::Hide);
                self.swallowing = true;
                failing::rollback_batch()
            }
            Frontend::Execute
            | Frontend::Parse
            | Frontend::Bind
            | Frontend::Describe
            | Frontend::Close => {
                owe(Frontend::Execute, Fate::Fail(Some(failure)));
                failing::execute(error)
            }
            Frontend::Sync => {
                owe(Frontend::Execute, Fate::Fail(Some(failure)));
                owe(Frontend::Sync, Fate::Deliver);
                [failing::execute(error), failing::sync()].concat().into()
            }
            Frontend::CopyData | Frontend::CopyDone => {
                self.requests.fail_copy(failure);
                failing::copy_fail(error)
            }
            Frontend::SslRequest
            | Frontend::GssEncRequest
            | Frontend::CancelRequest
            | Frontend::CopyFail
            | Frontend::Flush
            | Frontend::Terminate => return None,
        };
        Some(Replacement::Upstream(instead))
    }

    /// Refuses encryption in the server's place, so that messages can be read: the request is not
    /// passed on, and the client gets the returned answer.
    pub(crate) fn refuse_encryption(&mut self) -> Bytes {
        self.sentence = Some(Sentence::Refused);
        self.upstream.framer.expect_startup();
        Bytes::from_static(b"N")
    }

    /// What the message is, in words.
    pub(crate) fn summary(&self, message: &Message) -> String {
        let head = self.head(message.direction);
        match message.kind {
            MessageKind::Frontend(Frontend::Parse) => {
                let mut parts = head.split(|byte| *byte == 0);
                let sql = parts.nth(1).unwrap_or_default();
                format!("Parse {}", shortened(&String::from_utf8_lossy(sql)))
            }
            MessageKind::Frontend(kind) => match &message.sql {
                Some(sql) => format!("{kind} {}", shortened(&sql.text())),
                None => kind.to_string(),
            },
            MessageKind::Backend(Backend::CommandComplete) => {
                format!("CommandComplete {}", self.tag())
            }
            MessageKind::Backend(Backend::ReadyForQuery) => {
                format!("ReadyForQuery {}", String::from_utf8_lossy(head))
            }
            MessageKind::Backend(Backend::ErrorResponse) => {
                let mut fields = head.split(|byte| *byte == 0);
                let code = fields.find_map(|field| field.strip_prefix(b"C"));
                format!("ErrorResponse {}", String::from_utf8_lossy(code.unwrap_or_default()))
            }
            MessageKind::Backend(kind) => kind.to_string(),
        }
    }

    /// The tag of the `CommandComplete` that was seen last.
    pub(crate) fn tag(&self) -> String {
        let head = self.head(Direction::Downstream);
        let end = head.iter().position(|byte| *byte == 0).unwrap_or(head.len());
        String::from_utf8_lossy(&head[..end]).into_owned()
    }

    fn head(&self, direction: Direction) -> &[u8] {
        self.way(direction).framer.head()
    }

    /// Whether the beginning of a message was looked at that is not known for what it is yet.
    pub(crate) fn is_in_head(&self, direction: Direction) -> bool {
        self.way(direction).framer.is_in_head()
    }

    /// Whether what comes next belongs to a message that is known for what it is.
    pub(crate) fn is_past_head(&self, direction: Direction) -> bool {
        self.way(direction).framer.is_past_head()
    }

    /// So much of the message that was seen last is dealt with elsewhere.
    pub(crate) fn skip(&mut self, direction: Direction, bytes: u64) {
        self.way_mut(direction).framer.skip(bytes);
    }

    /// Whether it looks for messages no longer.
    pub(crate) fn is_opaque(&self) -> bool {
        self.upstream.framer.is_opaque()
    }

    /// Whether an answer is still to be hidden or replaced.
    pub(crate) fn has_plans(&self) -> bool {
        self.swallowing || self.requests.has_plans()
    }

    /// Bytes are lost, so that nothing that follows can be read.
    pub(crate) fn lose_track(&mut self) {
        for direction in [Direction::Upstream, Direction::Downstream] {
            self.way_mut(direction).framer.give_up(Unreadable::Encrypted);
        }
    }

    /// Why messages cannot be looked for any longer, told once.
    pub(crate) fn take_sentence(&mut self) -> Option<String> {
        let connection = self.connection;
        self.sentence.take().map(|sentence| match sentence {
            Sentence::Unreadable(why) => format!(
                "the messages of connection {connection} are read no further, and faults at \
                 messages do not meet it: {why}"
            ),
            Sentence::Refused => format!(
                "connection {connection} asked for encryption, and was refused it in the server's \
                 place, because a fault waits for messages that could not be read; a client that \
                 insists on it (`sslmode=require`) fails"
            ),
        })
    }

    fn give_up(&mut self, why: Unreadable) {
        self.lose_track();
        self.sentence = Some(Sentence::Unreadable(why));
    }

    /// The SQL that the message carries out, or that it answers.
    fn sql_of(&mut self, kind: MessageKind) -> Option<Sql> {
        match kind {
            MessageKind::Frontend(Frontend::Query) => {
                let head = self.upstream.framer.head();
                let sql = head.strip_suffix(b"\0").unwrap_or(head);
                Some(self.statements.keep(sql))
            }
            MessageKind::Frontend(Frontend::Execute) => {
                self.statements.execute(self.upstream.framer.head())
            }
            MessageKind::Frontend(_) => None,
            MessageKind::Backend(_) => self.requests.statement().cloned(),
        }
    }

    fn way(&self, direction: Direction) -> &Way {
        direction.pick(&self.upstream, &self.downstream)
    }

    fn way_mut(&mut self, direction: Direction) -> &mut Way {
        direction.pick(&mut self.upstream, &mut self.downstream)
    }
}

/// Whether one of the statements commits.
pub(crate) fn commits(sql: &SqlText) -> bool {
    sql.statements().iter().any(crate::wire::sql::is_commit)
}

/// The first line's worth of a text.
fn shortened(sql: &str) -> String {
    const MOST: usize = 120;
    let mut words = sql.split_whitespace();
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        if text.len() > MOST {
            break;
        }
        text.push(' ');
        text.push_str(word);
    }
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
