//! Histories that nobody's system makes: nothing panics, nothing hangs, nothing takes all memory.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::linearizability::{
    Counter, FencedLease, FifoQueue, Linearizability, Lock, Map, Once, Register, Set, Text,
};
use super::transactions::{KeyOrder, Model, Step, Transactions, TransactionsBuilder};
use super::*;
use crate::history::{Entry, EntryKind, History, HistoryError, Process};

fn committed(builder: &mut TransactionsBuilder, steps: &[Step<'_>]) {
    builder.push(EntryKind::Ok, &Process::Client(0), steps).unwrap();
}

#[test]
fn one_key_with_reads_that_grow_takes_the_memory_of_its_longest_read() {
    let mut builder = TransactionsBuilder::new();
    let mut list = Vec::new();
    for element in 0..3_000_i64 {
        list.push(element.into());
        committed(&mut builder, &[Step::Append("x".into(), element.into())]);
        committed(&mut builder, &[Step::Read("x".into(), Some(&list))]);
    }
    let transactions = builder.finish();
    // 4.5 million elements were read.
    assert!(transactions.bytes() < 4_000_000, "{}", transactions.bytes());
    assert_eq!(transactions.check(Model::StrictSerializable).validity, Validity::Valid);
}

#[test]
fn reads_that_all_contradict_each_other_are_not_all_kept() {
    let mut builder = TransactionsBuilder::new();
    for element in 0..5_000_i64 {
        committed(&mut builder, &[Step::Append("x".into(), element.into())]);
        committed(&mut builder, &[Step::Read("x".into(), Some(&[element.into()]))]);
    }
    let report = builder.finish().check(Model::ReadCommitted);
    assert_eq!(report.validity, Validity::Violated);
}

#[test]
fn a_ring_of_all_transactions_is_one_cycle_and_found() {
    let count = 30_000_i64;
    let mut builder = TransactionsBuilder::new();
    for number in 0..count {
        // Each misses what the next one writes.
        let next = (number + 1) % count;
        let steps = [Step::Append(number.into(), 1.into()), Step::Read(next.into(), Some(&[]))];
        committed(&mut builder, &steps);
    }
    let report = builder.finish().check(Model::Serializable);
    assert_eq!(report.validity, Validity::Violated);
    assert_eq!(report.anomalies[0].transactions.len(), 30_000);
}

#[test]
fn thousands_of_operations_of_unknown_outcome_use_up_the_budget() {
    let mut entries = Vec::new();
    let mut entry = |process: i64, kind, f: &str, value: Value| {
        let index = entries.len() as u64;
        let f = Some(f.to_owned());
        let process = Process::Client(process);
        entries.push(Entry { index, time: 0, process, kind, f, value, error: None });
    };
    for process in 1..4_000 {
        entry(process, EntryKind::Invoke, "write", json!(process));
    }
    for value in [1, 2, 1, 2, 1] {
        entry(0, EntryKind::Invoke, "read", Value::Null);
        entry(0, EntryKind::Ok, "read", json!(value));
    }
    let history = History::new(entries);
    let checker = Linearizability::of(Register).max_steps(300_000).max_bytes(64 << 20);
    let report = checker.check(&history).unwrap();
    assert_eq!(report.validity, Validity::Unknown);
    let report = Checker::check(&checker, &Evidence::new(&history)).unwrap();
    assert!(report.to_string().contains("is unknown: it takes more"), "{report}");
}

#[test]
fn giant_values_are_values() {
    let giant = "x".repeat(8 << 20);
    let lines = format!(
        "{{\"process\":0,\"type\":\"ok\",\"value\":[[\"append\",\"{giant}\",\"{giant}\"]]}}\n\
         {{\"process\":1,\"type\":\"ok\",\"value\":[[\"r\",\"{giant}\",[\"{giant}\"]]]}}"
    );
    let transactions = Transactions::from_jsonl(lines.as_bytes()).unwrap();
    assert_eq!(transactions.check(Model::Serializable).validity, Validity::Valid);
    assert!(transactions.bytes() < 40 << 20);
}

#[test]
fn what_json_does_not_know_is_an_error_with_its_line() {
    for wrong in ["NaN", "[[\"append\",\"x\",NaN]]", "[[\"append\",\"x\",1e999]]", "[[[[", "'a'"] {
        let lines = format!("\n{{\"process\":0,\"type\":\"ok\",\"value\":{wrong}}}");
        let error = Transactions::from_jsonl(lines.as_bytes()).unwrap_err().to_string();
        let is_placed = error.starts_with("line 2 is no entry") || error.starts_with("entry 0: ");
        assert!(is_placed, "{wrong}: {error}");
    }
    let deep = format!(
        "{{\"process\":0,\"type\":\"ok\",\"value\":{}1{}}}",
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    assert!(Transactions::from_jsonl(deep.as_bytes()).is_err());
    assert!(History::from_jsonl(deep.as_bytes()).is_err());
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..4_i64).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec![json!("a"), json!("é\n\""), json!(1.5), json!(true), json!(i64::MIN)]),
    ]
}

fn step() -> impl Strategy<Value = Value> {
    let key = || scalar();
    let list = prop::collection::vec(scalar(), 0..4);
    let version = (0..4_i64).prop_map(|version| json!({"version": version}));
    prop_oneof![
        (key(), scalar()).prop_map(|(key, value)| json!(["append", key, value])),
        (key(), list).prop_map(|(key, list)| json!(["r", key, list])),
        key().prop_map(|key| json!(["r", key, null])),
        (key(), scalar()).prop_map(|(key, value)| json!(["w", key, value])),
        (key(), scalar()).prop_map(|(key, value)| json!(["r", key, value])),
        (key(), version.clone()).prop_map(|(key, value)| json!(["w", key, value])),
        (key(), version).prop_map(|(key, value)| json!(["r", key, value])),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        scalar(),
        prop::collection::vec(scalar(), 0..4).prop_map(Value::from),
        (scalar(), scalar()).prop_map(|(key, value)| json!([key, value])),
        (scalar(), scalar()).prop_map(|(a, b)| json!({"a": a, "version": b, "token": b})),
        prop::collection::vec(step(), 0..3).prop_map(Value::from),
    ]
}

fn entry(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Entry> {
    let kinds =
        vec![EntryKind::Invoke, EntryKind::Ok, EntryKind::Ok, EntryKind::Fail, EntryKind::Info];
    let names = "read write add update apply effects generate enqueue dequeue drain acquire release \
                 attempt txn insert deliver cached transfer put get scan remove cas";
    let names: Vec<_> = names.split_whitespace().collect();
    let time = prop_oneof![3 => 0..1_000_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MAX])];
    (0..4_i64, prop::sample::select(kinds), prop::sample::select(names), value, time).prop_map(
        |(process, kind, f, value, time)| Entry {
            index: 0,
            time,
            process: Process::Client(process),
            kind,
            f: Some(f.to_owned()),
            value,
            error: None,
        },
    )
}

/// Makes each process invoke what it completes, half of the time.
fn paired(entries: Vec<Entry>) -> History {
    let both = entries.into_iter().flat_map(|entry| {
        let invoked = Entry { kind: EntryKind::Invoke, ..entry.clone() };
        let is_invoked = entry.kind == EntryKind::Invoke;
        let process = Process::Client(1_000);
        // What is only invoked stays under way, so it needs a process of its own.
        let alone = is_invoked.then(|| Entry { process, ..entry.clone() });
        let (first, then) = if is_invoked { (None, None) } else { (Some(invoked), Some(entry)) };
        first.into_iter().chain(then).chain(alone)
    });
    let mut seen = false;
    both.filter(|entry| {
        let is_alone = entry.process == Process::Client(1_000);
        let keep = !is_alone || !seen;
        seen |= is_alone;
        keep
    })
    .collect()
}

fn checkers() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(conserved(10)),
        Box::new(exactly_once()),
        Box::new(at_most_once()),
        Box::new(at_least_once()),
        Box::new(no_phantom_write()),
        Box::new(acked_durable()),
        Box::new(set_full().linearizable()),
        Box::new(unique()),
        Box::new(gapless()),
        Box::new(monotonic()),
        Box::new(monotonic().in_real_time()),
        Box::new(no_lost_update()),
        Box::new(counter_bounds()),
        Box::new(long_fork()),
        Box::new(causal_reverse()),
        Box::new(g2_predicate()),
        Box::new(queue_total()),
        Box::new(fifo()),
        Box::new(lease()),
        Box::new(lease().exclusive()),
        Box::new(bounded_retry(1).backing_off(std::time::Duration::from_secs(1))),
        Box::new(deadline(std::time::Duration::from_secs(1))),
        Box::new(error_mapped([("40", "409")])),
        Box::new(isolation(Model::StrictSerializable)),
        Box::new(Linearizability::of(Register).max_steps(10_000)),
        Box::new(Linearizability::of(Counter).max_steps(10_000)),
        Box::new(Linearizability::of(Set).max_steps(10_000)),
        Box::new(Linearizability::of(FifoQueue).max_steps(10_000)),
        Box::new(Linearizability::of(Lock).max_steps(10_000)),
        Box::new(Linearizability::of(Text).max_steps(10_000)),
        Box::new(Linearizability::of(Map).max_steps(10_000)),
        Box::new(Linearizability::of(Once).max_steps(10_000)),
        Box::new(Linearizability::of(FencedLease).max_steps(10_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_history_makes_a_checker_panic(
        entries in prop::collection::vec(entry(any_value()), 0..14),
        pair in any::<bool>(),
    ) {
        let history = if pair { paired(entries) } else { History::new(entries) };
        for checker in checkers() {
            for checker in [&checker as &dyn Checker, &per_key(&checker)] {
                if let Ok(report) = checker.check_history(&history) {
                    prop_assert_eq!(report.validity() == Validity::Violated, report.violation_count > 0);
                    prop_assert!(!report.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn lines_say_the_same_whether_they_are_kept_or_not(
        entries in prop::collection::vec(entry(prop::collection::vec(step(), 0..4).prop_map(Value::from)), 0..12),
    ) {
        let history = paired(entries);
        let mut lines = Vec::new();
        history.to_jsonl(&mut lines).unwrap();
        let read = Transactions::from_jsonl(lines.as_slice());
        let kept = Transactions::from_history(&history);
        match (read, kept) {
            (Ok(read), Ok(kept)) => {
                let [read, kept] = [read, kept].map(|one| one.check(Model::StrictSerializable));
                prop_assert_eq!(read, kept);
            }
            (read, kept) => {
                let text = |result: Result<Transactions, HistoryError>| result.err().map(|error| error.to_string());
                prop_assert_eq!(text(read), text(kept));
            }
        }
    }

    #[test]
    fn an_assumption_never_takes_a_violation_back(
        entries in prop::collection::vec(entry(prop::collection::vec(step(), 0..4).prop_map(Value::from)), 0..12),
    ) {
        let history = paired(entries);
        for order in [KeyOrder::WritesFollowReads, KeyOrder::Sequential, KeyOrder::Linearizable] {
            let Ok(plain) = Transactions::from_history(&history) else { return Ok(()) };
            let Ok(assuming) = Transactions::from_history(&history) else { return Ok(()) };
            let assuming = assuming.assuming(order);
            for model in Model::ALL {
                let [plain, assuming] = [&plain, &assuming].map(|one| one.check(model).validity);
                prop_assert!(plain != Validity::Violated || assuming == Validity::Violated);
            }
        }
    }
}
