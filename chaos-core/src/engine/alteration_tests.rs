//! Faults that change what is delivered, and latency in steps, on a virtual clock.

use super::virtual_link::VirtualLink;
use crate::direction::Direction::{Downstream, Upstream};
use crate::fault::{bandwidth, corrupt, corrupt_every, duplicate, latency_steps, slice};
use crate::units::{ByteUnits, DurationUnits, PercentUnits};

fn link() -> VirtualLink {
    VirtualLink::default()
}

/// The positions at which the bytes differ.
fn differences(sent: &[u8], got: &[u8]) -> Vec<usize> {
    assert_eq!(sent.len(), got.len());
    (0..sent.len()).filter(|at| sent[*at] != got[*at]).collect()
}

#[test]
fn every_nth_byte_is_changed_however_the_stream_is_torn() {
    let sent = [0x55; 1000];
    let corrupted = |chunk: usize, write_limit: usize| {
        let mut link = VirtualLink { write_limit, ..link() };
        link.begin(1, corrupt_every(100).upstream());
        sent.chunks(chunk).for_each(|chunk| link.push(Upstream, chunk));
        link.push(Downstream, &sent);
        assert_eq!(link.bytes(Downstream), sent, "the other direction goes on");
        (link.bytes(Upstream), link.hits[1])
    };
    let (whole, hits) = corrupted(1000, 0);
    assert_eq!(differences(&sent, &whole), [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
    assert_eq!(hits, 1);
    assert_eq!(corrupted(1000, 7).0, whole);
    // Ten of the chunks of 37 bytes have one.
    assert_eq!(corrupted(37, 0), (whole.clone(), 10));
    assert_eq!(corrupted(1, 0), (whole, 10));
}

#[test]
fn about_as_many_chunks_are_changed_as_was_asked_and_one_byte_of_each() {
    let mut link = link();
    link.begin(1, corrupt(10.percent()));
    let mut changed = 0;
    for _ in 0..2_000 {
        let before = link.bytes(Upstream).len();
        link.push(Upstream, &[0; 20]);
        let got = link.bytes(Upstream).split_off(before);
        let wrong = differences(&[0; 20], &got).len();
        assert!(wrong <= 1);
        changed += wrong as u64;
        link.delivered.clear();
    }
    // 10 % of 2 000 has a standard deviation of 13: five of them.
    assert!((135..=265).contains(&changed), "{changed} of 2000");
    assert_eq!(link.hits[1], changed);
}

#[test]
fn a_chunk_that_leaves_in_pieces_has_one_byte_changed() {
    let mut link = VirtualLink { write_limit: 3, ..link() };
    link.begin(1, corrupt(100.percent()));
    link.begin(2, slice(7, 1.ms()));
    for _ in 0..20 {
        link.delivered.clear();
        link.push(Upstream, &[0; 50]);
        link.run_until(link.now + 1.secs());
        assert_eq!(differences(&[0; 50], &link.bytes(Upstream)).len(), 1);
    }
    assert_eq!(link.hits[1], 20);
}

#[test]
fn corruption_begins_where_it_is_told_to() {
    let mut link = link();
    link.begin(1, corrupt_every(1).after_bytes(4));
    link.push(Upstream, b"abcdefgh");
    assert_eq!(differences(b"abcdefgh", &link.bytes(Upstream)), [4, 5, 6, 7]);
}

#[test]
fn a_doubled_chunk_comes_twice_and_not_more_often() {
    let mut link = VirtualLink { write_limit: 2, ..link() };
    link.begin(1, duplicate(100.percent()).downstream());
    link.push(Downstream, b"once ");
    link.push(Downstream, b"again ");
    link.push(Upstream, b"just once");
    assert_eq!(link.bytes(Downstream), b"once once again again ");
    assert_eq!(link.bytes(Upstream), b"just once");
    assert_eq!(link.hits[1], 2);
    link.end(1);
    assert!(link.engine.is_idle());
}

#[test]
fn a_copy_that_waits_is_delivered_though_the_fault_is_cleared() {
    let mut link = link();
    link.begin(1, duplicate(100.percent()));
    link.begin(2, bandwidth(1_000.bytes_per_sec()));
    link.push(Upstream, &[7; 100]);
    // 150 of 200 bytes.
    link.run_until(150.ms());
    link.end(1);
    link.run_until(1.secs());
    assert_eq!(link.bytes(Upstream).len(), 200);
}

#[test]
fn about_as_many_chunks_are_doubled_as_was_asked() {
    let mut link = link();
    link.begin(1, duplicate(10.percent()));
    for _ in 0..2_000 {
        link.push(Upstream, b"x");
    }
    let doubled = link.bytes(Upstream).len() - 2_000;
    assert!((135..=265).contains(&doubled), "{doubled} of 2000");
    assert_eq!(link.hits[1], doubled as u64);
}

#[test]
fn latency_grows_step_by_step_and_stays_at_the_last_one() {
    let mut link = link();
    link.begin(1, latency_steps([10.ms(), 50.ms(), 250.ms()], 5.secs()));
    let mut arrived = Vec::new();
    for at in [0.ms(), 4_999.ms(), 5.secs(), 9.secs(), 10.secs(), 100.secs()] {
        link.run_until(at);
        link.delivered.clear();
        link.push(Upstream, b"x");
        link.run_until(at + 1.ms() * 900);
        arrived.push((link.delivered[0].at - at).as_millis());
        if at == 4_999.ms() {
            // The clock has passed the next time to send.
            link.now = 5.secs();
        }
    }
    assert_eq!(arrived, [10, 10, 50, 50, 250, 250]);
    assert_eq!(link.hits[1], 6);
}

#[test]
fn the_steps_count_from_when_the_fault_was_injected() {
    let mut link = link();
    link.now = 12.secs();
    let fault = latency_steps([10.ms(), 50.ms(), 250.ms()], 5.secs());
    // The connection was opened 7 s after that.
    link.begin_drawn(1, fault, 5.secs(), crate::seed::Seed(1));
    link.push(Upstream, b"x");
    link.run_until(20.secs());
    assert_eq!(link.seen(Upstream), [(12_050, "x".to_owned())]);
}

#[test]
fn delays_that_shrink_keep_the_order() {
    let mut link = link();
    link.begin(1, latency_steps([1.secs(), 10.ms()], 1.secs()));
    link.run_until(900.ms());
    link.push(Upstream, b"first");
    link.run_until(1_100.ms());
    link.push(Upstream, b"second");
    link.run_until(5.secs());
    let seen: Vec<_> = link.seen(Upstream);
    assert_eq!(seen, [(1_900, "first".to_owned()), (1_900, "second".to_owned())]);
}
