//! What toxics do, in virtual time.

use std::time::Duration;

use super::virtual_link::VirtualLink;
use super::{Ended, StreamEnd};
use crate::direction::Direction::{Downstream, Upstream};
use crate::direction::Directions;
use crate::event::FaultId;
use crate::fault::{Fault, FaultKind, Toxic};
use crate::units::DurationUnits;

fn downstream(does: Toxic) -> Fault {
    Fault { directions: Directions::Downstream, ..Fault::new(FaultKind::Toxic { does }) }
}

fn ended(by: u64, at: Duration, how: StreamEnd) -> Option<(Duration, Ended)> {
    Some((at, Ended { fault: FaultId(by), how }))
}

#[test]
fn a_timeout_loses_everything_and_ends_the_connection_once_it_is_quiet() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::Timeout { timeout: 100 }));
    link.push(Downstream, b"lost");
    link.run_until(90.ms());
    // Data starts the time anew, and the other direction is not concerned.
    link.push(Downstream, b"lost as well");
    link.push(Upstream, b"goes on");
    link.run_until(189.ms());
    assert_eq!(link.ended, None);
    link.run_until(500.ms());
    assert_eq!(link.ended, ended(1, 190.ms(), StreamEnd::Finish));
    assert_eq!(link.bytes(Downstream), b"");
    assert_eq!(link.bytes(Upstream), b"goes on");
}

#[test]
fn a_timeout_of_nothing_waits_until_it_is_removed() {
    for timeout in [0, -5, i64::MIN] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::Timeout { timeout }));
        link.push(Downstream, b"lost");
        link.push_end(Downstream, StreamEnd::Finish);
        link.run_until(3600.secs());
        assert_eq!((link.ended, link.bytes(Downstream)), (None, vec![]));
        link.end(1);
        assert_eq!(link.ended, ended(1, 3600.secs(), StreamEnd::Finish));
    }
}

#[test]
fn a_reset_comes_so_long_after_the_first_data_which_is_lost() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::ResetPeer { timeout: 50 }));
    link.run_until(1.secs());
    assert_eq!(link.ended, None);
    link.push(Downstream, b"lost");
    link.run_until(1_040.ms());
    link.push(Downstream, b"lost, and no new beginning");
    link.run_until(2.secs());
    assert_eq!(link.ended, ended(1, 1_050.ms(), StreamEnd::Reset));
    assert_eq!(link.bytes(Downstream), b"");

    let mut idle = VirtualLink::default();
    idle.begin(1, downstream(Toxic::ResetPeer { timeout: 0 }));
    idle.end(1);
    idle.push(Downstream, b"as before");
    assert_eq!((idle.ended, idle.bytes(Downstream)), (None, b"as before".to_vec()));
}

#[test]
fn toxics_act_in_their_order() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::Latency { latency: 100, jitter: 0 }));
    link.begin(2, downstream(Toxic::ResetPeer { timeout: 10 }));
    // It stands behind the one that takes everything.
    link.begin(3, downstream(Toxic::LimitData { bytes: 1 }));
    link.push(Downstream, b"lost");
    link.run_until(1.secs());
    assert_eq!(link.ended, ended(2, 110.ms(), StreamEnd::Reset));
    assert_eq!(link.hits[3], 0);

    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::LimitData { bytes: 2 }));
    link.begin(2, downstream(Toxic::Timeout { timeout: 0 }));
    link.push(Downstream, b"four");
    assert_eq!(link.ended, ended(1, 0.ms(), StreamEnd::Finish));
    assert_eq!(link.bytes(Downstream), b"");
}

#[test]
fn jitter_lies_on_both_sides_and_nothing_is_delivered_before_it_came() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::Latency { latency: 100, jitter: 50 }));
    let mut late = Vec::new();
    for nth in 0..2_000_u32 {
        let came = 1.secs() * nth;
        link.run_until(came);
        link.push(Downstream, b"x");
        link.run_until(came + 900.ms());
        late.push(link.delivered.pop().unwrap().at - came);
    }
    late.sort();
    assert!(late[0] >= 50.ms() && late[0] < 52.ms(), "{:?}", late[0]);
    assert!(late[1_999] < 150.ms() && late[1_999] > 148.ms(), "{:?}", late[1_999]);
    assert!(late[1_000].abs_diff(100.ms()) < 6.ms(), "{:?}", late[1_000]);

    for (latency, jitter) in [(-100, 0), (0, -50), (i64::MIN, i64::MIN), (-1, 1)] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::Latency { latency, jitter }));
        link.push(Downstream, b"x");
        link.run_until(1.ms());
        assert_eq!(link.bytes(Downstream), b"x", "{latency} ± {jitter}");
    }
}

#[test]
fn numbers_that_make_no_sense_have_a_meaning_all_the_same() {
    for rate in [0, -1, i64::MIN] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::Bandwidth { rate }));
        link.push(Downstream, b"held");
        link.run_until(3600.secs());
        assert_eq!(link.bytes(Downstream), b"");
        link.end(1);
        assert_eq!((link.bytes(Downstream), link.ended), (b"held".to_vec(), None));
    }
    for average_size in [0, -3, i64::MIN] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::Slicer { average_size, size_variation: 0, delay: 0 }));
        link.push(Downstream, b"four");
        assert_eq!(link.delivered.len(), 4);
    }
    for bytes in [0, -1, i64::MIN] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::LimitData { bytes }));
        assert_eq!(link.ended, None);
        link.push(Downstream, b"x");
        assert_eq!((link.bytes(Downstream).len(), link.ended.is_some()), (0, true));
    }
    for delay in [-1, i64::MIN] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(Toxic::SlowClose { delay }));
        link.push_end(Downstream, StreamEnd::Finish);
        assert_eq!(link.seen(Downstream), [(0, "FIN".to_owned())]);
    }
    // And none of them overflows.
    for does in [
        Toxic::Latency { latency: i64::MAX, jitter: i64::MAX },
        Toxic::Bandwidth { rate: i64::MAX },
        Toxic::SlowClose { delay: i64::MAX },
        Toxic::Timeout { timeout: i64::MAX },
        Toxic::ResetPeer { timeout: i64::MAX },
        Toxic::Slicer { average_size: i64::MAX, size_variation: i64::MAX, delay: i64::MAX },
        Toxic::LimitData { bytes: i64::MAX },
    ] {
        let mut link = VirtualLink::default();
        link.begin(1, downstream(does));
        link.push(Downstream, &[0; 1000]);
        link.push_end(Downstream, StreamEnd::Finish);
        link.run_until(10.secs());
    }
}

#[test]
fn slices_vary_in_size_and_lose_nothing() {
    let mut link = VirtualLink::default();
    let slicer = Toxic::Slicer { average_size: 64, size_variation: 32, delay: 10 };
    link.begin(1, downstream(slicer));
    let sent: Vec<u8> = (0..20_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    link.push(Downstream, &sent);
    link.run_until(1.secs());
    assert_eq!(link.bytes(Downstream), sent);
    let sizes: Vec<usize> = link
        .delivered
        .iter()
        .map(|delivery| match &delivery.what {
            super::virtual_link::What::Bytes(bytes) => bytes.len(),
            super::virtual_link::What::End(_) => 0,
        })
        .collect();
    let (_, whole) = sizes.split_last().unwrap();
    assert!(whole.iter().all(|size| (32..=96).contains(size)), "{sizes:?}");
    assert!(whole.iter().any(|size| *size < 40) && whole.iter().any(|size| *size > 88));
    // 10 µs after each of about 312 pieces.
    let last = link.delivered.last().unwrap().at;
    assert!(last > 2_500.us() && last < 4.ms(), "{last:?}");
}

#[test]
fn a_limit_counts_what_passed_before_it_was_changed() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::LimitData { bytes: 100 }));
    link.push(Downstream, &[1; 60]);
    link.change(1, &downstream(Toxic::LimitData { bytes: 80 }));
    link.push(Downstream, &[2; 60]);
    assert_eq!(link.bytes(Downstream).len(), 80);
    assert!(link.ended.is_some());

    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::LimitData { bytes: 100 }));
    link.push(Downstream, &[1; 60]);
    // Below what has passed already.
    link.change(1, &downstream(Toxic::LimitData { bytes: 10 }));
    assert!(link.ended.is_some());
}

#[test]
fn what_is_held_follows_numbers_that_change() {
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::Latency { latency: 10_000, jitter: 0 }));
    link.push(Downstream, b"x");
    link.run_until(50.ms());
    link.change(1, &downstream(Toxic::Latency { latency: 100, jitter: 0 }));
    link.run_until(1.secs());
    assert_eq!(link.seen(Downstream), [(100, "x".to_owned())]);

    link.begin(2, downstream(Toxic::Bandwidth { rate: 0 }));
    link.push(Downstream, b"y");
    link.run_until(10.secs());
    link.change(2, &downstream(Toxic::Bandwidth { rate: 1_000 }));
    link.run_until(11.secs());
    assert_eq!(link.bytes(Downstream), b"xy");

    // A timeout begins anew, and a reset that was set off is not put off.
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::Timeout { timeout: 100 }));
    link.run_until(90.ms());
    link.change(1, &downstream(Toxic::Timeout { timeout: 100 }));
    link.run_until(1.secs());
    assert_eq!(link.ended, ended(1, 190.ms(), StreamEnd::Finish));
    let mut link = VirtualLink::default();
    link.begin(1, downstream(Toxic::ResetPeer { timeout: 100 }));
    link.push(Downstream, b"x");
    link.run_until(50.ms());
    link.change(1, &downstream(Toxic::ResetPeer { timeout: 60 }));
    link.run_until(1.secs());
    assert_eq!(link.ended, ended(1, 60.ms(), StreamEnd::Reset));
}

#[test]
fn a_fault_that_comes_late_stands_where_it_was_injected() {
    let mut link = VirtualLink::default();
    link.begin(2, downstream(Toxic::Timeout { timeout: 0 }));
    link.begin(1, downstream(Toxic::LimitData { bytes: 1 }));
    link.push(Downstream, b"xx");
    assert_eq!(link.ended.map(|(_, ended)| ended.fault), Some(FaultId(1)));
}
