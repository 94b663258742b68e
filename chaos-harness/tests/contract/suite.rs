//! The misbehaving suite.

#![expect(clippy::zombie_processes, reason = "processes are left behind on purpose")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use chaos_harness::prelude::*;

mod assertions;
mod baselines;
mod diagnostics;
mod errors;
mod judging;
mod phases;
mod properties;
#[cfg(target_os = "linux")]
mod scarcity;
mod sessions;

/// A file by which the attempts of a test talk to the judge.
fn scratch(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CHAOS_CONTRACT_SCRATCH").expect("the judge sets it")).join(name)
}

#[chaos_test]
async fn passes(cx: Chaos) {
    cx.note("all is well");
    println!("printed by passes");
}

#[chaos_test]
fn passes_without_async() {}

#[chaos_test]
async fn exits() {
    std::process::exit(0);
}

#[chaos_test]
async fn exits_after_a_spawned_thread_did() {
    std::thread::spawn(|| std::process::exit(7));
    std::future::pending::<()>().await;
}

#[chaos_test]
async fn aborts() {
    std::process::abort();
}

#[chaos_test]
async fn overflows() {
    // Every frame holds something that is used after the call, so that none can be reused.
    fn deeper(depth: u64) -> u64 {
        let page = std::hint::black_box([depth; 512]);
        if depth == u64::MAX {
            return 0;
        }
        deeper(depth + 1) + std::hint::black_box(page)[7]
    }
    println!("{}", deeper(std::hint::black_box(0)));
}

#[chaos_test(timeout = "300ms")]
async fn hangs_politely(cx: Chaos) {
    cx.phase("waiting for ever");
    std::future::pending::<()>().await;
}

#[chaos_test(timeout = "300ms")]
async fn hangs_and_blocks(cx: Chaos) {
    cx.phase("blocking for ever");
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(scratch("hanging_child"), child.id().to_string()).unwrap();
    child.wait().unwrap();
}

#[chaos_test(timeout = "100ms")]
fn returns_late() {
    std::thread::sleep(Duration::from_millis(300));
}

#[chaos_test]
async fn panics() {
    panic!("the pool is empty");
}

#[chaos_test]
async fn panics_in_a_task() {
    let task = tokio::spawn(async { panic!("lost in a task") });
    assert!(task.await.is_err());
}

#[chaos_test]
async fn panics_in_a_thread() {
    let thread = std::thread::Builder::new().name("helper".to_owned());
    assert!(thread.spawn(|| panic!("lost in a thread")).unwrap().join().is_err());
}

#[chaos_test]
async fn leaves_a_process() {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(scratch("left_child"), child.id().to_string()).unwrap();
}

/// A link to a service that accepts and says nothing.
async fn link_to_silence(cx: &Chaos) -> TestResult<(tokio::net::TcpListener, Link)> {
    let service = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let link = cx.link("service", service.local_addr()?).await?;
    Ok((service, link))
}

#[chaos_test]
async fn injects_what_touches_nothing(cx: Chaos) -> TestResult {
    let (_service, link) = link_to_silence(&cx).await?;
    link.inject(stall()).clear();
    Ok(())
}

#[chaos_test]
async fn injects_what_may_touch_nothing(cx: Chaos) -> TestResult {
    let (_service, link) = link_to_silence(&cx).await?;
    link.inject(stall().may_be_idle()).clear();
    Ok(())
}

#[chaos_test(timeout = "300ms")]
async fn hangs_under_a_fault(cx: Chaos) -> TestResult {
    let (_service, link) = link_to_silence(&cx).await?;
    let _stalled = link.inject(stall());
    std::future::pending().await
}

#[chaos_test]
async fn fails_a_check(cx: Chaos) -> TestResult {
    eprintln!("printed by fails_a_check");
    cx.check("money is conserved", 9_990, 10_000)
}

#[chaos_test]
async fn fails_with_sources() -> TestResult {
    let source = std::fs::read("/no/such/file").map(drop);
    Ok(source.map_err(|source| std::io::Error::other(Outer(source)))?)
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed to load the accounts")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[chaos_test]
async fn needs_what_is_not_there() -> TestResult {
    let reason = "no PostgreSQL in this galaxy".to_owned();
    Err(chaos_harness::Error::Unavailable { reason }.into())
}

#[chaos_test(requires(redis))]
async fn requires_what_is_not_there() {
    panic!("it cannot run here");
}

#[chaos_test(requires(packet_faults))]
async fn breaks_packets(cx: Chaos) -> TestResult {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let link = cx.link("service", listener.local_addr()?).await?;
    let slow = link.inject(packet_delay(5.ms()).in_kernel()?);
    let mut client = std::net::TcpStream::connect(link.address())?;
    client.write_all(b"ping")?;
    listener.accept()?.0.read_exact(&mut [0; 4])?;
    slow.clear();
    Ok(())
}

#[chaos_test(retries = 3, seed = 42)]
async fn never_passes(cx: Chaos) -> TestResult {
    Err(format!("failed with seed {}", cx.seed()).into())
}

#[chaos_test(retries = 3)]
async fn passes_at_the_third_attempt() {
    let path = scratch("attempts");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, format!("{before}x")).unwrap();
    assert_eq!(before.len(), 2, "not yet");
}

/// Counts its attempts, and fails the first with a check.
fn violated_at_first(cx: &Chaos, name: &str) -> TestResult {
    let path = scratch(name);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, format!("{before}x")).unwrap();
    cx.check("money is conserved", before.len().min(1), 1)
}

#[chaos_test(retries = 3)]
async fn violates_a_check_at_first(cx: Chaos) -> TestResult {
    violated_at_first(&cx, "violation")
}

/// Fails a check, and at the next attempt lacks what it needs.
#[chaos_test(retries = 3)]
async fn loses_what_it_needs(cx: Chaos) -> TestResult {
    violated_at_first(&cx, "needs")?;
    let reason = "the server has gone".to_owned();
    Err(chaos_harness::Error::Unavailable { reason }.into())
}

#[chaos_test(retries = 3, backoff = "40ms", flaky(reason = "it is made to be", min_passes = 2))]
async fn needs_two_passes(cx: Chaos) -> TestResult {
    violated_at_first(&cx, "passes")
}

#[chaos_test(retries = 3, only_retry = "^timed out|57P01")]
async fn fails_otherwise_than_it_retries() -> TestResult {
    Err("no such account".into())
}

#[chaos_test(may_fail)]
async fn fails_as_it_may() -> TestResult {
    Err("a known weakness".into())
}

#[chaos_test]
#[should_panic(expected = "is empty")]
async fn panics_as_expected() {
    panic!("the pool is empty");
}

#[chaos_test]
#[should_panic(expected = "is empty")]
async fn panics_otherwise() {
    panic!("the pool is full");
}

#[chaos_test]
#[should_panic]
async fn does_not_panic() {}

#[chaos_test]
#[ignore = "it takes an hour"]
async fn is_ignored() {}

/// Runs longer than it takes to notice an overlap, and says whether it saw one.
async fn alone(name: &str) -> TestResult {
    let path = scratch("alone");
    std::fs::File::create_new(&path).map_err(|error| format!("{name} is not alone: {error}"))?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::remove_file(&path)?;
    Ok(())
}

#[chaos_test(exclusive)]
async fn runs_alone() -> TestResult {
    alone("runs_alone").await
}

#[chaos_test(exclusive)]
async fn runs_alone_too() -> TestResult {
    alone("runs_alone_too").await
}

/// Says that it runs, and then waits for its end.
#[chaos_test]
async fn waits_for_ever() {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let processes = format!("{} {}", std::process::id(), child.id());
    std::fs::write(scratch("running.tmp"), processes).unwrap();
    std::fs::rename(scratch("running.tmp"), scratch("running")).unwrap();
    std::future::pending::<()>().await;
}

/// Works for four seconds by the clock.
fn work() {
    let until = std::time::Instant::now() + Duration::from_secs(4);
    while std::time::Instant::now() < until {
        std::hint::spin_loop();
    }
}

#[chaos_test]
fn works_and_fails() -> TestResult {
    work();
    Err("it took too long".into())
}

#[chaos_test]
fn works_and_loses_money(cx: Chaos) -> TestResult {
    work();
    cx.check("money is conserved", 9_995, 10_000)
}

/// Sees less contention, the more clients there are.
#[chaos_test]
async fn wants_contention(cx: Chaos) -> TestResult {
    let contention = cx.contention(50.percent()).from(2).up_to(16);
    let crowd = contention.until(async |clients| Ok(Observed::of(1, clients as usize))).await?;
    cx.note(format!("never: {crowd:?}"));
    Ok(())
}

#[chaos_test]
async fn asks_what_suits_the_machine(cx: Chaos) -> TestResult {
    cx.check("pool", cx.pool_size(8), 4)?;
    cx.check("timeout", cx.timeout(5.secs()), 15.secs())?;
    cx.check("clients", format!("{:?}", cx.load(100)).contains("clients: 50"), true)
}
