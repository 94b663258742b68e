//! Histories of registers whose answer is known.
//!
//! A history is written as in the tests of lists, but `x:1` writes 1 to x, `x=1` reads it as 1, and
//! `x=` as nothing. With `#` numbers are versions: `x:#3`, and `x:#` is a write whose version is not
//! known. A letter behind a version is its value: `x:#3a`.

use super::*;
use crate::check::Validity::{self, Unknown, Valid, Violated};

fn history(text: &str) -> Transactions {
    let mut builder = TransactionsBuilder::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        push(&mut builder, line).unwrap();
    }
    builder.finish()
}

fn push(builder: &mut TransactionsBuilder, line: &str) -> Result<(), HistoryError> {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap();
    let process = Process::Client(first.trim_start_matches('<').parse().unwrap());
    if first.starts_with('<') {
        return builder.push(EntryKind::Invoke, &process, &[]);
    }
    let mut kind = EntryKind::Ok;
    let mut steps = Vec::new();
    for word in words {
        match word {
            "fail" => kind = EntryKind::Fail,
            "info" => kind = EntryKind::Info,
            _ => steps.push(step(word)),
        }
    }
    builder.push(kind, &process, &steps)
}

fn step(word: &str) -> Step<'_> {
    if let Some((key, written)) = word.split_once(':') {
        return Step::Write(key.into(), written_of(written).unwrap_or_default());
    }
    let (key, seen) = word.split_once('=').unwrap();
    Step::Get(key.into(), written_of(seen))
}

fn written_of(text: &str) -> Option<Written<'_>> {
    let Some(version) = text.strip_prefix('#') else {
        let value = (!text.is_empty()).then(|| Datum::Integer(text.parse().unwrap()));
        return value.map(Written::value);
    };
    let digits = version.trim_end_matches(char::is_alphabetic);
    let written = digits.parse().map_or(Written::default(), Written::version);
    let value = &version[digits.len()..];
    Some(if value.is_empty() { written } else { written.with_value(value.into()) })
}

/// Asserts which anomalies are found, and what the model says.
#[track_caller]
fn assert_found(transactions: &Transactions, anomalies: &[&str], model: Model, validity: Validity) {
    let report = transactions.check(Model::StrictSerializable);
    let mut names: Vec<_> = report.anomalies.iter().map(|anomaly| anomaly.kind.name()).collect();
    names.dedup();
    assert_eq!(names, anomalies, "{report}");
    for anomaly in &report.anomalies {
        assert!(!anomaly.because.iter().any(|why| why.contains("of what was read")), "{anomaly}");
    }
    let report = transactions.check(model);
    assert_eq!(report.validity, validity, "{report}");
}

#[test]
fn write_skew_of_versions() {
    let skew = history(
        "0 x=#1 y=#1 x:#2
         1 x=#1 y=#1 y:#2",
    );
    assert_found(&skew, &["G2-item"], Model::SnapshotIsolation, Valid);
    let report = skew.check(Model::Serializable);
    assert_eq!(report.validity, Violated);
    let text = report.to_string();
    assert!(
        text.contains("T0 read y its initial state, and not version 2, which T1 wrote"),
        "{text}"
    );
}

#[test]
fn each_anomaly_of_versions() {
    let cases = [
        ("0 x:#1 y:#2\n 1 x:#2 y:#1", "G0", Model::ReadUncommitted),
        ("0 fail x:#2a\n 1 x=#2a", "G1a", Model::ReadCommitted),
        ("0 x:#2 x:#3\n 1 x=#2", "G1b", Model::ReadCommitted),
        ("0 x:#1 y=#1\n 1 y:#1 x=#1", "G1c", Model::ReadCommitted),
        ("0 x:#2 y:#2\n 1 x=#2 y=#1", "G-single", Model::SnapshotIsolation),
        ("0 x=#1 x:#2\n 1 x=#1 x:#3", "lost-update", Model::SnapshotIsolation),
        ("0 x=#1 x:#2a\n 1 x=#1 x:#2b", "lost-update", Model::SnapshotIsolation),
        ("0 x:#2 x=#1\n 1 x=#2", "internal", Model::Serializable),
        ("0 x=#2 x:#2\n 1 x=#2", "future-read", Model::ReadCommitted),
        ("0 x:#2\n 1 x=#2\n 2 x=#7", "unwritten-read", Model::ReadUncommitted),
        ("0 x:#2a\n 1 x=#2b", "unwritten-read", Model::ReadUncommitted),
    ];
    for (text, name, model) in cases {
        let report = history(text).check(model);
        assert_eq!(report.validity, Violated, "{name}: {report}");
        assert!(report.violations().any(|one| one.kind.name() == name), "{name}: {report}");
    }
}

#[test]
fn what_versions_allow() {
    let valid = [
        // A version that was given out again after it was rolled back.
        "0 fail x:#2a\n 1 x=#1 x:#2b\n 2 x=#2b",
        // What nobody knows may be what was read, or may never have happened.
        "0 info x:#\n 1 x=#2\n 2 x=#1",
        "0 info x:#2\n 1 x=#2",
        "0 info x:#2\n 1 x=#1\n 1 x=#1 x:#2",
        // Numbers may have holes.
        "0 x=#1 x:#5\n 1 x=#5 x:#9\n 2 x=#9",
        "0 x= x:#1\n 1 x=#1",
    ];
    for text in valid {
        let report = history(text).check(Model::Serializable);
        assert!(report.validity < Violated, "{text}: {report}");
    }
}

#[test]
fn a_stale_read_of_a_version_is_one_in_real_time_only() {
    let stale = history(
        "<0
         0 x=#1 x:#2
         <1
         1 x=#1",
    );
    assert_found(&stale, &["G-single-realtime"], Model::Serializable, Valid);
    assert_eq!(stale.check(Model::StrictSerializable).validity, Violated);
}

#[test]
fn of_plain_values_who_wrote_what_is_known_and_that_nothing_comes_first() {
    let skew = history("0 x= y= x:1\n 1 x= y= y:2");
    assert_found(&skew, &["G2-item"], Model::Serializable, Violated);
    let half = history("0 x:1 y:1\n 1 x=1 y=");
    assert_found(&half, &["G-single"], Model::SnapshotIsolation, Violated);
    assert_found(&history("0 fail x:1\n 1 x=1"), &["G1a"], Model::ReadCommitted, Violated);
    assert_found(&history("0 x:1 y=2\n 1 y:2 x=1"), &["G1c"], Model::ReadCommitted, Violated);
    let lost = history("0 x:1\n 1 x=1 x:2\n 2 x=1 x:3");
    assert_found(&lost, &["lost-update"], Model::ReadCommitted, Valid);
    assert_eq!(lost.check(Model::SnapshotIsolation).validity, Violated);
    let intermediate = history("0 x:1 x:2\n 1 x=1");
    assert_eq!(intermediate.check(Model::ReadCommitted).validity, Violated);
    // One value that nobody wrote is what was there before.
    assert_eq!(history("0 x=0 x:1\n 1 x=1").check(Model::Serializable).validity, Valid);
    let unwritten = history("0 x=8\n 1 x=9\n 1 x:1\n 2 x=1");
    assert_found(&unwritten, &["unwritten-read"], Model::ReadUncommitted, Violated);
}

#[test]
fn an_assumption_finds_what_plain_values_hide() {
    // T1 wrote after T0 on x, and before it on y.
    let text = "0 x:1\n 1 x=1 x:2 y:2\n 2 y=2 y:3 x=1";
    let hidden = history(text);
    assert_eq!(hidden.check(Model::Serializable).validity, Valid);
    let found = history(text).assuming(KeyOrder::WritesFollowReads);
    assert_found(&found, &["G-single"], Model::Serializable, Violated);
    let because = found.check(Model::Serializable).to_string();
    assert!(because.contains("T2 read x as 1, and not 2, which T1 wrote"), "{because}");

    let text = "0 x:1\n 0 x:2\n 1 x=2 y:1\n 2 y=1 x=1";
    assert_eq!(history(text).check(Model::Serializable).validity, Valid);
    let found = history(text).assuming(KeyOrder::Sequential);
    assert_found(&found, &["G-single"], Model::Serializable, Violated);

    let text = "<0\n 0 x:1\n <1\n 1 x:2\n 2 x=2 y:1\n 3 y=1 x=1";
    assert_eq!(history(text).check(Model::Serializable).validity, Valid);
    let found = history(text).assuming(KeyOrder::Linearizable);
    assert_eq!(found.check(Model::Serializable).validity, Violated);
}

#[test]
fn an_assumption_that_contradicts_itself_is_said_and_not_used() {
    let back = history("0 x:1\n 1 x:2\n 2 x=1\n 2 x=2\n 2 x=1").assuming(KeyOrder::Sequential);
    assert_found(&back, &["cyclic-versions"], Model::ReadUncommitted, Violated);
}

#[test]
fn forms_are_not_mixed_and_what_is_empty_is_of_every_form() {
    let mixed = |lines: &[&str]| {
        let mut builder = TransactionsBuilder::new();
        lines
            .iter()
            .try_for_each(|line| push(&mut builder, line))
            .map_err(|error| error.to_string())
    };
    let error = mixed(&["0 x=", "0 x:1", "0 y:#1"]).unwrap_err();
    assert!(error.starts_with("entry 2: a history is of lists"), "{error}");
    let error = mixed(&["0 x:1", "1 x:1"]).unwrap_err();
    assert!(error.starts_with("entry 1: 1 is written to x a second time"), "{error}");
    let error = mixed(&["0 x:"]).unwrap_err();
    assert!(error.contains("a write that succeeded says which"), "{error}");
    assert_eq!(history("0 x=\n 1 y=").check(Model::Serializable).validity, Unknown);
}

#[test]
fn registers_are_read_from_json() {
    let lines = r#"
        {"process":0,"type":"invoke","f":"txn","value":[["r","x",null],["w","x",1]]}
        {"process":0,"type":"ok","f":"txn","value":[["r","x",null],["w","x",1]]}
        {"process":1,"type":"invoke","f":"txn","value":[["r","x",null],["w","x",2]]}
        {"process":1,"type":"ok","f":"txn","value":[["r","x",null],["w","x",2]]}"#;
    let transactions = Transactions::from_jsonl(lines.as_bytes()).unwrap();
    let report = transactions.check(Model::SnapshotIsolation);
    assert!(report.violations().any(|one| one.kind == AnomalyKind::LostUpdate), "{report}");
    let lines = r#"
        {"process":0,"type":"ok","value":[["w",5,{"version":2,"value":"a"}]]}
        {"process":1,"type":"ok","value":[["r",5,{"version":2,"value":"a"}],["r",6,{"version":1}]]}"#;
    let transactions = Transactions::from_jsonl(lines.as_bytes()).unwrap();
    assert_eq!(transactions.check(Model::Serializable).validity, Valid);
    let wrong = r#"{"process":0,"type":"ok","value":[["w",5,{"version":1.5}]]}"#;
    let error = Transactions::from_jsonl(wrong.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "entry 0: a version is an integer, and not 1.5");
}
