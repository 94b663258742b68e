//! What is printed and stored of faults, and which are refused.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::*;
use crate::delay::{Delay, IntoDelay};
use crate::trigger::message::{
    Backend, Frontend, backend, backend_message, commit, commit_complete, frontend,
    frontend_message, query, query_like, query_matching,
};
use crate::trigger::{connection, every_nth, first, nth, seen};
use crate::units::{ByteUnits, DurationUnits, PercentUnits};

fn code(text: &str) -> SqlCode {
    text.parse().unwrap()
}

#[test]
fn a_label_says_what_where_and_when() {
    let labels = [
        (Fault::from(latency(80.ms()..=120.ms()).downstream()), "latency 80ms–120ms ↓"),
        (bandwidth(100.kib_per_sec()).into(), "bandwidth 100 KiB/s ↕"),
        (slice(1, 2.ms()).upstream().into(), "slice 1 B every 2ms ↑"),
        (reset().on(5.percent()).into(), "reset on 5 % of the connections"),
        (reset().on(first(1)).into(), "reset on the first connection"),
        (reset().on(every_nth(3)).into(), "reset on 1 connection in 3"),
        (cut().on(nth(3)).after_bytes(64.kib()).into(), "cut after 64 KiB on connection 3"),
        (limit(10).downstream().into(), "limit 10 B ↓"),
        (refuse().into(), "refuse"),
        (hang().into(), "hang"),
        (partition().upstream().into(), "partition ↑"),
        (Fault::new(FaultKind::DeadPeer), "dead_peer"),
        (black_hole().on(connection(2)).into(), "black_hole ↕ on connection 2 of the link"),
        (idle_drop(30.secs()).into(), "idle_drop (silent) when idle for 30s"),
        (idle_drop(1.secs()).fin().into(), "idle_drop (FIN) when idle for 1s"),
        (idle_drop(1.secs()).reset().into(), "idle_drop (RST) when idle for 1s"),
        (latency_steps([10.ms(), 50.ms()], 5.secs()).into(), "latency_steps 10ms, 50ms every 5s ↕"),
        (corrupt(5.percent()).into(), "corrupt 5 % of the chunks ↕"),
        (corrupt_every(1.kib()).upstream().into(), "corrupt_every 1 KiB ↑"),
        (duplicate(5.percent()).downstream().into(), "duplicate 5 % of the chunks ↓"),
        (loss(5.percent()).into(), "modelled loss 5 % ↕"),
        (
            reordering(1.percent()).round_trip(40.ms()).into(),
            "modelled reordering 1 % at a round trip of 40ms ↕",
        ),
        (packet_duplication(1.percent()).upstream().into(), "modelled packet_duplication 1 % ↑"),
        (packet_corruption(0.1.percent()).into(), "modelled packet_corruption 0.1 % ↕"),
        (packet_delay(2.ms()).upstream().into(), "modelled packet_delay 2ms ↑"),
        (kernel_loss().downstream().on(nth(2)).into(), "kernel loss 5 % ↓ on connection 2"),
        (
            Fault::new(FaultKind::KernelPacketDelay { delay: 2.ms().into_delay() }),
            "kernel packet_delay 2ms ↕",
        ),
        (
            cut().when_seen(seen(b"COMMIT\0").upstream()).into(),
            "cut when \"COMMIT\\x00\" ↑ was seen",
        ),
        (stall().when_seen("x").after_bytes(2).into(), "stall ↕ when \"x\" was seen after 2 B"),
        (reset().on(commit()).into(), "reset at request COMMIT"),
        (cut().on(commit_complete().after()).into(), "cut after answer COMMIT"),
        (
            stall().downstream().on(query("INSERT").complete().nth(2).torn()).on(nth(1)).into(),
            "stall ↓ inside answer to `INSERT` number 2 on connection 1",
        ),
        (
            black_hole().on(query_matching("a+").every_nth(3).over_link()).into(),
            "black_hole ↕ at request /a+/, 1 in 3 of the link",
        ),
        (reset().on(backend(Backend::DataRow).torn_after(7)).into(), "reset 7 B into DataRow"),
        (cut().on(backend_message(7)).into(), "cut at message 7 ↓"),
        (
            error(SqlState::T_R_SERIALIZATION_FAILURE).on(commit().first(3)).into(),
            "error 40001 at request COMMIT, the first 3",
        ),
        (
            error(code("57P01")).severity(Severity::Fatal).into(),
            "error FATAL 57P01 at request of any statement",
        ),
        (
            delay_message(query_like("SELECT 1"), 5.ms()).into(),
            "delay_message 5ms at request like `SELECT 1`",
        ),
        (drop_message(commit_complete()).into(), "drop_message at answer COMMIT"),
        (
            reset().when_seen(seen("x").nth(3)).per_link().into(),
            "reset when \"x\" was seen 3 times over the link",
        ),
        (cut().after_bytes(1.mib()).per_link().into(), "cut after 1 MiB over the link"),
        (limit(10).upstream().per_link().into(), "limit 10 B ↑ over the link"),
        // It waits for nothing.
        (cut().per_link().into(), "cut"),
        (limit(0).per_link().into(), "limit 0 B ↕"),
    ];
    for (fault, label) in labels {
        assert_eq!(fault.to_string(), label);
    }
}

/// What `loss(5.percent()).in_kernel()` gives where it is possible.
fn kernel_loss() -> KernelPackets {
    let effect = PacketEffect::Loss;
    Fault::new(FaultKind::KernelPackets { effect, probability: 5.percent() }).into()
}

#[test]
fn what_is_stored_can_be_read_back() {
    for fault in [
        Fault::from(latency(Delay::log_normal(20.ms(), 0.5)).upstream().on(nth(2))),
        slice(3, 1.ms()).may_be_idle().into(),
        reset().after_bytes(7).into(),
        refuse().into(),
        hang().into(),
        partition().downstream().into(),
        Fault::new(FaultKind::DeadPeer),
        black_hole().on(connection(4)).into(),
        idle_drop(30.secs()).into(),
        idle_drop(30.secs()).fin().into(),
        idle_drop(30.secs()).reset().into(),
        latency_steps([10.ms(), 50.ms()], 5.secs()).into(),
        corrupt(5.percent()).into(),
        corrupt_every(7).into(),
        duplicate(5.percent()).into(),
        loss(5.percent()).round_trip(3.ms()).into(),
        packet_duplication(5.percent()).into(),
        reordering(5.percent()).into(),
        packet_corruption(5.percent()).into(),
        packet_delay(1.ms()..=2.ms()).into(),
        kernel_loss().into(),
        Fault::new(FaultKind::KernelPacketDelay { delay: 2.ms().into_delay() }),
        cut().when_seen(seen(b"COMMIT").upstream()).into(),
        reset().when_seen(seen([0xff, 0])).into(),
        reset().on(commit()).into(),
        cut().on(commit_complete().after()).on(nth(2)).into(),
        stall().on(query("INSERT").complete().nth(2).torn()).into(),
        black_hole().on(query_matching("a+").every_nth(3).over_link()).into(),
        reset().on(backend(Backend::DataRow).torn_after(7)).into(),
        cut().on(frontend_message(7)).into(),
        error(code("40001")).hint("again").detail("why").message("x").on(commit()).into(),
        delay_message(query_like("SELECT 1").first(1), 5.ms()).into(),
        drop_message(commit_complete()).into(),
        duplicate_message(frontend(Frontend::Sync)).into(),
        corrupt_message(backend(Backend::DataRow)).into(),
        reset().when_seen(seen(b"COMMIT").nth(3)).per_link().into(),
    ] {
        let stored = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&stored).unwrap(), fault, "{stored}");
    }
}

/// What a call panics with.
fn refusal<T>(call: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    let Err(panic) = std::panic::catch_unwind(call) else { panic!("it was accepted") };
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("a panic has a text")).to_owned())
}

#[test]
fn what_would_never_act_is_refused_with_what_to_write_instead() {
    let none = Vec::<Duration>::new();
    let refusals = [
        (refusal(|| idle_drop(Duration::ZERO)), "use `cut()` or `reset()`"),
        (refusal(|| latency_steps(none, 1.secs())), "at least 1 step"),
        (refusal(|| latency_steps([1.ms()], Duration::ZERO)), "use `latency(..)`"),
        (refusal(|| corrupt(0.percent())), "`corrupt` with a probability of 0 %"),
        (refusal(|| corrupt_every(0)), "`corrupt_every(1)`"),
        (refusal(|| duplicate(0.percent())), "`duplicate` with a probability of 0 %"),
        (refusal(|| loss(0.percent())), "`loss` with a probability of 0 %"),
        (refusal(|| packet_duplication(0.percent())), "`packet_duplication`"),
        (refusal(|| reordering(0.percent())), "`reordering`"),
        (refusal(|| packet_corruption(0.percent())), "`packet_corruption`"),
        (refusal(|| loss(1.percent()).round_trip(Duration::ZERO)), "a round trip takes"),
        (refusal(|| slice(0, 1.ms())), "at least 1 byte"),
        (refusal(|| loss(101.percent())), "between 0 and 1"),
        (refusal(|| loss((-0.5).percent())), "between 0 and 1"),
        (refusal(|| cut().when_seen(b"")), "at least 1 byte"),
        (refusal(|| cut().on(connection(0))), "counted from 1"),
        (refusal(|| commit().nth(0)), "counted from 1"),
        (refusal(|| query_matching("(")), "no regular expression"),
        (refusal(|| frontend(Frontend::Sync).complete()), "completed by no message"),
        (refusal(|| error(SqlState::from_code("4000x"))), "write five digits"),
        (refusal(|| error(SqlState::SUCCESSFUL_COMPLETION)), "is no SQLSTATE of an error"),
        (refusal(|| seen(b"x").nth(0)), "counted from 1"),
    ];
    for (text, part) in refusals {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

#[test]
fn what_a_fault_waited_for_in_vain_is_told() {
    for (fault, part) in [
        (Fault::from(cut()), "met no traffic"),
        (limit(0).into(), "met no traffic"),
        (cut().on(commit()).into(), "met no message that it waits for"),
        (cut().when_seen(b"COMMIT").after_bytes(5).into(), "met no bytes such as it waits for"),
        (stall().after_bytes(1).per_link().into(), "met fewer bytes than it waits for"),
        (limit(64.kib()).into(), "met fewer bytes than it waits for"),
    ] {
        let label = fault.to_string();
        let silence = FaultSpec::from(fault).silence();
        assert!(silence.starts_with(part), "{label}: {silence}");
    }
}

#[test]
fn what_was_stored_wrongly_is_refused() {
    for stored in [
        r#"{"kind":{"fault":"corrupt","which":{"every_nth":{"bytes":0}}}}"#,
        r#"{"kind":{"fault":"latncy","delay":{"distribution":"fixed","delay":"5ms"}}}"#,
        r#"{"kind":{"fault":"latency","dealy":{"distribution":"fixed","delay":"5ms"}}}"#,
        r#"{"kind":{"fault":"latency","delay":{"distribution":"fixed","delay":"-5ms"}}}"#,
        r#"{"kind":{"fault":"limit","bytes":5,"rate":7}}"#,
        r#"{"kind":{"fault":"limit","bytes":-5}}"#,
        r#"{"kind":{"fault":"cut"},"toxicity":0.5}"#,
        r#"{"kind":{"fault":"cut"},"trigger":{"probability":7}}"#,
        r#"{"kind":{"fault":"cut"},"seen":{"bytes":"x","nth":2}}"#,
        r#"{"kind":{"fault":"duplicate","probability":1.5}}"#,
        r#"{"kind":{"fault":"cut"},"seen":{"bytes":""}}"#,
        r#"{"kind":{"fault":"cut"},"seen":{"bytes":"x","times":0}}"#,
        r#"{"kind":{"fault":"cut"},"counting":"per_day"}"#,
        r#"{"kind":{"fault":"cut"},"trigger":{"connection":0}}"#,
        r#"{"kind":{"fault":"error","error":{"severity":"error","code":"4","message":""}}}"#,
        r#"{"kind":{"fault":"cut"},"message":{"which":{"statement":{"regex":"("}}}}"#,
        r#"{"kind":{"fault":"cut"},"message":{"which":{"tag":"x"},"count":{"nth":0}}}"#,
    ] {
        assert!(serde_json::from_str::<Fault>(stored).is_err(), "{stored} was accepted");
    }
}
