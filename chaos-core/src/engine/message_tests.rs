//! Faults at messages, on bytes that are torn anywhere and a virtual clock.

use proptest::prelude::*;

use super::virtual_link::{VirtualLink, What};
use super::{Ended, StreamEnd};
use crate::direction::Direction::{self, Downstream, Upstream};
use crate::event::FaultId;
use crate::fault::{
    Fault, FaultKind, corrupt_message, cut, delay_message, drop_message, duplicate_message, error,
    latency, reset, stall,
};
use crate::trigger::message::{
    Backend, Frontend, backend, backend_message, command_complete, commit, commit_complete,
    frontend, frontend_message, query,
};
use crate::units::DurationUnits;
use crate::wire::postgres::sample::{VERSION, conversation, message, packet};
use crate::wire::postgres::{Session, Trace};

/// A connection whose messages are read.
fn link() -> VirtualLink {
    let mut link = VirtualLink::default();
    link.engine.read_messages(Box::new(Session::new(1, Trace::default())));
    link
}

/// Sends a conversation, each message of it torn into pieces of these sizes in turn.
fn send(link: &mut VirtualLink, pieces: &[(Direction, Vec<u8>)], sizes: &[usize]) {
    let mut sizes = sizes.iter().copied().cycle();
    for (direction, bytes) in pieces {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
            link.push(*direction, &rest[..size]);
            rest = &rest[size..];
        }
    }
}

/// The bytes of a direction, before the message with this index among all.
fn sent_before(pieces: &[(Direction, Vec<u8>)], direction: Direction, index: usize) -> Vec<u8> {
    let in_direction = pieces[..index].iter().filter(|(way, _)| *way == direction);
    in_direction.flat_map(|(_, bytes)| bytes.clone()).collect()
}

fn index_of(bytes: &[u8]) -> usize {
    conversation().iter().position(|(_, message)| message == bytes).expect("it is sent")
}

fn never() -> Fault {
    cut().on(query("nothing like this")).into()
}

proptest! {
    /// Whatever the pieces, what passes is what came, and a fault ends it at the very byte.
    #[test]
    fn a_fault_acts_at_the_very_byte_however_bytes_are_torn(
        sizes in prop::collection::vec(1..60_usize, 1..20),
        write_limit in 0..20_usize,
        at in 0..5_usize,
    ) {
        let pieces = conversation();
        let index = index_of(&message(b'C', b"COMMIT\0"));
        let length = pieces[index].1.len();
        let message = commit_complete();
        let (fault, offset) = match at {
            0 => (never(), usize::MAX),
            1 => (cut().on(message).into(), 0),
            2 => (cut().on(message.torn()).into(), length / 2),
            3 => (cut().on(message.torn_after(3)).into(), 3),
            _ => (cut().on(message.after()).into(), length),
        };
        let mut link = VirtualLink { write_limit, ..link() };
        link.begin(1, fault);
        send(&mut link, &pieces, &sizes);
        if offset == usize::MAX {
            prop_assert_eq!(link.ended, None);
            for direction in [Upstream, Downstream] {
                prop_assert_eq!(link.bytes(direction), sent_before(&pieces, direction, pieces.len()));
            }
        } else {
            let mut expected = sent_before(&pieces, Downstream, index);
            expected.extend(&pieces[index].1[..offset]);
            prop_assert_eq!(link.bytes(Downstream), expected);
            prop_assert_eq!(link.bytes(Upstream), sent_before(&pieces, Upstream, index));
            let how = StreamEnd::Finish;
            prop_assert_eq!(link.ended, Some((0.ms(), Ended { fault: FaultId(1), how })));
            prop_assert_eq!(link.hits[1], 1);
        }
    }

    /// A connection that somebody looked on at is joined at any byte.
    #[test]
    fn a_connection_is_joined_at_any_byte(joined_at in 0..700_usize, size in 1..50_usize) {
        let pieces = conversation();
        let mut session = Session::new(1, Trace::default());
        let mut link = VirtualLink::default();
        let mut left = joined_at;
        let mut rest = Vec::new();
        for (direction, bytes) in &pieces {
            let passed = left.min(bytes.len());
            session.pass(*direction, &bytes[..passed]);
            left -= passed;
            rest.push((*direction, bytes[passed..].to_vec()));
        }
        link.engine.read_messages(Box::new(session));
        link.begin(1, reset().on(query("INSERT INTO t")));
        link.begin(2, cut().on(commit()));
        send(&mut link, &rest, &[size]);
        let begins = |tag, body: &[u8]| {
            let index = index_of(&message(tag, body));
            pieces[..index].iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
        };
        // The last INSERT is the second `Execute`.
        let (insert, commit) = (begins(b'E', b"p\0\0\0\0\0"), begins(b'Q', b"commit\0"));
        let by = link.ended.map(|(_, ended)| ended.fault.0);
        let expected = match joined_at {
            at if at <= insert => Some(1),
            at if at <= commit => Some(2),
            _ => None,
        };
        prop_assert_eq!(by, expected);
    }
}

/// Something that looks like a message, of any kind, anywhere in a conversation.
fn any_piece() -> impl Strategy<Value = (Direction, Vec<u8>)> {
    let body = || prop::collection::vec(any::<u8>(), 0..12);
    let codes = [VERSION, 80_877_102, 80_877_103, 80_877_104];
    prop_oneof![
        3 => (any::<prop::sample::Index>()).prop_map(|nth| nth.get(&conversation()).clone()),
        1 => (prop::sample::select(&b"QPBDECSXHFpdcf"[..]), body())
            .prop_map(|(tag, body)| (Upstream, message(tag, &body))),
        1 => (prop::sample::select(&b"RSKZCDTEIN1t23nsGHWAdc"[..]), body())
            .prop_map(|(tag, body)| (Downstream, message(tag, &body))),
        1 => (prop::sample::select(codes.to_vec()), body())
            .prop_map(|(code, body)| (Upstream, packet(code, &body))),
        1 => prop::sample::select(&b"NSE"[..]).prop_map(|answer| (Downstream, vec![answer])),
    ]
}

fn any_message_fault() -> impl Strategy<Value = Fault> {
    let conflict = || error(tokio_postgres::error::SqlState::T_R_SERIALIZATION_FAILURE);
    let faults = vec![
        cut().on(commit_complete().torn()).into(),
        reset().on(frontend(Frontend::Sync).after()).into(),
        stall().on(backend_message(5)).into(),
        conflict().on(commit()).into(),
        conflict().on(query("INSERT")).into(),
        conflict().on(frontend_message(2)).into(),
        conflict().on(frontend(Frontend::CopyData)).into(),
        delay_message(backend(Backend::DataRow), 5.ms()).into(),
        drop_message(frontend_message(3)).into(),
        drop_message(backend(Backend::ReadyForQuery)).into(),
        duplicate_message(frontend(Frontend::Parse)).into(),
        duplicate_message(command_complete("INSERT")).into(),
        corrupt_message(frontend(Frontend::Query)).into(),
        corrupt_message(backend_message(1)).into(),
        latency(3.ms()).into(),
        never(),
    ];
    prop::sample::select(faults)
}

proptest! {
    /// Clients and servers that follow no protocol harm nobody: nothing panics or goes on for ever,
    /// and nothing is left when the faults are over.
    #[test]
    fn messages_in_any_order_do_no_harm(
        starts in any::<bool>(),
        pieces in prop::collection::vec(any_piece(), 0..30),
        sizes in prop::collection::vec(1..60_usize, 1..20),
        faults in prop::collection::vec(any_message_fault(), 0..4),
        write_limit in 0..20_usize,
    ) {
        let mut link = VirtualLink { write_limit, ..link() };
        for (id, fault) in (1..).zip(&faults) {
            link.begin(id, fault.clone());
        }
        let begun = if starts { conversation()[..5].to_vec() } else { vec![] };
        send(&mut link, &[begun, pieces].concat(), &sizes);
        link.run_until(20.ms());
        for id in 1..=faults.len() as u64 {
            link.end(id);
        }
        for direction in [Upstream, Downstream] {
            link.push_end(direction, StreamEnd::Finish);
        }
        link.run_until(1.secs());
        prop_assert!(link.ended.is_some() || link.engine.faults().next().is_none());
        let ends = link.delivered.iter().filter(|it| matches!(it.what, What::End(_))).count();
        prop_assert!(link.ended.is_some() || ends == 2, "{ends} ends");
    }
}

#[test]
fn a_message_can_be_lost_doubled_or_changed() {
    let pieces = conversation();
    let done = message(b'C', b"COMMIT\0");
    let index = index_of(&done);
    let before = sent_before(&pieces, Downstream, index);
    let behind =
        sent_before(&pieces, Downstream, pieces.len())[before.len() + done.len()..].to_vec();
    for size in [1, 7, usize::MAX] {
        for fault in [
            Fault::from(drop_message(commit_complete())),
            duplicate_message(commit_complete()).into(),
            corrupt_message(commit_complete()).into(),
        ] {
            let mut link = link();
            let (label, kind) = (fault.to_string(), fault.kind.clone());
            link.begin(1, fault);
            send(&mut link, &pieces, &[size]);
            let all = link.bytes(Downstream);
            assert!(all.starts_with(&before) && all.ends_with(&behind), "{label}");
            let middle = &all[before.len()..all.len() - behind.len()];
            match kind {
                FaultKind::DropMessage => assert_eq!(middle, b""),
                FaultKind::DuplicateMessage => assert_eq!(middle, [&done[..], &done].concat()),
                _ => {
                    let changed = middle.iter().zip(&done).filter(|(one, other)| one != other);
                    assert_eq!((middle.len(), changed.count()), (done.len(), 1));
                    assert_eq!(middle[..5], done[..5], "the header is left alone");
                }
            }
            assert_eq!((link.hits[1], link.ended), (1, None), "{label}");
        }
    }
}

#[test]
fn a_delayed_message_holds_what_follows_it_and_nothing_before() {
    let mut link = link();
    link.begin(1, delay_message(command_complete("BEGIN"), 50.ms()));
    let pieces = conversation();
    let index = index_of(&message(b'C', b"BEGIN\0"));
    send(&mut link, &pieces[..index + 2], &[4]);
    assert_eq!(link.bytes(Downstream), sent_before(&pieces, Downstream, index));
    link.run_until(49.ms());
    assert_eq!(link.bytes(Downstream), sent_before(&pieces, Downstream, index));
    link.run_until(50.ms());
    assert_eq!(link.bytes(Downstream), sent_before(&pieces, Downstream, index + 2));
    // What a delay holds when it is cleared is delivered at once.
    link.begin(2, delay_message(backend(Backend::DataRow), 60.secs()));
    send(&mut link, &pieces[index + 2..index + 4], &[4]);
    assert_eq!(link.bytes(Downstream), sent_before(&pieces, Downstream, index + 2));
    link.end(2);
    assert_eq!(link.bytes(Downstream), sent_before(&pieces, Downstream, index + 4));
    assert_eq!((link.hits[1], link.hits[2]), (1, 1));
}

#[test]
fn a_message_that_another_fault_delays_is_met_when_it_leaves() {
    let mut link = link();
    link.begin(1, latency(30.ms()));
    link.begin(2, cut().on(frontend(Frontend::Startup)));
    send(&mut link, &conversation()[..1], &[3]);
    link.run_until(29.ms());
    assert_eq!(link.ended, None);
    link.run_until(30.ms());
    assert_eq!(link.ended.map(|(at, ended)| (at, ended.fault.0)), Some((30.ms(), 2)));
}

#[test]
fn messages_are_met_by_their_ordinals() {
    for (fault, delivered) in [
        (Fault::from(cut().on(frontend_message(2))), (1, 4)),
        (cut().on(backend_message(4).after()).into(), (1, 4)),
        (cut().on(backend_message(6)).into(), (2, 5)),
    ] {
        let mut link = link();
        let label = fault.to_string();
        link.begin(1, fault);
        let pieces = conversation();
        send(&mut link, &pieces, &[usize::MAX]);
        assert!(link.ended.is_some());
        let count = |direction| {
            let in_direction = pieces.iter().filter(|(way, _)| *way == direction);
            let mut left = link.bytes(direction).len();
            in_direction
                .take_while(|(_, bytes)| {
                    let is_whole = left >= bytes.len() && left > 0;
                    left = left.saturating_sub(bytes.len());
                    is_whole
                })
                .count()
        };
        assert_eq!((count(Upstream), count(Downstream)), delivered, "{label}");
    }
}

#[test]
fn a_message_of_a_gigabyte_streams_by() {
    let mut link = link();
    link.begin(1, never());
    link.push(Upstream, &packet(VERSION, b"\0"));
    let started = link.bytes(Upstream).len();
    link.push(Upstream, &[&b"Q"[..], &(1_u32 << 30).to_be_bytes(), b"INSERT "].concat());
    assert_eq!(link.bytes(Upstream).len(), started, "it is not known for what it is yet");
    let piece = vec![b' '; 64 << 10];
    for pushed in 1..5 {
        link.push(Upstream, &piece);
        assert_eq!(link.bytes(Upstream).len(), started + 12 + pushed * piece.len());
    }
}

#[test]
fn the_beginning_of_a_message_goes_no_further_than_the_end_of_the_stream() {
    let mut link = link();
    link.begin(1, never());
    let start = packet(VERSION, b"\0");
    link.push(Upstream, &start);
    link.push(Upstream, b"Q\0\0");
    assert_eq!(link.bytes(Upstream), start);
    link.push_end(Upstream, StreamEnd::Finish);
    assert_eq!(link.bytes(Upstream), [&start[..], b"Q\0\0"].concat());
}

#[test]
fn bytes_that_are_no_messages_pass_and_are_talked_about_once() {
    let mut link = link();
    link.begin(1, stall().on(commit()));
    link.push(Upstream, b"GET / HTTP/1.1\r\n");
    link.push(Downstream, b"HTTP/1.1 200 OK\r\n");
    assert_eq!(link.bytes(Upstream), b"GET / HTTP/1.1\r\n");
    assert_eq!(link.bytes(Downstream), b"HTTP/1.1 200 OK\r\n");
    assert!(link.engine.take_sentence().is_some_and(|sentence| sentence.contains("no further")));
    assert_eq!(link.engine.take_sentence(), None);
}

#[test]
fn a_request_for_encryption_is_refused_while_a_fault_waits_for_messages() {
    let ssl = packet(80_877_103, b"");
    let mut plain = link();
    plain.begin(1, latency(1.ms()));
    plain.push(Upstream, &ssl);
    plain.run_until(1.ms());
    assert_eq!((plain.bytes(Upstream), plain.bytes(Downstream).len()), (ssl.clone(), 0));

    let mut link = link();
    link.begin(1, cut().on(commit()));
    link.push(Upstream, &ssl[..3]);
    link.push(Upstream, &ssl[3..]);
    assert_eq!((link.bytes(Upstream).len(), link.bytes(Downstream)), (0, b"N".to_vec()));
    assert!(link.engine.take_sentence().is_some_and(|sentence| sentence.contains("sslmode")));
    let pieces = conversation();
    let index = index_of(&message(b'Q', b"commit\0"));
    send(&mut link, &pieces, &[usize::MAX]);
    assert_eq!(link.bytes(Upstream), sent_before(&pieces, Upstream, index));
    assert!(link.ended.is_some());
}

#[test]
fn an_error_at_the_start_is_the_last_that_a_client_hears() {
    let mut link = link();
    let code = "53300".parse::<crate::fault::SqlCode>().unwrap();
    link.begin(1, error(code).message("too many").on(frontend(Frontend::Startup)));
    send(&mut link, &conversation()[..1], &[2]);
    assert_eq!(link.bytes(Upstream), b"");
    let heard = link.bytes(Downstream);
    assert!(heard.starts_with(b"E") && heard.windows(6).any(|it| it == b"C53300"), "{heard:?}");
    assert_eq!(link.ended.map(|(_, ended)| ended.how), Some(StreamEnd::Finish));
    assert_eq!(link.hits[1], 1);
}
