//! A workload beside a schedule, over real sockets.

use std::io;
use std::net::SocketAddr;

use chaos_core::check::CheckFailed;
use chaos_core::event::{ConnectionEnd, Event, EventKind};
use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::recovery::RecoveryError;
use chaos_core::run::{BoundError, PhaseKind, RunError};
use chaos_core::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets, and a link to it.
async fn echo() -> (Chaos, Link, Journal) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    let journal = Journal::in_memory();
    let cx = Chaos::new(Seed(42), journal.clone());
    let link = cx.link("echo", address).await.unwrap();
    (cx, link, journal)
}

async fn call(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"ping").await?;
    stream.read_exact(&mut [0; 4]).await?;
    Ok(())
}

fn phases(events: &[Event]) -> Vec<String> {
    let phase = |event: &Event| match &event.what {
        EventKind::PhaseStarted { phase } => Some(phase.clone()),
        _ => None,
    };
    events.iter().filter_map(phase).collect()
}

#[tokio::test]
async fn a_workload_meets_every_step_of_the_schedule_and_recovers() {
    let (cx, link, journal) = echo().await;
    let plan = Schedule::new()
        .calm(100.ms())
        .hold(200.ms(), &link, latency(30.ms()).upstream())
        .hold(200.ms(), &link, reset())
        .calm(300.ms());
    let run = cx.run(plan, 4, async |_| call(link.address()).await).await.unwrap();

    assert!(run.operations().iter().any(|call| call.ended - call.began >= 30.ms()));
    // `read_exact` met a reset: nobody can say whether the server had got the message.
    assert!(run.count(Outcome::Unknown) > 0);
    assert_eq!(run.count(Outcome::Failed), 0);
    // The latency was followed by the reset at once, so only the reset has a recovery.
    assert_eq!(run.recoveries().len(), 1);
    run.recovers_within(250.ms()).unwrap();

    let events = journal.events();
    assert_eq!(
        phases(&events),
        [
            "calm 100ms",
            "latency 30ms ↑ on echo 200ms",
            "reset on echo 200ms",
            "calm 300ms",
            "settle"
        ]
    );
    let operations = |event: &&Event| matches!(event.what, EventKind::Operation { .. });
    assert_eq!(events.iter().filter(operations).count(), run.operations().len());
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
}

#[tokio::test]
async fn each_phase_has_figures_and_each_fault_an_impact() {
    let (cx, link, journal) = echo().await;
    let plan = Schedule::new()
        .calm(300.ms())
        .hold(400.ms(), &link, latency(60.ms()).upstream())
        .calm(400.ms())
        .hold(300.ms(), &link, reset())
        .calm(1_500.ms());
    let noticed = async |client: Client| {
        let answer = call(link.address()).await;
        if answer.is_err() && client.id() == 0 {
            cx.metrics().signal("breaker opened");
        }
        answer
    };
    let run = cx.run(plan, 4, noticed).await.unwrap();

    let kinds: Vec<_> = run.phases().iter().map(|phase| phase.kind).collect();
    let (fault, after) = (PhaseKind::Fault, PhaseKind::After);
    assert_eq!(kinds, [PhaseKind::Calm, fault, after, fault, after]);
    let all: u64 = run.phases().iter().map(|phase| phase.figures.measured().n).sum();
    assert_eq!(all, run.overall().measured().n);
    assert_eq!(all, run.operations().len() as u64);

    // What is injected at the end of a phase is not seen in it, nor what is cleared at the beginning.
    let active = run.phases().iter().map(|phase| phase.gauges.get("chaos.faults.active").copied());
    let active: Vec<_> = active.map(|it| it.map(|it| (it.min, it.max))).collect();
    let (none, one) = (Some((0.0, 0.0)), Some((1.0, 1.0)));
    assert_eq!(active, [None, one, none, one, none]);

    let slow = run.phase("latency").unwrap();
    assert!(slow.latency().unwrap().p50 >= 60.ms());
    let missed = slow.p99_at_most(1.ms()).unwrap_err();
    assert!(matches!(missed, BoundError::Missed(_)), "{missed}");
    slow.p99_at_most(30.secs()).unwrap();
    slow.error_rate_at_most(0.percent()).unwrap();
    assert!(run.phase("calm").is_err(), "there are three");
    assert!(run.error_rate_at_most(0.percent()).is_err());

    let slowed = run.impact_of("latency").unwrap();
    assert!(slowed.measured().p50_ratio.unwrap() > 1.0);
    assert!(slowed.measured().rate_ratio.unwrap() < 1.0);
    assert!(slowed.detected_within(1.minutes()).is_err(), "nothing failed");
    let cut = run.impact_of("reset").unwrap();
    cut.detected_within(30.secs()).unwrap();
    cut.signalled_within("breaker opened", 30.secs()).unwrap();
    // One that was about to end when the fault began may have got away.
    assert!(cut.measured().met.error_rate().unwrap() > 0.5);
    assert!(!cut.measured().met.errors.is_empty());

    let events = journal.events();
    let count = |is: fn(&EventKind) -> bool| events.iter().filter(|it| is(&it.what)).count();
    assert_eq!(count(|it| matches!(it, EventKind::PhaseMeasured { .. })), 5);
    assert_eq!(count(|it| matches!(it, EventKind::ImpactMeasured { .. })), 2);
    assert_eq!(count(|it| matches!(it, EventKind::BoundChecked { held: false, .. })), 2);
    let figures = cx.metrics().snapshot();
    let operations = ["ok", "failed", "unknown"]
        .map(|outcome| figures.counters[&format!("chaos.operations.{outcome}")]);
    assert_eq!(operations.iter().sum::<u64>(), all);
    assert_eq!(figures.timings["chaos.operations"].n, all);
}

#[tokio::test]
async fn operations_that_the_next_fault_breaks_do_not_spoil_the_recovery_from_the_one_before() {
    let (cx, link, _) = echo().await;
    let plan = Schedule::new()
        .calm(100.ms())
        .hold(100.ms(), &link, latency(5.ms()))
        .calm(300.ms())
        .hold(100.ms(), &link, reset())
        .calm(300.ms());
    // Slow, so that all clients are within an operation whenever a fault begins.
    let slow_call = async |_: Client| {
        let mut stream = TcpStream::connect(link.address()).await?;
        tokio::time::sleep(30.ms()).await;
        stream.write_all(b"ping").await?;
        stream.read_exact(&mut [0; 4]).await.map(drop)
    };
    let run = cx.run(plan, 4, slow_call).await.unwrap();
    assert!(run.count(Outcome::Unknown) >= 4, "the reset broke what was under way");
    let labels: Vec<_> = run.recoveries().iter().map(|recovery| recovery.label.as_str()).collect();
    assert_eq!(labels, ["latency 5ms ↕ on echo", "reset on echo"]);
    assert_eq!(run.recoveries()[0].last_error, None);
    run.recovers_within(10.secs()).unwrap();
}

#[tokio::test]
async fn a_fault_that_lasts_from_before_the_run_until_after_it_belongs_to_the_steady_state() {
    let (cx, link, _) = echo().await;
    let slow_line = link.inject(latency(1.ms()));
    let plan = Schedule::new().calm(100.ms()).hold(100.ms(), &link, reset()).calm(300.ms());
    let run = cx.run(plan, 2, async |_| call(link.address()).await).await.unwrap();
    slow_line.clear();
    assert_eq!(run.recoveries().len(), 1);
    run.recovers_within(10.secs()).unwrap();
}

#[tokio::test]
async fn what_one_step_held_does_not_slip_through_before_the_next_one_cuts() {
    let (cx, link, journal) = echo().await;
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    let plan = Schedule::new().hold(50.ms(), &link, stall()).hold(50.ms(), &link, cut());
    let shared = tokio::sync::Mutex::new(stream);
    let read = async |_: Client| {
        let mut stream = shared.lock().await;
        stream.write_all(b"held").await?;
        let length = stream.read(&mut [0; 4]).await?;
        if length == 0 { std::future::pending().await } else { Ok::<_, io::Error>(()) }
    };
    let load = Load::clients(1).settle(10.ms());
    let run = cx.run(plan, load, read).await.unwrap();
    assert_eq!((run.count(Outcome::Ok), run.count(Outcome::Unknown)), (0, 1));
    let delivered = |event: &Event| match event.what {
        EventKind::ConnectionClosed { upstream_bytes, how: ConnectionEnd::Cut, .. } => {
            Some(upstream_bytes)
        }
        _ => None,
    };
    let closed = async {
        loop {
            match journal.events().iter().find_map(delivered) {
                Some(bytes) => return bytes,
                None => tokio::time::sleep(1.ms()).await,
            }
        }
    };
    assert_eq!(tokio::time::timeout(10.secs(), closed).await, Ok(4));
}

#[tokio::test]
async fn a_system_that_did_not_work_before_is_not_broken_further() {
    let (cx, link, _) = echo().await;
    let plan = Schedule::new().calm(50.ms()).hold(10.secs(), &link, stall());
    let run = cx.run(plan, 1, async |_| Err::<(), _>("no route to the moon")).await;
    let error = run.unwrap_err();
    assert!(matches!(error, RunError::NoSteadyState { ok: 0, .. }));
    assert!(error.to_string().contains("the first error was: no route to the moon"), "{error}");
    assert!(cx.scope().faults().is_empty());
}

#[tokio::test]
async fn an_operation_that_does_not_end_is_dropped_and_unknown() {
    let (cx, link, _) = echo().await;
    let plan = Schedule::new().calm(500.ms());
    let load = Load::clients(2).settle(50.ms()).think_time(1.ms());
    // Neither is left behind on a busy machine.
    let both = tokio::sync::Barrier::new(2);
    let run = cx.run(plan, load, async |client| match client.operation() {
        0 => {
            both.wait().await;
            call(link.address()).await
        }
        _ => std::future::pending().await,
    });
    let run = run.await.unwrap();
    let unknown: Vec<_> =
        run.operations().iter().filter(|call| call.outcome == Outcome::Unknown).collect();
    assert_eq!(unknown.len(), 2);
    assert_eq!(unknown[0].error.as_deref(), Some("still running 50ms after the schedule"));
    assert_eq!(run.recovers_within(1.secs()), Err(RecoveryError::NotWatched));
}

#[tokio::test]
async fn an_operation_that_never_waits_does_not_keep_the_schedule_from_running() {
    let (cx, _, _) = echo().await;
    let run = cx.run(Schedule::new().calm(20.ms()), 1, async |_| Ok::<_, String>(())).await;
    assert!(run.unwrap().count(Outcome::Ok) > 1);
}

#[tokio::test]
async fn a_second_run_repeats_no_number_of_the_first_one() {
    let (cx, _, _) = echo().await;
    let seen = std::cell::RefCell::new(Vec::new());
    for _ in 0..2 {
        let note = async |client: Client| {
            seen.borrow_mut().push(client.unique());
            Ok::<_, String>(())
        };
        let load = Load::clients(2).think_time(1.ms());
        assert!(cx.run(Schedule::new().calm(20.ms()), load, note).await.is_ok());
    }
    let mut different = seen.into_inner();
    let all = different.len();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), all);
}

#[tokio::test]
async fn nothing_to_do_and_nobody_to_do_it_are_refused() {
    let (cx, _, _) = echo().await;
    let nothing = async |_: Client| Ok::<_, String>(());
    let run = cx.run(Schedule::new(), 1, nothing).await;
    assert_eq!(run.unwrap_err(), RunError::EmptySchedule);
    let run = cx.run(Schedule::new().calm(1.ms()), 0, nothing).await;
    assert_eq!(run.unwrap_err(), RunError::NoClients);
}

#[tokio::test]
async fn a_block_ends_its_fault_also_when_its_future_is_dropped() {
    let (cx, link, _) = echo().await;
    call(link.address()).await.unwrap();
    let stalled = link.during(stall(), call(link.address()));
    assert!(tokio::time::timeout(50.ms(), stalled).await.is_err());
    assert!(!cx.scope().faults()[0].is_active());
    call(link.address()).await.unwrap();
}

#[tokio::test]
async fn a_check_names_what_ought_to_hold_and_where_it_was_made() {
    let (cx, _, journal) = echo().await;
    cx.check("the sum", 2 + 2, 4).unwrap();
    let error = cx.check("the sum", 2 + 2, 5).unwrap_err();
    assert_eq!(error.to_string(), "the sum: expected 5, found 4");
    let failed = error.downcast::<CheckFailed>().unwrap();
    assert!(failed.location().file().ends_with("run.rs"));
    let error = cx.check_that("it holds", false).unwrap_err();
    assert_eq!(error.to_string(), "it holds: does not hold");
    let checks = |event: &&Event| matches!(event.what, EventKind::Check { .. });
    assert_eq!(journal.events().iter().filter(checks).count(), 3);
}
