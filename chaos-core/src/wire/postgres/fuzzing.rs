//! Arbitrary bytes as a conversation with PostgreSQL: what a fuzzer runs, and plain tests too.
//!
//! The bytes say who sends what: messages as they should be, messages whose length or kind is wrong,
//! and anything. The conversation is shown to a session in whole pieces and once more torn into parts,
//! and both have to come to the same. Nothing of it may panic, go on for ever, or be kept for good.

use std::sync::Arc;

use tokio_postgres::error::SqlState;

use super::framer::MOST_KEPT;
use super::sample::{VERSION, message, packet};
use super::statements::Sql;
use super::{Passed, Replacement, Session, Trace, Treatment};
use crate::direction::Direction::{self, Downstream, Upstream};
use crate::event::FaultId;
use crate::fault::{Severity, SqlError};

/// How many pieces are sent at most, so that every conversation comes to an end soon.
const PIECES: usize = 120;

/// The kinds of messages that the client sends, and one that there is not.
const REQUESTS: &[u8] = b"QPBEDCSHFXdcfp?";

/// The kinds of messages that the server sends, and one that there is not.
const ANSWERS: &[u8] = b"RSKZCTDNE123tnsIGHWAVdc?";

/// What a packet of the start-up asks for: TLS, GSSAPI, to cancel, and versions that are not known.
const CODES: [u32; 6] = [VERSION, 80_877_103, 80_877_104, 80_877_102, 196_610, 131_072];

/// Plays the conversation that these bytes tell, in whole pieces and in torn ones.
///
/// # Panics
///
/// When a session does what it must not.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let tears = [(); 4].map(|()| usize::from(input.byte()) + 1);
    let errors = input.byte();
    let pieces = input.conversation();
    let whole = play(&pieces, &[usize::MAX], errors);
    assert_eq!(play(&pieces, &tears, errors), whole, "torn by {tears:?}");
    assert_eq!(play(&pieces, &[1], errors), whole, "torn into single bytes");
}

/// What a conversation came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    passed: Vec<Passed>,
    /// What was sent in the place of messages, or that they were dropped.
    treated: Vec<String>,
    sentence: Option<String>,
    has_plans: bool,
}

/// Shows a session these pieces, each torn into parts of these sizes in turn. Every request for
/// which `errors` has a bit fails.
fn play(pieces: &[(Direction, Vec<u8>)], sizes: &[usize], errors: u8) -> Outcome {
    let trace = Trace::default();
    trace.start();
    let mut session = Session::new(1, trace.clone());
    let mut treated = Vec::new();
    let mut sizes = sizes.iter().copied().cycle();
    let mut requests = 0_u32;
    for (direction, bytes) in pieces {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
            let mut part = &rest[..size];
            rest = &rest[size..];
            while !part.is_empty() {
                let (seen, message) = session.step(*direction, part);
                assert!((1..=part.len()).contains(&seen), "{seen} of {} bytes", part.len());
                part = &part[seen..];
                assert_bounded(&session);
                let Some(message) = message else { continue };
                if session.swallows(&message) {
                    treated.push("swallowed".to_owned());
                    continue;
                }
                requests += u32::from(*direction == Upstream);
                let fails = *direction == Upstream && errors & (1 << (requests % 8)) != 0;
                let instead =
                    fails.then(|| session.fail(&message, FaultId(1), &failure())).flatten();
                match instead {
                    Some(Replacement::Upstream(bytes)) => treated.push(format!("{bytes:?}")),
                    Some(Replacement::Downstream(failure)) => treated.push(format!("{failure:?}")),
                    None => match session.accept(&message) {
                        Treatment::Deliver => {}
                        other => treated.push(format!("{other:?}")),
                    },
                }
            }
        }
    }
    let (sentence, has_plans) = (session.take_sentence(), session.has_plans());
    assert_eq!(sentence.is_some(), session.is_opaque(), "it is said why it reads no further");
    Outcome { passed: trace.take(), treated, sentence, has_plans }
}

/// No more of a message is held than is kept of the longest.
fn assert_bounded(session: &Session) {
    let most = usize::try_from(MOST_KEPT).unwrap_or(usize::MAX);
    for way in [&session.upstream, &session.downstream] {
        assert!(way.framer.head().len() <= most, "{} B are held", way.framer.head().len());
    }
    let kept = session.requests.statement().map_or(0, |sql: &Sql| Arc::as_ref(sql).text().len());
    // What is no UTF-8 is shown as a sign of three bytes.
    assert!(kept <= 3 * most, "{kept} B of SQL are held");
}

fn failure() -> SqlError {
    SqlError {
        severity: Severity::Error,
        code: SqlState::T_R_SERIALIZATION_FAILURE.into(),
        message: "no".to_owned(),
        detail: None,
        hint: None,
    }
}

/// Bytes that are read one after the other; zeros when there are no more.
struct Input<'data>(&'data [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    fn conversation(&mut self) -> Vec<(Direction, Vec<u8>)> {
        let mut pieces = Vec::new();
        while !self.0.is_empty() && pieces.len() < PIECES {
            pieces.push(self.piece());
        }
        pieces
    }

    fn piece(&mut self) -> (Direction, Vec<u8>) {
        let choice = self.byte();
        let direction = if choice & 0x80 == 0 { Upstream } else { Downstream };
        let length = usize::from(self.byte() % 48);
        let bytes = match choice % 12 {
            0 => self.bytes(length),
            1 | 2 => {
                let code = self.one_of(&CODES);
                let length = if choice & 0x40 == 0 { 0 } else { length };
                packet(code, &self.bytes(length))
            }
            // Longer than what is kept of it.
            3 => {
                let filling = vec![self.byte(); length << 10];
                message(self.kind(direction), &filling)
            }
            // Its length is whatever it says.
            4 => {
                let mut bytes = vec![self.kind(direction)];
                bytes.extend(self.bytes(4 + length));
                bytes
            }
            5 => vec![self.one_of(b"NSE")],
            6 => message(b'Q', &self.sql()),
            7 => message(b'P', &[&self.bytes(1)[..], b"\0", &self.sql(), b"\0\0"].concat()),
            _ => message(self.kind(direction), &self.bytes(length)),
        };
        (direction, bytes)
    }

    fn kind(&mut self, direction: Direction) -> u8 {
        self.one_of(if direction == Upstream { REQUESTS } else { ANSWERS })
    }

    fn sql(&mut self) -> Vec<u8> {
        let sql = self.one_of(&[
            "COMMIT",
            "BEGIN",
            "INSERT INTO t VALUES (1)",
            "COPY t FROM STDIN",
            "",
            "'",
        ]);
        [sql.as_bytes(), b"\0"].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// What the fuzzer does for hours, for a moment.
        #[test]
        fn nothing_panics_or_depends_on_how_bytes_are_torn(
            data in prop::collection::vec(any::<u8>(), 0..300),
            is_started in any::<bool>(),
        ) {
            // Few conversations would begin by themselves.
            let start: &[u8] = if is_started { &[7, 3, 1, 9, 0, 1, 0, 0] } else { &[] };
            run(&[start, &data].concat());
        }
    }
}
