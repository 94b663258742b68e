//! Histories whose answer is known, and small ones that are compared with every possible order.

use proptest::prelude::*;
use serde_json::json;

use super::models::RegisterTestCall;
use super::*;
use crate::history::{Entry, EntryKind, Process};

/// `0 write 1` invokes, `0 ok` completes with the argument, `0 ok 2` with 2; also `fail` and `info`.
fn history(text: &str) -> History {
    let mut f = std::collections::HashMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let process: i64 = words.next().unwrap().parse().unwrap();
            let word = words.next().unwrap();
            let value = words.next().map(|value| serde_json::from_str(value).unwrap());
            let kind = match word {
                "ok" => EntryKind::Ok,
                "fail" => EntryKind::Fail,
                "info" => EntryKind::Info,
                _ => EntryKind::Invoke,
            };
            if kind == EntryKind::Invoke {
                f.insert(process, (word.to_owned(), value.clone().unwrap_or(Value::Null)));
            }
            let (f, argument) = f[&process].clone();
            Entry {
                index: 0,
                time: 0,
                process: Process::Client(process),
                kind,
                f: Some(f),
                value: value.unwrap_or(argument),
                error: None,
            }
        })
        .collect()
}

#[track_caller]
fn assert_validity<M: Model>(model: M, text: &str, expected: Validity) -> LinearizabilityReport {
    let report = Linearizability::of(model).check(&history(text)).unwrap();
    assert_eq!(report.validity, expected, "{report}");
    report
}

use Validity::{Unknown, Valid, Violated};

#[test]
fn a_read_sees_a_write_that_is_under_way_or_not() {
    for seen in ["null", "1"] {
        let text = format!("0 write 1\n 1 read\n 1 ok {seen}\n 0 ok");
        assert_validity(Register, &text, Valid);
    }
    assert_validity(Register, "0 write 1\n 1 read\n 1 ok 2\n 0 ok", Violated);
}

#[test]
fn a_value_that_was_seen_does_not_go_away() {
    let text = "0 write 1\n 1 read\n 1 ok 1\n 2 read\n 2 ok null\n 0 ok";
    let report = assert_validity(Register, text, Violated);
    assert_eq!(
        report.to_string(),
        "3 operations are not linearizable: after write 1 by process 0, read nothing by process 1 \
         -> 1 none of these can be next: read nothing by process 2"
    );
}

#[test]
fn a_write_of_unknown_outcome_takes_effect_late_or_never() {
    let unknown = "0 write 1\n 0 info\n";
    let read = |value| format!("2 read\n 2 ok {value}\n");
    assert_validity(Register, &format!("{unknown}{}{}", read("null"), read("1")), Valid);
    assert_validity(Register, &format!("{unknown}{}{}", read("null"), read("null")), Valid);
    assert_validity(Register, &format!("{unknown}{}{}", read("1"), read("null")), Violated);
    // It is the same if nobody said that nothing is known.
    assert_validity(Register, &format!("0 write 1\n{}{}", read("null"), read("1")), Valid);
}

#[test]
fn a_write_that_failed_is_never_seen() {
    assert_validity(Register, "0 write 1\n 0 fail\n 1 read\n 1 ok 1", Violated);
}

#[test]
fn compare_and_set_has_one_winner() {
    let text = "0 write 0\n 0 ok\n 1 cas [0,1]\n 2 cas [0,2]\n 1 ok\n 2 ok";
    assert_validity(Register, text, Violated);
    let text = "0 write 0\n 0 ok\n 1 cas [0,1]\n 2 cas [1,2]\n 2 ok\n 1 ok";
    assert_validity(Register, text, Valid);
}

#[test]
fn what_other_models_do() {
    assert_validity(Counter, "0 add 2\n 1 read\n 1 ok 2\n 0 ok", Valid);
    assert_validity(Counter, "0 add 2\n 0 ok\n 1 read\n 1 ok 1", Violated);
    assert_validity(Set, "0 add 1\n 0 ok\n 1 contains 1\n 1 ok true\n 1 read\n 1 ok [1]", Valid);
    assert_validity(Set, "0 add 1\n 0 ok\n 0 remove 1\n 0 ok\n 1 read\n 1 ok [1]", Violated);
    let queue = "0 enqueue 1\n 0 ok\n 0 enqueue 2\n 0 ok\n";
    assert_validity(FifoQueue, &format!("{queue} 1 dequeue\n 1 ok 1"), Valid);
    assert_validity(FifoQueue, &format!("{queue} 1 dequeue\n 1 ok 2"), Violated);
    assert_validity(FifoQueue, &format!("{queue} 2 dequeue\n 2 info\n 1 dequeue\n 1 ok 2"), Valid);
    assert_validity(FifoQueue, "1 dequeue\n 1 ok null", Valid);
    let held = "0 acquire \"a\"\n 0 ok\n";
    assert_validity(Lock, &format!("{held} 1 acquire \"b\"\n 1 ok"), Violated);
    assert_validity(
        Lock,
        &format!("{held} 1 acquire \"b\"\n 0 release \"a\"\n 0 ok\n 1 ok"),
        Valid,
    );
    assert_validity(Lock, &format!("{held} 1 release \"b\"\n 1 ok"), Violated);
}

#[test]
fn keys_are_judged_apart() {
    let text = "0 write [\"x\",1]\n 0 ok\n 1 read [\"y\",null]\n 1 ok [\"y\",null]";
    let good = Linearizability::of(Register).per_key().check(&history(text)).unwrap();
    assert_eq!((good.validity, good.keys, good.operations), (Valid, 2, 2));
    let text = format!("{text}\n 1 read [\"x\",null]\n 1 ok [\"x\",null]");
    let bad = Linearizability::of(Register).per_key().check(&history(&text)).unwrap();
    assert_eq!(bad.violation.as_ref().unwrap().key.as_deref(), Some("\"x\""), "{bad}");
    let error = Linearizability::of(Register).per_key().check(&history("0 write 5")).unwrap_err();
    assert_eq!(error.to_string(), "entry 0: a value has to be a pair [key, value], and not 5");
}

#[test]
fn a_guilty_key_is_found_behind_one_that_explodes() {
    // Every order of these adds is another way to the same sums, and none gives the last read.
    let mut text = String::new();
    for process in 0..26 {
        text.push_str(&format!("{process} add [\"a\",{}]\n{process} info\n", 1_i64 << process));
    }
    text.push_str("100 read [\"a\",0]\n100 ok [\"a\",-1]\n");
    text.push_str("101 add [\"b\",1]\n101 ok\n101 read [\"b\",0]\n101 ok [\"b\",2]\n");
    let check = Linearizability::of(Counter).per_key().max_steps(1_000_000);
    let report = check.check(&history(&text)).unwrap();
    assert_eq!(report.violation.unwrap().key.as_deref(), Some("\"b\""));
}

#[test]
fn what_takes_too_long_or_too_much_is_unknown() {
    let mut text = String::new();
    for process in 0..30 {
        text.push_str(&format!("{process} add {}\n{process} info\n", 1_i64 << process));
    }
    text.push_str("100 read\n100 ok -1\n");
    let check = Linearizability::of(Counter);
    let slow = check.clone().max_steps(100_000).check(&history(&text)).unwrap();
    assert_eq!(slow.validity, Unknown, "{slow}");
    let large = check.max_bytes(1 << 20).check(&history(&text)).unwrap();
    assert_eq!(large.unknown, Some("it takes more memory than is allowed"));
    let empty = assert_validity(Counter, "", Unknown);
    assert_eq!(empty.operations, 0);
}

#[test]
fn bad_histories_are_refused() {
    let refused =
        |text: &str| Linearizability::of(Register).check(&history(text)).unwrap_err().to_string();
    let error = refused("0 pop 1");
    assert_eq!(error, "entry 0: there is no operation `pop`; known are read, write and cas");
    assert!(refused("0 cas 1").contains("a cas has a pair [old, new], and not 1"));
    assert!(refused("0 read\n 0 read").contains("while another one is under way"));
}

/// Whether some order of the operations explains them, by trying all.
fn explained(operations: &[(u64, Option<u64>, RegisterTestCall)]) -> bool {
    fn from(state: &Value, left: &mut Vec<(u64, Option<u64>, RegisterTestCall)>) -> bool {
        if left.iter().all(|(_, returned, _)| returned.is_none()) {
            return true;
        }
        let first_return = left.iter().filter_map(|(_, returned, _)| *returned).min();
        for at in 0..left.len() {
            if first_return.is_some_and(|first| left[at].0 > first) {
                continue;
            }
            let operation = left.remove(at);
            let fits = Register.step(state, &operation.2).is_some_and(|next| from(&next, left));
            left.insert(at, operation);
            if fits {
                return true;
            }
        }
        false
    }
    from(&Value::Null, &mut operations.to_vec())
}

proptest! {
    #[test]
    fn the_search_agrees_with_trying_every_order(
        operations in prop::collection::vec((0_u64..12, 0_u64..8, 0_u8..6, 0_i64..3, 0_i64..3), 1..7)
    ) {
        // Times that all differ; entries are numbered by them.
        let mut all = Vec::new();
        for (number, (from, length, what, one, other)) in (0_u64..).zip(operations) {
            let invoked = from * 100 + number;
            let returned = (what != 5).then_some((from + length) * 100 + 50 + number);
            let (f, argument, result, call) = match what {
                0 | 1 => ("read", Value::Null, json!(one), RegisterTestCall::Read(json!(one))),
                2 | 3 | 5 => ("write", json!(one), json!(one), RegisterTestCall::Write(json!(one))),
                _ => (
                    "cas",
                    json!([one, other]),
                    json!([one, other]),
                    RegisterTestCall::CompareAndSet(json!(one), json!(other)),
                ),
            };
            all.push((number, invoked, returned, f, argument, result, call));
        }
        let mut events = Vec::new();
        for (number, invoked, returned, f, argument, result, _) in &all {
            let entry = |kind, value: &Value| Entry {
                index: 0,
                time: 0,
                process: Process::Client(i64::try_from(*number).unwrap()),
                kind,
                f: Some((*f).to_owned()),
                value: value.clone(),
                error: None,
            };
            events.push((*invoked, entry(EntryKind::Invoke, argument)));
            events.extend(returned.map(|at| (at, entry(EntryKind::Ok, result))));
        }
        events.sort_by_key(|(at, _)| *at);
        let history: History = events.into_iter().map(|(_, entry)| entry).collect();
        let calls: Vec<_> =
            all.into_iter().map(|(_, invoked, returned, .., call)| (invoked, returned, call)).collect();
        let report = Linearizability::of(Register).check(&history).unwrap();
        let expected = if explained(&calls) { Valid } else { Violated };
        prop_assert_eq!(report.validity, expected);
    }
}
