//! Workloads pointed at services in memory, right ones and wrong ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::*;
use crate::Chaos;
use crate::check::transactions::Model;
use crate::error::TestError;
use crate::history::{EntryKind, History};
use crate::journal::Journal;
use crate::load::Load;
use crate::outcome::{Outcome, Rejected};
use crate::schedule::Schedule;
use crate::seed::Seed;
use crate::units::DurationUnits;

fn chaos(seed: u64) -> Chaos {
    Chaos::new(Seed(seed), Journal::in_memory())
}

async fn work(workload: impl Workload) -> Worked {
    let load = Load::clients(8).operations(20);
    chaos(1).work(Schedule::new(), load, workload).await.unwrap()
}

/// What is said of a workload that is not upheld.
async fn complaint(workload: impl Workload) -> String {
    work(workload).await.judge().unwrap_err().to_string()
}

/// Does something after the others had their turn, and again lets them have theirs.
async fn slowly<T>(what: impl FnOnce() -> T) -> TestResult<T> {
    yield_now().await;
    let done = what();
    yield_now().await;
    Ok(done)
}

#[tokio::test]
async fn right_services_are_upheld() {
    let accounts = Mutex::new((1..=10).map(|id| (id, 100)).collect::<BTreeMap<i64, i64>>());
    let transfer = |asked: Transfer| {
        let mut accounts = accounts.lock();
        *accounts.get_mut(&asked.from).unwrap() -= asked.amount;
        *accounts.get_mut(&asked.to).unwrap() += asked.amount;
    };
    let balances = || accounts.lock().clone().into_iter().collect();
    let bank = bank(1_000, async |t| slowly(|| transfer(t)).await, async || slowly(balances).await);
    work(bank).await.judge().unwrap();

    let values = Mutex::new(BTreeMap::new());
    let register = register(
        async |key| slowly(|| values.lock().get(&key).copied()).await,
        async |key, value| slowly(|| _ = values.lock().insert(key, value)).await,
    );
    work(register).await.judge().unwrap();

    let lists = Mutex::new(BTreeMap::<i64, Vec<i64>>::new());
    let transaction = |steps: Vec<Step>| {
        let mut lists = lists.lock();
        let mut read = Vec::new();
        for step in steps {
            match step {
                Step::Read(key) => read.push(lists.get(&key).cloned().unwrap_or_default()),
                Step::Append(key, element) => lists.entry(key).or_default().push(element),
            }
        }
        read
    };
    let append =
        append(Model::StrictSerializable, async |steps| slowly(|| transaction(steps)).await);
    work(append).await.judge().unwrap();

    let elements = Mutex::new(Vec::new());
    let set = set(
        async |element| slowly(|| elements.lock().push(element)).await,
        async || slowly(|| elements.lock().clone()).await,
    );
    work(set).await.judge().unwrap();

    let number = Mutex::new(0);
    let counter = counter(
        async |amount| slowly(|| *number.lock() += amount).await,
        async || slowly(|| *number.lock()).await,
    );
    work(counter).await.judge().unwrap();

    let last = AtomicU64::new(0);
    let ids = unique_ids(async || slowly(|| last.fetch_add(1, Ordering::Relaxed)).await);
    work(ids).await.judge().unwrap();

    let newest = Mutex::new(BTreeMap::<i64, i64>::new());
    let bump = |key| {
        let mut newest = newest.lock();
        let version = newest.entry(key).or_default();
        *version += 1;
        *version
    };
    let read = |key| newest.lock().get(&key).copied().unwrap_or(0);
    let versions =
        versions(async |key| slowly(|| bump(key)).await, async |key| slowly(|| read(key)).await);
    work(versions).await.judge().unwrap();

    let jobs = Mutex::new(VecDeque::new());
    let queue = queue(
        async |job| slowly(|| jobs.lock().push_back(job)).await,
        async || slowly(|| jobs.lock().pop_front()).await,
    );
    work(queue).await.judge().unwrap();
}

/// Every third answer to a command is lost, after it took effect or before.
#[tokio::test]
async fn a_command_is_sent_again_until_it_is_answered() {
    let (applied, sent) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let is_idempotent = Mutex::new(true);
    let send = async |key: i64| {
        let nth = sent.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
        if nth % 3 == 1 {
            return Err(TestError::from("lost on the way"));
        }
        let mut applied = applied.lock();
        if !*is_idempotent.lock() || !applied.contains(&key) {
            applied.push(key);
        }
        if nth % 3 == 2 { Err(TestError::from("lost on the way back")) } else { Ok(()) }
    };
    let effects = async || TestResult::Ok(applied.lock().clone());
    let worked = work(commands(send, effects)).await;
    worked.judge().unwrap();
    let unknown = |entry: &&crate::history::Entry| entry.kind == EntryKind::Info;
    assert!(worked.history().entries().iter().filter(unknown).count() > 50);

    applied.lock().clear();
    *is_idempotent.lock() = false;
    let complaint = complaint(commands(send, effects)).await;
    assert!(complaint.contains("took effect"), "{complaint}");
}

#[tokio::test]
async fn wrong_services_are_found() {
    let number = Mutex::new(0);
    let lose = async |amount: i64| {
        let before = *number.lock();
        slowly(|| *number.lock() = before + amount).await
    };
    let complaint_of_counter =
        complaint(counter(lose, async || slowly(|| *number.lock()).await)).await;
    assert!(complaint_of_counter.contains("the counter was read wrong"), "{complaint_of_counter}");

    let newest = Mutex::new(0_i64);
    let bump = async |_| {
        let next = *newest.lock() + 1;
        slowly(|| *newest.lock() = next).await?;
        TestResult::Ok(next)
    };
    let read = async |_| slowly(|| *newest.lock()).await;
    let complaint_of_versions = complaint(versions(bump, read).keys(1..=1)).await;
    assert!(complaint_of_versions.contains("version 1"), "{complaint_of_versions}");

    let stale = Mutex::new(BTreeMap::new());
    let register = register(
        async |_| slowly(|| None::<i64>).await,
        async |key, value| slowly(|| _ = stale.lock().insert(key, value)).await,
    );
    let complaint_of_register = complaint(register).await;
    assert!(complaint_of_register.contains("linearizable"), "{complaint_of_register}");
}

/// What the clients asked, each in its own order.
fn asked(history: &History) -> BTreeMap<String, Vec<(Option<String>, Value)>> {
    let mut asked: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in history.entries().iter().filter(|entry| entry.kind == EntryKind::Invoke) {
        let line = (entry.f.clone(), entry.value.clone());
        asked.entry(entry.process.to_string()).or_default().push(line);
    }
    asked
}

#[tokio::test]
async fn the_same_seed_asks_the_same() {
    let ask = async |seed| {
        let accounts = async || TestResult::Ok(vec![(1, 0)]);
        let bank = bank(0, async |_| slowly(|| ()).await, accounts);
        let load = Load::clients(5).operations(10).jitter(0.us()..=300.us());
        asked(chaos(seed).work(Schedule::new(), load, bank).await.unwrap().history())
    };
    let first = ask(7).await;
    assert_eq!(first.len(), 6, "five clients, and one who reads the end");
    assert!(first.values().filter(|operations| operations.len() == 10).count() == 5);
    assert_eq!(first, ask(7).await);
    assert_ne!(first, ask(8).await);
}

#[tokio::test]
async fn a_thousand_clients_begin_at_once_and_share_what_is_scarce() {
    let (scarce, most, held) = (Semaphore::new(4), AtomicU64::new(0), AtomicU64::new(0));
    let elements = Mutex::new(Vec::new());
    let add = async |element| {
        let _permit = scarce.acquire().await?;
        most.fetch_max(held.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        yield_now().await;
        elements.lock().push(element);
        held.fetch_sub(1, Ordering::Relaxed);
        TestResult::Ok(())
    };
    let set = set(add, async || TestResult::Ok(elements.lock().clone()));
    let load = Load::clients(1_000).operations(3);
    let worked = chaos(1).work(Schedule::new(), load, set).await.unwrap();
    worked.judge().unwrap();
    assert_eq!(worked.run().count(Outcome::Ok), 3_000);
    assert_eq!(most.into_inner(), 4);
    let entries = worked.history().entries();
    assert!(entries[..1_000].iter().all(|entry| entry.kind == EntryKind::Invoke));
}

/// The service may have its clients on threads of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_may_be_spawned() {
    let number = Arc::new(AtomicU64::new(0));
    let add = async |amount: i64| {
        let number = Arc::clone(&number);
        tokio::spawn(async move {
            let before = number.load(Ordering::Relaxed);
            yield_now().await;
            number.store(before + amount.unsigned_abs(), Ordering::Relaxed);
        })
        .await
    };
    let read = async || TestResult::Ok(number.load(Ordering::Relaxed).cast_signed());
    let load = Load::clients(8).operations(200);
    let worked = chaos(1).work(Schedule::new(), load, counter(add, read)).await.unwrap();
    let complaint = worked.judge().unwrap_err().to_string();
    assert!(complaint.contains("the counter was read wrong"), "{complaint}");
}

#[tokio::test]
async fn what_could_have_found_nothing_says_so() {
    let value = Mutex::new(None);
    let register = register(
        async |_| TestResult::Ok(*value.lock()),
        async |_, new| {
            *value.lock() = Some(new);
            TestResult::Ok(())
        },
    );
    let alone = Load::clients(1).operations(50);
    let worked = chaos(1).work(Schedule::new(), alone, register.keys(1..=1)).await.unwrap();
    let complaint = worked.judge().unwrap_err().to_string();
    assert!(complaint.contains("no two operations overlapped"), "{complaint}");

    let nobody = async |_| Err::<(), _>(Rejected::new("closed"));
    let bank = bank(0, nobody, async || TestResult::Ok(vec![(1, 0)]));
    let complaint = work(bank).await.judge().unwrap_err().to_string();
    assert!(complaint.contains("was not put to the test"), "{complaint}");
}

#[tokio::test]
async fn an_error_is_recorded_as_what_it_says_of_the_operation() {
    let elements = Mutex::new(Vec::new());
    let add = async |element: i64| {
        yield_now().await;
        if element % 3 == 0 {
            return Err(TestError::from(Rejected::new("no room")));
        }
        if element % 3 == 1 {
            return Err(TestError::from("nobody knows"));
        }
        elements.lock().push(element);
        Ok(())
    };
    let set = set(add, async || TestResult::Ok(elements.lock().clone()));
    let load = Load::clients(1).operations(9).pause_after_failure(0.ms());
    let worked = chaos(1).work(Schedule::new(), load, set).await.unwrap();
    let run = worked.run();
    let counts = [Outcome::Ok, Outcome::Failed, Outcome::Unknown].map(|outcome| run.count(outcome));
    assert_eq!(counts, [3, 3, 3]);
    // Who does not know what became of an operation goes on under another number.
    assert_eq!(asked(worked.history()).len(), 4 + 1);
    let failed = worked.history().entries().iter().find(|entry| entry.kind == EntryKind::Fail);
    let error = failed.unwrap().error.as_ref().unwrap().to_string();
    assert!(error.contains("no room"), "{error}");
}

#[tokio::test]
async fn a_final_state_that_cannot_be_read_is_told_and_the_history_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::create(&directory.path().join("attempt-1.jsonl")).unwrap();
    let cx = Chaos::new(Seed(1), journal);
    let load = || Load::clients(2).operations(2).settle(30.ms());
    let add = async |_| TestResult::Ok(());
    let read = async || Err::<Vec<i64>, _>(TestError::from("still down"));
    let error = cx.work(Schedule::new(), load(), set(add, read)).await.unwrap_err();
    let text = crate::error::with_sources(&error);
    assert!(text.starts_with("the workload `set` could not read the final state"), "{text}");
    assert!(text.ends_with("still down"), "{text}");
    let kept = directory.path().join("attempt-1-set.jsonl");
    let kept = std::io::BufReader::new(std::fs::File::open(kept).unwrap());
    assert!(History::from_jsonl(kept).unwrap().entries().len() > 8);

    let read = async || TestResult::Ok(Vec::new());
    let worked = cx.work(Schedule::new(), load(), set(add, read)).await.unwrap();
    assert_eq!(worked.file(), Some(&*directory.path().join("attempt-1-set-2.jsonl")));
}

#[tokio::test]
async fn operations_that_do_not_end_are_given_up() {
    let add = async |element: i64| {
        if element % 2 == 1 {
            std::future::pending::<()>().await;
        }
        slowly(|| ()).await
    };
    let set = set(add, async || TestResult::Ok(Vec::new()));
    let load = Load::clients(3).operations(4).settle(50.ms());
    let worked = chaos(1).work(Schedule::new(), load, set).await.unwrap();
    assert_eq!(worked.run().count(Outcome::Unknown), 3);
    let unknown = worked.history().entries().iter().find(|entry| entry.kind == EntryKind::Info);
    assert_eq!(unknown.unwrap().error, Some(Value::from("cancelled")));
}
