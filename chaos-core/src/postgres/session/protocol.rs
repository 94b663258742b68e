//! What the bytes of a connection say about its transaction. Pure: no input, no output, no clock.
//!
//! The driver does not tell in which state the server left a connection, and whatever it is asked
//! to do may still wait in its queue. The bytes tell both: the server ends every answer with
//! `ReadyForQuery` and its state (I, T or E), and requests are written in the order in which they
//! were made. So a connection that is handed out again is judged by the first request of its new
//! holder: whatever the last one had asked for, such as the `ROLLBACK` of a dropped transaction, was
//! written before it.
//!
//! Only headers are read. See "Message Formats" in the documentation of PostgreSQL.

/// The code and the length of a message.
const HEADER: usize = 5;

/// The server neither takes nor sends longer messages (`MaxAllocSize` in its sources).
const LONGEST: usize = 1 << 30;

/// How much of a request is looked at: the code, the length, and `ROLLBACK`.
const FRONT: usize = HEADER + 8;

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

/// Cuts one direction into messages, and keeps the first bytes of each.
#[derive(Debug)]
struct Framing {
    front: [u8; FRONT],
    have: usize,
    /// How many bytes of the message follow.
    rest: usize,
}

impl Framing {
    const fn new() -> Self {
        Self { front: [0; FRONT], have: 0, rest: 0 }
    }

    /// Calls `each` with the first bytes of every message whose first bytes are complete. Returns
    /// false when these are not messages.
    fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> bool {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = self.wanted();
            let taken = (wanted - self.have).min(bytes.len());
            self.front[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEADER && !(4..=LONGEST).contains(&self.length()) {
                return false;
            }
            if self.have >= HEADER && self.have == self.wanted() {
                self.rest = 1 + self.length() - self.have;
                each(&self.front[..self.have]);
                self.have = 0;
            }
        }
        true
    }

    /// How many of its first bytes are to be kept.
    fn wanted(&self) -> usize {
        if self.have < HEADER { HEADER } else { FRONT.min(1 + self.length()) }
    }

    fn length(&self) -> usize {
        let [_, a, b, c, d, ..] = self.front;
        u32::from_be_bytes([a, b, c, d]) as usize
    }
}

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Tracker {
    upstream: Framing,
    downstream: Framing,
    /// How many bytes of the first message are to come; it has no code. None until its length is
    /// known.
    greeting: Option<usize>,
    greeted: Vec<u8>,
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
    /// The client said goodbye.
    is_terminated: bool,
    process: Option<i32>,
}

impl Tracker {
    pub(super) const fn new() -> Self {
        Self {
            upstream: Framing::new(),
            downstream: Framing::new(),
            greeting: None,
            greeted: Vec::new(),
            is_readable: true,
            state: State::Unknown,
            requests: 1,
            answers: 0,
            last_is_sync: false,
            is_fresh: false,
            behind: None,
            is_terminated: false,
            process: None,
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

    /// Notes that the connection has a new holder.
    pub(super) fn hand_out(&mut self) {
        self.is_fresh = true;
        self.behind = None;
    }

    /// Takes what the client wrote. Returns whether it turned out that the connection was handed
    /// out in the midst of a transaction.
    pub(super) fn written(&mut self, bytes: &[u8]) -> bool {
        let bytes = self.after_greeting(bytes);
        if !self.is_readable || bytes.is_empty() {
            return false;
        }
        let mut found = false;
        let mut framing = std::mem::replace(&mut self.upstream, Framing::new());
        self.is_readable = framing.feed(bytes, |front| found |= self.request(front));
        self.upstream = framing;
        found
    }

    /// Takes what the server wrote. Returns what [`written`](Self::written) does.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        if !self.is_readable {
            return false;
        }
        let mut found = false;
        let mut framing = std::mem::replace(&mut self.downstream, Framing::new());
        self.is_readable = framing.feed(bytes, |front| found |= self.answer(front));
        self.downstream = framing;
        found
    }

    /// What is left of the bytes behind the start-up message.
    fn after_greeting<'bytes>(&mut self, bytes: &'bytes [u8]) -> &'bytes [u8] {
        if self.greeting == Some(0) {
            return bytes;
        }
        let mut bytes = bytes;
        if self.greeting.is_none() {
            let taken = (4 - self.greeted.len()).min(bytes.len());
            self.greeted.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let Ok(length) = <[u8; 4]>::try_from(self.greeted.as_slice()) else { return bytes };
            self.greeting = Some((u32::from_be_bytes(length) as usize).saturating_sub(4));
            self.greeted = Vec::new();
        }
        let left = self.greeting.unwrap_or_default();
        let skipped = left.min(bytes.len());
        self.greeting = Some(left - skipped);
        &bytes[skipped..]
    }

    fn request(&mut self, front: &[u8]) -> bool {
        let code = front[0];
        let mut found = false;
        // Closing a statement, and what ends a transaction, may come from the last holder.
        let is_work = match code {
            b'Q' => !front[HEADER..].eq_ignore_ascii_case(b"ROLLBACK"),
            b'P' | b'B' | b'E' | b'F' => true,
            _ => false,
        };
        if self.is_fresh && is_work {
            self.is_fresh = false;
            match self.settled() {
                State::Unknown => self.behind = Some(self.requests),
                state => found = state.is_transaction(),
            }
        }
        match code {
            b'Q' | b'F' | b'S' => {
                self.requests += 1;
                self.last_is_sync = code == b'S';
            }
            b'X' => self.is_terminated = true,
            _ => {}
        }
        found
    }

    fn answer(&mut self, front: &[u8]) -> bool {
        match front[0] {
            b'Z' => {
                self.state = front.get(HEADER).map_or(State::Unknown, |code| State::of(*code));
                self.answers = (self.answers + 1).min(self.requests);
                if self.behind == Some(self.answers) {
                    self.behind = None;
                    return self.state.is_transaction();
                }
            }
            // The server ignores the Sync that followed the COPY.
            b'G' if self.last_is_sync => self.answers = (self.answers + 1).min(self.requests),
            b'K' => {
                let number =
                    front.get(HEADER..HEADER + 4).and_then(|it| <[u8; 4]>::try_from(it).ok());
                self.process = number.map(i32::from_be_bytes);
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
        let mut tracker = Tracker::new();
        let greeting = [&20_u32.to_be_bytes()[..], &[7; 16]].concat();
        let sent = [greeting, message(b'p', b"secret\0")].concat();
        let key = message(b'K', &[0, 0, 4, 210, 1, 2, 3, 4]);
        let received = [message(b'R', &[0; 4]), key, message(b'Z', b"I")].concat();
        sent.chunks(piece).for_each(|chunk| assert!(!tracker.written(chunk)));
        received.chunks(piece).for_each(|chunk| assert!(!tracker.read(chunk)));
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
        let mut tracker = connected(100);
        assert!(!tracker.written(&query("BEGIN")) && !tracker.read(&ready(b'T')));
        tracker.hand_out();
        assert!(tracker.written(&query("INSERT INTO t VALUES (1)")));
        assert!(!tracker.written(&query("SELECT 1")), "told once");
    }

    #[test]
    fn it_is_found_too_where_the_answer_comes_after_the_request() {
        let mut tracker = connected(100);
        assert!(!tracker.written(&query("BEGIN")));
        tracker.hand_out();
        assert!(!tracker.written(&message(b'P', b"\0SELECT 1\0\0\0")));
        assert!(!tracker.written(&message(b'S', b"")));
        assert!(tracker.read(&ready(b'T')));
        assert!(!tracker.read(&ready(b'T')));
    }

    #[test]
    fn a_rollback_that_was_still_queued_is_no_transaction_left_open() {
        let mut tracker = connected(100);
        assert!(!tracker.written(&query("BEGIN")) && !tracker.read(&ready(b'T')));
        tracker.hand_out();
        // A statement of the last holder is closed, and its transaction rolled back.
        for request in [message(b'C', b"Ss1\0"), message(b'S', b""), query("ROLLBACK")] {
            assert!(!tracker.written(&request));
        }
        assert!(!tracker.written(&query("SELECT 1")));
        for state in [b'T', b'I', b'I'] {
            assert!(!tracker.read(&ready(state)));
        }
        assert_eq!(tracker.settled(), State::Idle);
    }

    #[test]
    fn a_copy_leaves_nothing_unanswered() {
        let mut tracker = connected(100);
        let sync = || message(b'S', b"");
        assert!(!tracker.written(&[message(b'B', b"\0\0"), message(b'E', b"\0"), sync()].concat()));
        assert!(!tracker.read(&message(b'G', &[0, 0, 0])));
        assert!(!tracker.written(&[message(b'd', b"1\n"), message(b'c', b""), sync()].concat()));
        assert_eq!(tracker.settled(), State::Unknown);
        assert!(!tracker.read(&ready(b'I')));
        assert_eq!(tracker.settled(), State::Idle);
    }

    #[test]
    fn goodbye_in_a_transaction_is_told_from_goodbye() {
        for (state, expected) in [(b'I', false), (b'T', true), (b'E', true)] {
            let mut tracker = connected(100);
            assert!(!tracker.written(&query("BEGIN")) && !tracker.read(&ready(state)));
            assert!(!tracker.ended_in_transaction());
            assert!(!tracker.written(&message(b'X', b"")));
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
        assert!(!tracker.written(&query("SELECT 1")));
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
            let mut tracker = Tracker::new();
            for chunk in sent.chunks(piece) {
                tracker.written(chunk);
            }
            for chunk in received.chunks(piece) {
                tracker.read(chunk);
            }
        }
    }
}
