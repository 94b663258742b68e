//! What the bytes of a connection say about its transaction. Pure: no input, no output, no clock.
//!
//! The driver does not tell in which state the server left a connection, and whatever it is asked
//! to do may still wait in its queue. The bytes tell both: the server ends every answer with
//! `ReadyForQuery` and its state (I, T or E), and requests are written in the order in which they
//! were made. So a connection that is handed out again is judged by the first request that is
//! written afterwards. That may still be one of the last holder, who has given it up: then the end
//! of the transaction is in the queue as well, the `ROLLBACK` that the driver sends for one that is
//! dropped, or the `COMMIT` that nobody waited for. So that is only suspicious, even when everything
//! was answered, until the next request. A `ROLLBACK` clears it, anything else confirms it: whoever
//! has asked for a `COMMIT` had given up no work before it.
//!
//! Only the beginnings of messages are read.

use std::sync::Arc;

use super::account::Account;
use crate::direction::Direction;
use crate::operation::OperationId;
use crate::postgres::commits::{Book, KnownTransaction};
use crate::trigger::message::{Backend, Frontend, MessageKind};
use crate::wire::postgres::{Framed, Framer};
use crate::wire::sql::{is_commit, statements};

/// How the driver ends the transaction of a holder who has dropped it, or has given up waiting for
/// its commit.
const ENDS: [&[u8]; 2] = [ROLLBACK, b"COMMIT\0"];
const ROLLBACK: &[u8] = b"ROLLBACK";

/// As much of a query is looked at, at most.
const LONGEST_QUERY: u64 = 16 << 10;

/// As much of an answer is looked at, at most: enough for the tag of a command and the code of an
/// error.
const LONGEST_ANSWER: u64 = 64;

/// How long the kind and the length of a message are.
const HEADER: usize = 5;

/// In which state the server left the connection after its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// It has not said so yet, or cannot be understood any more.
    #[default]
    Unknown,
    /// No transaction.
    Idle,
    /// A transaction is open.
    Open,
    /// A transaction is open and failed.
    Failed,
}

impl State {
    fn of(code: u8) -> Self {
        match code {
            b'I' => Self::Idle,
            b'T' => Self::Open,
            b'E' => Self::Failed,
            _ => Self::Unknown,
        }
    }

    pub(super) const fn is_transaction(self) -> bool {
        matches!(self, Self::Open | Self::Failed)
    }
}

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Tracker {
    upstream: Framer,
    downstream: Framer,
    is_readable: bool,
    state: State,
    /// How many requests were written that are answered with `ReadyForQuery`, the start-up included.
    requests: u64,
    /// How many were answered.
    answers: u64,
    last_is_sync: bool,
    /// The connection has a new holder, who has asked for nothing yet.
    is_fresh: bool,
    /// The new holder's first request was written behind so many others.
    behind: Option<u64>,
    /// It was written in the midst of a transaction, unless that is about to be rolled back.
    is_suspect: bool,
    /// All of that was answered, in the midst of the transaction: what is asked next decides.
    is_suspicious: bool,
    /// The client said goodbye.
    is_terminated: bool,
    process: Option<i32>,
    account: Account,
}

impl Tracker {
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self {
            upstream: Framer::keeping(Direction::Upstream, LONGEST_QUERY),
            downstream: Framer::keeping(Direction::Downstream, LONGEST_ANSWER),
            is_readable: true,
            state: State::Unknown,
            requests: 1,
            answers: 0,
            last_is_sync: false,
            is_fresh: false,
            behind: None,
            is_suspect: false,
            is_suspicious: false,
            is_terminated: false,
            process: None,
            account: Account::new(book),
        }
    }

    /// The process that serves the connection, once it has said so.
    pub(super) const fn process(&self) -> Option<i32> {
        self.process
    }

    /// In which state the connection is, if everything that was written has been answered.
    pub(super) fn settled(&self) -> State {
        if self.is_readable && self.answers >= self.requests { self.state } else { State::Unknown }
    }

    /// Whether the client has said goodbye in the midst of a transaction.
    pub(super) fn ended_in_transaction(&self) -> bool {
        self.is_terminated && self.settled().is_transaction()
    }

    /// Where in bytes that are about to be written the first `COMMIT` begins that is better asked for
    /// before it is sent.
    pub(super) fn commit_in(&self, bytes: &[u8]) -> Option<usize> {
        if !self.is_readable || !self.account.wants_id() || !self.upstream.is_between() {
            return None;
        }
        let (mut framer, mut at) = (self.upstream.clone(), 0);
        while at < bytes.len() {
            let (length, framed) = framer.step(&bytes[at..]);
            at += length;
            let Ok(framed) = framed else { return None };
            if framed.is_some_and(|it| it.kind == MessageKind::Frontend(Frontend::Query)) {
                let head = framer.head();
                let sql = String::from_utf8_lossy(head.strip_suffix(b"\0").unwrap_or(head));
                if statements(&sql).iter().any(is_commit) {
                    return at.checked_sub(head.len() + HEADER);
                }
            }
        }
        None
    }

    /// What the server said of the transaction that is about to be committed.
    pub(super) fn know(&mut self, id: Option<KnownTransaction>) {
        self.account.know(id);
    }

    /// Notes that nothing is written any more.
    pub(super) fn close(&mut self) {
        self.account.end();
    }

    /// Notes that the connection has a new holder, within this operation.
    pub(super) fn hand_out_to(&mut self, owner: Option<OperationId>) {
        let is_quiet = self.settled() == State::Idle;
        self.account.hand_out(owner, is_quiet);
        self.hand_out();
    }

    fn hand_out(&mut self) {
        self.is_fresh = true;
        self.behind = None;
        self.is_suspect = false;
    }

    /// Whether it seems that the connection was handed out in the midst of a transaction.
    pub(super) const fn is_suspicious(&self) -> bool {
        self.is_suspicious
    }

    /// Takes what the client wrote. Returns whether it confirms what is suspicious.
    pub(super) fn written(&mut self, mut bytes: &[u8]) -> bool {
        let mut confirmed = false;
        while self.is_readable && !bytes.is_empty() {
            let (length, framed) = self.upstream.step(bytes);
            bytes = &bytes[length..];
            match framed {
                Ok(Some(Framed { kind: MessageKind::Frontend(kind), length })) => {
                    confirmed |= self.request(kind, length);
                }
                Ok(_) => {}
                Err(_) => self.is_readable = false,
            }
        }
        confirmed
    }

    /// Takes what the server wrote. Returns whether from now on it is suspicious that the connection
    /// was handed out in the midst of a transaction.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while self.is_readable && !bytes.is_empty() {
            let (length, framed) = self.downstream.step(bytes);
            bytes = &bytes[length..];
            match framed {
                Ok(Some(Framed { kind: MessageKind::Backend(kind), .. })) => {
                    found |= self.answer(kind);
                }
                Ok(_) => {}
                Err(_) => self.is_readable = false,
            }
        }
        found
    }

    fn request(&mut self, kind: Frontend, length: u64) -> bool {
        let head = self.upstream.head();
        let is = |end: &[u8]| {
            kind == Frontend::Query
                && head.get(..end.len()).is_some_and(|head| head.eq_ignore_ascii_case(end))
        };
        let (is_end, is_rollback) = (ENDS.iter().any(|end| is(end)), is(ROLLBACK));
        let is_whole = (head.len() + HEADER) as u64 == length;
        self.account.request(kind, head, is_whole, self.requests + 1);
        // Closing a statement, and what ends a transaction, may come from the last holder.
        let is_work = match kind {
            Frontend::Query => !is_end,
            Frontend::Parse | Frontend::Bind | Frontend::Execute | Frontend::FunctionCall => true,
            _ => false,
        };
        let was_suspicious = self.is_suspicious && (is_end || is_work);
        self.is_suspicious &= !was_suspicious;
        let is_cleared = was_suspicious && is_rollback;
        if is_cleared || is_end && (self.is_suspect || self.behind.is_some()) {
            // What was taken for the work of the new holder was that of the last one.
            self.hand_out();
        }
        if self.is_fresh && is_work {
            self.is_fresh = false;
            match self.settled() {
                State::Unknown => self.behind = Some(self.requests),
                state => self.is_suspect = state.is_transaction(),
            }
        }
        match kind {
            Frontend::Query | Frontend::FunctionCall | Frontend::Sync => {
                self.requests += 1;
                self.last_is_sync = kind == Frontend::Sync;
            }
            Frontend::Terminate => self.is_terminated = true,
            // What follows is not for us to read.
            Frontend::SslRequest | Frontend::GssEncRequest => self.is_readable = false,
            _ => {}
        }
        was_suspicious && !is_cleared
    }

    fn answer(&mut self, kind: Backend) -> bool {
        let head = self.downstream.head();
        self.account.answer(kind, head, self.answers + 1);
        match kind {
            Backend::ReadyForQuery => {
                self.state = head.first().map_or(State::Unknown, |code| State::of(*code));
                self.answers = (self.answers + 1).min(self.requests);
                self.account.ready(self.settled(), self.answers);
                if self.behind == Some(self.answers) {
                    self.behind = None;
                    self.is_suspect = self.state.is_transaction();
                } else if self.is_suspect && self.answers >= self.requests {
                    self.is_suspect = false;
                    self.is_suspicious = true;
                    return true;
                }
            }
            // The server ignores the Sync that followed the COPY.
            Backend::CopyInResponse if self.last_is_sync => {
                self.answers = (self.answers + 1).min(self.requests);
            }
            Backend::BackendKeyData => {
                self.process = head.first_chunk().map(|number| i32::from_be_bytes(*number));
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[code][..], &length.to_be_bytes(), body].concat()
    }

    fn query(sql: &str) -> Vec<u8> {
        message(b'Q', &[sql.as_bytes(), b"\0"].concat())
    }

    fn ready(state: u8) -> Vec<u8> {
        [message(b'C', b"BEGIN\0"), message(b'Z', &[state])].concat()
    }

    /// A connection that is idle, whatever the pieces in which the bytes came.
    fn connected(piece: usize) -> Tracker {
        let mut tracker = Tracker::new(Book::unwatched());
        let greeting = [&20_u32.to_be_bytes()[..], &[0, 3, 0, 0], &[7; 12]].concat();
        let sent = [greeting, message(b'p', b"secret\0")].concat();
        let key = message(b'K', &[0, 0, 4, 210, 1, 2, 3, 4]);
        let received = [message(b'R', &[0; 4]), key, message(b'Z', b"I")].concat();
        sent.chunks(piece).for_each(|chunk| assert!(!tracker.written(chunk)));
        received.chunks(piece).for_each(|chunk| assert!(!tracker.read(chunk)));
        tracker
    }

    /// The last holder has left a transaction open, and the next one has not asked for anything yet.
    fn handed_out_in_a_transaction() -> Tracker {
        let mut tracker = connected(100);
        tracker.written(&query("BEGIN"));
        assert!(!tracker.read(&ready(b'T')));
        tracker.hand_out();
        tracker
    }

    #[test]
    fn the_state_and_the_process_are_read_however_the_bytes_are_torn() {
        for piece in 1..40 {
            let mut tracker = connected(piece);
            assert_eq!((tracker.process(), tracker.settled()), (Some(1234), State::Idle));
            for (request, state, settled) in [
                ("BEGIN", b'T', State::Open),
                ("SELECT 1/0", b'E', State::Failed),
                ("ROLLBACK", b'I', State::Idle),
            ] {
                query(request).chunks(piece).for_each(|it| assert!(!tracker.written(it)));
                assert_eq!(tracker.settled(), State::Unknown, "not answered yet");
                ready(state).chunks(piece).for_each(|it| assert!(!tracker.read(it)));
                assert_eq!(tracker.settled(), settled);
            }
        }
    }

    #[test]
    fn the_first_request_of_a_new_holder_meets_the_transaction_of_the_last() {
        let mut tracker = handed_out_in_a_transaction();
        tracker.written(&query("INSERT INTO t VALUES (1)"));
        assert!(tracker.read(&ready(b'T')));
        assert!(tracker.written(&query("SELECT 1")));
        assert!(!tracker.read(&ready(b'T')), "told once");
        assert!(!tracker.written(&query("SELECT 1")), "told once");
    }

    #[test]
    fn a_commit_by_the_holder_after_the_next_confirms_it() {
        let mut tracker = handed_out_in_a_transaction();
        tracker.written(&query("INSERT INTO t VALUES (1)"));
        assert!(tracker.read(&ready(b'T')));
        tracker.hand_out();
        assert!(tracker.written(&query("COMMIT")) && !tracker.is_suspicious());
        assert!(!tracker.read(&ready(b'I')));
    }

    #[test]
    fn a_rollback_that_the_driver_writes_late_clears_the_suspicion() {
        let mut tracker = handed_out_in_a_transaction();
        // Of the last holder, written and answered before its ROLLBACK was.
        tracker.written(&[message(b'P', b"\0UPDATE t\0\0\0"), message(b'S', b"")].concat());
        assert!(tracker.read(&ready(b'T')) && tracker.is_suspicious());
        // Whoever is next has not asked for anything yet.
        tracker.hand_out();
        assert!(!tracker.written(&[message(b'C', b"Ss1\0"), message(b'S', b"")].concat()));
        assert!(!tracker.read(&ready(b'T')) && tracker.is_suspicious());
        assert!(!tracker.written(&query("ROLLBACK")) && !tracker.is_suspicious());
        assert!(!tracker.read(&ready(b'I')));
        assert!(!tracker.written(&query("SELECT 1")));
        assert!(!tracker.read(&ready(b'I')));
    }

    #[test]
    fn it_is_found_too_where_the_answer_comes_after_the_request() {
        let mut tracker = connected(100);
        tracker.written(&query("BEGIN"));
        tracker.hand_out();
        tracker.written(&message(b'P', b"\0SELECT 1\0\0\0"));
        tracker.written(&message(b'S', b""));
        assert!(!tracker.read(&ready(b'T')), "not answered yet");
        assert!(tracker.read(&ready(b'T')));
    }

    #[test]
    fn work_that_was_given_up_in_the_queue_is_no_transaction_left_open() {
        for (answered, end) in [(true, "ROLLBACK"), (false, "ROLLBACK"), (true, "COMMIT")] {
            let mut tracker = connected(100);
            tracker.written(&query("BEGIN"));
            if answered {
                assert!(!tracker.read(&ready(b'T')));
            }
            tracker.hand_out();
            // Of the last holder, who asked for it, gave it up, and dropped the transaction.
            tracker.written(&[message(b'P', b"\0UPDATE t\0\0\0"), message(b'S', b"")].concat());
            if !answered {
                assert!(!tracker.read(&ready(b'T')));
            }
            tracker.written(&query(end));
            // Of the new one.
            tracker.written(&query("BEGIN"));
            for state in [b'T', b'I', b'T'] {
                assert!(!tracker.read(&ready(state)));
            }
            tracker.hand_out();
            tracker.written(&query("SELECT 1"));
            assert!(tracker.read(&ready(b'T')), "the next one is judged as ever");
        }
    }

    #[test]
    fn a_rollback_that_was_still_queued_is_no_transaction_left_open() {
        let mut tracker = handed_out_in_a_transaction();
        // A statement of the last holder is closed, and its transaction rolled back.
        for request in [message(b'C', b"Ss1\0"), message(b'S', b""), query("ROLLBACK")] {
            tracker.written(&request);
        }
        tracker.written(&query("SELECT 1"));
        for state in [b'T', b'I', b'I'] {
            assert!(!tracker.read(&ready(state)));
        }
        assert_eq!(tracker.settled(), State::Idle);
    }

    #[test]
    fn a_commit_that_nobody_waited_for_is_no_transaction_left_open() {
        let mut tracker = handed_out_in_a_transaction();
        tracker.written(&query("COMMIT"));
        tracker.written(&query("SELECT 1"));
        for state in [b'I', b'I'] {
            assert!(!tracker.read(&ready(state)));
        }
    }

    #[test]
    fn a_copy_leaves_nothing_unanswered() {
        let mut tracker = connected(100);
        let sync = || message(b'S', b"");
        tracker.written(&[message(b'B', b"\0\0"), message(b'E', b"\0"), sync()].concat());
        assert!(!tracker.read(&message(b'G', &[0, 0, 0])));
        tracker.written(&[message(b'd', b"1\n"), message(b'c', b""), sync()].concat());
        assert_eq!(tracker.settled(), State::Unknown);
        assert!(!tracker.read(&ready(b'I')));
        assert_eq!(tracker.settled(), State::Idle);
    }

    #[test]
    fn goodbye_in_a_transaction_is_told_from_goodbye() {
        for (state, expected) in [(b'I', false), (b'T', true), (b'E', true)] {
            let mut tracker = connected(100);
            tracker.written(&query("BEGIN"));
            assert!(!tracker.read(&ready(state)));
            assert!(!tracker.ended_in_transaction());
            tracker.written(&message(b'X', b""));
            assert_eq!(tracker.ended_in_transaction(), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_messages_are_left_alone() {
        let mut tracker = connected(100);
        assert!(!tracker.read(b"HTTP\0\0\0\x01/1.1 200 OK"));
        assert!(!tracker.read(&[b'Z', 0, 0, 0, 0, 0, 0]));
        assert_eq!(tracker.settled(), State::Unknown);
        tracker.hand_out();
        tracker.written(&query("SELECT 1"));
        let mut tracker = connected(100);
        assert!(!tracker.read(&[b'Z', 255, 255, 255, 255]), "a message as long as 4 GiB");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            sent in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            received in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            piece in 1_usize..50,
        ) {
            let mut tracker = Tracker::new(Book::unwatched());
            for chunk in sent.chunks(piece) {
                tracker.written(chunk);
            }
            for chunk in received.chunks(piece) {
                tracker.read(chunk);
            }
        }
    }
}
