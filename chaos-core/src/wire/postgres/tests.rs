//! The session, on bytes that are torn anywhere.

use proptest::prelude::*;

use super::sample::{VERSION, conversation, message, packet};
use super::*;
use crate::direction::Direction::{Downstream, Upstream};

/// Shows a session all pieces of a conversation, each torn into parts of these sizes in turn.
fn watch(conversation: &[(Direction, Vec<u8>)], sizes: &[usize]) -> Vec<(Direction, u64, String)> {
    let trace = Trace::default();
    trace.start();
    let mut session = Session::new(1, trace.clone());
    let mut sizes = sizes.iter().copied().cycle();
    for (direction, bytes) in conversation {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
            session.pass(*direction, &rest[..size]);
            rest = &rest[size..];
        }
    }
    assert!(!session.is_opaque(), "{:?}", session.take_sentence());
    assert!(session.upstream.framer.is_between() && session.downstream.framer.is_between());
    assert!(session.requests.is_empty(), "{:?}", session.requests);
    trace.take().into_iter().map(|it| (it.direction, it.nth, it.summary)).collect()
}

/// What a session was told of in one sentence.
fn sentence_about(pieces: &[(Direction, Vec<u8>)]) -> Option<String> {
    let mut session = Session::new(3, Trace::default());
    for (direction, bytes) in pieces {
        session.pass(*direction, bytes);
    }
    let sentence = session.take_sentence();
    assert_eq!(session.is_opaque(), sentence.is_some());
    if sentence.is_some() {
        // It is said once, and what follows goes on unread.
        session.pass(Upstream, b"whatever");
        assert_eq!(session.take_sentence(), None);
    }
    sentence
}

#[test]
fn every_message_is_known_for_what_it_is() {
    let seen = watch(&conversation(), &[usize::MAX]);
    let told: Vec<_> = seen.iter().map(|(_, _, summary)| summary.as_str()).collect();
    assert_eq!(told[0], "Startup");
    assert_eq!(told[4..7], ["ReadyForQuery I", "Query BEGIN; SELECT 1", "CommandComplete BEGIN"]);
    let executes: Vec<_> = told.iter().filter(|it| it.starts_with("Execute")).collect();
    let insert = "Execute INSERT INTO t VALUES ($1)";
    assert_eq!(executes, [&insert, &insert, &"Execute COPY t FROM STDIN"]);
    assert!(told.contains(&"ErrorResponse 23505"));
    assert_eq!(seen.len(), conversation().len());
    for way in [Upstream, Downstream] {
        let numbers = seen.iter().filter(|(direction, ..)| *direction == way);
        let sent = conversation().iter().filter(|(direction, _)| *direction == way).count();
        assert!(numbers.map(|(_, nth, _)| *nth).eq(1..=sent as u64));
    }
}

proptest! {
    #[test]
    fn however_bytes_are_torn_the_messages_are_the_same(
        sizes in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let conversation = conversation();
        prop_assert_eq!(watch(&conversation, &sizes), watch(&conversation, &[usize::MAX]));
    }

    #[test]
    fn bytes_that_are_no_messages_do_no_harm(
        pieces in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20,
        ),
        is_started in any::<bool>(),
    ) {
        let mut session = Session::new(1, Trace::default());
        if is_started {
            session.pass(Upstream, &packet(VERSION, b"\0"));
        }
        for (is_upstream, bytes) in pieces {
            session.pass(if is_upstream { Upstream } else { Downstream }, &bytes);
        }
    }
}

#[test]
fn encryption_that_is_refused_is_followed_by_the_start() {
    let mut pieces = vec![
        (Upstream, packet(80_877_104, b"")),
        (Downstream, b"N".to_vec()),
        (Upstream, packet(80_877_103, b"")),
        (Downstream, b"N".to_vec()),
    ];
    pieces.extend(conversation());
    let told: Vec<_> = watch(&pieces, &[3]).into_iter().map(|(_, _, summary)| summary).collect();
    let begun = ["GssEncRequest", "EncryptionAnswer", "SslRequest", "EncryptionAnswer", "Startup"];
    assert_eq!(told[..5], begun);
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let started = (Upstream, packet(VERSION, b"\0"));
    let ssl = (Upstream, packet(80_877_103, b""));
    let cases = [
        (vec![ssl.clone(), (Downstream, b"S".to_vec())], "agreed to encrypt"),
        (vec![(Upstream, vec![0x16, 3, 1])], "speaks TLS"),
        (vec![(Upstream, packet(131_072, b""))], "version 2.0"),
        (vec![(Upstream, vec![0, 0, 0, 3, 0, 0, 0, 0])], "cannot be 3 B long"),
        (vec![(Upstream, b"GET / HTTP/1.1\r\n".to_vec())], "start-up cannot be"),
        (vec![(Upstream, packet(80_877_103, b"more"))], "start-up cannot be 12 B long"),
        (vec![(Upstream, packet(80_877_104, b"more"))], "start-up cannot be 12 B long"),
        (vec![started.clone(), (Upstream, vec![b'Q', 0, 0, 0, 3])], "Query cannot be 3 B"),
        (vec![started.clone(), (Downstream, vec![b'D', 0xff, 0, 0, 0])], "DataRow cannot be"),
        (vec![started.clone(), (Downstream, b"+PONG\r\n".to_vec())], "byte 0x2b"),
    ];
    for (pieces, words) in cases {
        let sentence = sentence_about(&pieces).unwrap_or_default();
        assert!(sentence.contains(words), "{sentence:?} lacks {words:?}");
    }
    // A server that knows nothing of encryption complains in its own way.
    let complaint = message(b'E', b"SFATAL\0C0A000\0\0");
    assert_eq!(sentence_about(&[ssl, (Downstream, complaint)]), None);
    // The longest message that there may be.
    let mut longest = vec![b'd'];
    longest.extend((1_u32 << 30).to_be_bytes());
    assert_eq!(sentence_about(&[started, (Upstream, longest)]), None);
}

#[test]
fn a_session_that_goes_on_needs_no_new_memory() {
    let mut session = Session::new(1, Trace::default());
    session.pass(Upstream, &packet(VERSION, b"\0"));
    session.pass(Downstream, &message(b'Z', b"I"));
    let mut addresses = Vec::new();
    for _ in 0..4 {
        let (_, message_seen) = session.step(Upstream, &message(b'Q', b"SELECT 1\0"));
        let seen = message_seen.expect("a query");
        addresses.push(std::sync::Arc::as_ptr(seen.sql.as_ref().expect("its SQL")));
        session.accept(&seen);
        drop(seen);
        session.pass(Downstream, &message(b'C', b"SELECT 1\0"));
        session.pass(Downstream, &message(b'Z', b"I"));
    }
    assert!(addresses.iter().all(|address| *address == addresses[0]), "{addresses:?}");
}

#[test]
fn no_more_requests_are_remembered_than_are_answered_in_time() {
    let mut session = Session::new(3, Trace::default());
    session.pass(Upstream, &packet(VERSION, b"user\0me\0\0"));
    session.pass(Downstream, &message(b'Z', b"I"));
    let sync = message(b'S', b"");
    session.pass(Upstream, &sync.repeat(requests::MOST));
    assert!(!session.is_opaque(), "{:?}", session.take_sentence());
    // One is answered, and another one may come.
    session.pass(Downstream, &message(b'Z', b"I"));
    session.pass(Upstream, &sync);
    assert!(!session.is_opaque(), "{:?}", session.take_sentence());

    session.pass(Upstream, &sync);
    assert!(session.is_opaque());
    let sentence = session.take_sentence().unwrap();
    assert!(sentence.ends_with("more than 65536 of its requests wait for an answer"), "{sentence}");
    assert!(session.requests.is_empty());
    session.pass(Upstream, &sync.repeat(3));
    assert!(session.requests.is_empty() && session.take_sentence().is_none());
}
