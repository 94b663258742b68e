//! Histories whose answer is known, most of them the textbook case of one anomaly.
//!
//! A history is written one transaction a line, in the order of completion: who executed it, what
//! became of it (nothing for `ok`), and its steps. `x+1` appends 1 to x, `x=12` reads x as [1 2],
//! and `x=` reads it as empty. A line that begins with `<` invokes what the process does next; a
//! process without such a line has no place in real time.

use super::*;
use crate::check::Validity;

/// Elements are the single digits of a read.
fn history(text: &str) -> Transactions {
    let mut builder = TransactionsBuilder::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap();
        let process = Process::Client(first.trim_start_matches('<').parse().unwrap());
        if first.starts_with('<') {
            builder.push(EntryKind::Invoke, &process, &[]).unwrap();
            continue;
        }
        let mut kind = EntryKind::Ok;
        let mut steps: Vec<(&str, Option<i64>, Vec<Datum<'_>>)> = Vec::new();
        for word in words {
            match word {
                "fail" => kind = EntryKind::Fail,
                "info" => kind = EntryKind::Info,
                _ => steps.push(step(word)),
            }
        }
        let steps: Vec<_> = steps
            .iter()
            .map(|(key, element, list)| match element {
                Some(element) => Step::Append((*key).into(), (*element).into()),
                None => Step::Read((*key).into(), Some(list)),
            })
            .collect();
        builder.push(kind, &process, &steps).unwrap();
    }
    builder.finish()
}

fn step(word: &str) -> (&str, Option<i64>, Vec<Datum<'_>>) {
    let digit = |digit: char| i64::from(digit.to_digit(10).unwrap());
    if let Some((key, element)) = word.split_once('+') {
        return (key, Some(element.parse().unwrap()), Vec::new());
    }
    let (key, list) = word.split_once('=').unwrap();
    (key, None, list.chars().map(|element| Datum::Integer(digit(element))).collect())
}

/// Asserts which anomalies are found, by a check of everything, and which models are ruled out.
#[track_caller]
fn assert_history(text: &str, anomalies: &[&str], ruled_out: &[Model]) {
    let transactions = history(text);
    let report = transactions.check(Model::StrictSerializable);
    let mut names: Vec<_> = report.anomalies.iter().map(|anomaly| anomaly.kind.name()).collect();
    names.dedup();
    assert_eq!(names, anomalies, "{report}");
    assert_eq!(report.ruled_out(), ruled_out, "{report}");
    for anomaly in &report.anomalies {
        assert!(!anomaly.because.is_empty());
        assert!(!anomaly.because.iter().any(|why| why.contains("of what was read")), "{anomaly}");
    }
    for model in Model::ALL {
        let report = transactions.check(model);
        let is_out = ruled_out.iter().any(|weakest| model.is_at_least(*weakest));
        assert_eq!(report.validity == Validity::Violated, is_out, "{model}: {report}");
    }
}

#[test]
fn g0_each_overwrote_what_the_other_wrote() {
    assert_history(
        "0 x+1 y+1
         1 x+2 y+2
         2 x=12 y=21",
        &["G0"],
        &[Model::ReadUncommitted],
    );
}

#[test]
fn g1a_a_failed_write_is_read() {
    assert_history("0 fail x+1\n 1 x=1", &["G1a"], &[Model::ReadCommitted]);
}

#[test]
fn g1b_a_state_in_the_middle_of_a_transaction_is_read() {
    assert_history(
        "0 x+1 x+2
         1 x=1",
        &["G1b", "G-single"],
        &[Model::ReadCommitted],
    );
    let own = history("0 x+1 x=1 x+2\n 1 x=12").check(Model::StrictSerializable);
    assert_eq!(own.validity, Validity::Valid, "{own}");
}

#[test]
fn g1c_each_saw_what_the_other_wrote() {
    assert_history(
        "0 x+1 y=1
         1 x+2 y+1
         2 x=12 y=1",
        &["G1c"],
        &[Model::ReadCommitted],
    );
}

#[test]
fn g_single_half_of_a_transaction_is_seen() {
    assert_history(
        "0 x+1 y+1
         1 x+2 y=
         2 x=12",
        &["G-single"],
        &[Model::ConsistentView, Model::RepeatableRead],
    );
}

#[test]
fn g_nonadjacent_two_readers_see_two_writers_in_different_orders() {
    assert_history(
        "0 x+1
         1 x=1 y=
         2 y+1
         3 y=1 x=",
        &["G-nonadjacent"],
        &[Model::RepeatableRead, Model::SnapshotIsolation],
    );
    // Two anti-dependencies in a row are allowed under snapshot isolation.
    let text = "0 x=5 y+1
         1 y= z+2
         2 z= t+3
         3 t=3 u+4
         4 u= x+5";
    let report = history(text).check(Model::SnapshotIsolation);
    assert_eq!(report.validity, Validity::Valid, "{report}");
}

#[test]
fn g2_item_write_skew() {
    assert_history("0 x= y+1\n 1 y= x+1", &["G2-item"], &[Model::RepeatableRead]);
}

#[test]
fn a_lost_update() {
    assert_history(
        "0 x+0
         1 x=0 x+1
         2 x=0 x+2",
        &["lost-update", "G2-item"],
        &[Model::CursorStability, Model::ParallelSnapshotIsolation],
    );
    let once = history("0 x= x+1 x+2\n 1 x=12").check(Model::StrictSerializable);
    assert_eq!(once.validity, Validity::Valid, "{once}");
}

#[test]
fn two_reads_that_contradict_each_other() {
    assert_history(
        "0 x+1
         1 x+2
         2 x+3
         3 x=13
         4 x=123",
        &["incompatible-order"],
        &[Model::ReadCommitted],
    );
}

#[test]
fn a_write_on_top_of_an_aborted_one() {
    let dirty = &["G1a", "dirty-update"];
    assert_history("0 fail x+1\n 1 x+2\n 2 x=12", dirty, &[Model::ReadCommitted]);
    let indirect = "0 fail x+1\n 1 info x+2\n 2 x+3\n 3 x=123";
    assert_history(indirect, dirty, &[Model::ReadCommitted]);
    let unknown = history("0 info x+1\n 1 x+2\n 2 x=12").check(Model::StrictSerializable);
    assert_eq!(unknown.validity, Validity::Valid, "{unknown}");
}

#[test]
fn an_element_that_is_there_twice() {
    assert_history(
        "0 x+1
         1 x+2
         2 x=121",
        &["duplicate-elements"],
        &[Model::ReadUncommitted],
    );
}

#[test]
fn an_element_that_nobody_wrote() {
    assert_history("0 x+1\n 1 x=17", &["unwritten-read"], &[Model::ReadUncommitted]);
}

#[test]
fn a_transaction_that_contradicts_itself() {
    let setting = "0 x+1\n 1 x+2\n";
    for (own, what) in [
        ("2 x=12 x+3 x=12", "stale"),
        ("2 x=12 x+3 x=1", "short"),
        ("2 x+3 x=12", "without what it wrote"),
    ] {
        let report = history(&format!("{setting}{own}\n 3 x=123")).check(Model::ReadAtomic);
        assert_eq!(report.anomalies[0].kind, AnomalyKind::Internal, "{what}: {report}");
        assert_eq!(report.validity, Validity::Violated, "{what}: {report}");
    }
    let good = history("0 x+1\n 1 x+2\n 2 y=56 x+3 x=123 x+4 x=1234\n 3 y+5\n 4 y+6");
    assert_eq!(good.check(Model::StrictSerializable).validity, Validity::Valid);
}

#[test]
fn a_transaction_that_reads_what_it_writes_later() {
    for text in ["0 x=1 x+1", "0 x+1 x=10 x+0"] {
        let report = history(text).check(Model::ReadCommitted);
        let kinds: Vec<_> = report.anomalies.iter().map(|anomaly| anomaly.kind).collect();
        assert!(kinds.contains(&AnomalyKind::FutureRead), "{report}");
        assert_eq!(report.validity, Validity::Violated, "{report}");
    }
}

#[test]
fn what_no_read_saw_comes_after_all_that_was_seen() {
    assert_history(
        "0 x+1 y+1
         1 x+2 y+2
         2 x+3 y+3
         3 x=12
         4 y=2",
        &["G0", "G-single"],
        &[Model::ReadUncommitted],
    );
}

#[test]
fn many_unseen_writers_are_reached_but_for_the_reader_itself() {
    // The reader of the last version is one of them.
    let unseen: String = (1..9).map(|element| format!("{element} x+{element}\n")).collect();
    let text = format!("0 x+0\n{unseen} 9 x=0 x+9 y=\n");
    let valid = history(&text).check(Model::Serializable);
    assert_eq!(valid.validity, Validity::Valid, "{valid}");
    // One of the others wrote what it did not see, and saw what it wrote.
    let text = format!("0 x+0\n{unseen} 10 x+8 z=7 y+1\n 9 x=0 x+9 z+7\n");
    let text = text.replace("8 x+8\n", "");
    let violated = history(&text).check(Model::Serializable);
    assert_eq!(violated.validity, Validity::Valid, "{violated}");
    let text = format!("0 x+0\n{unseen} 10 z+7 y=1\n 9 x=0 x+9 z=7 y+1\n");
    let violated = history(&text).check(Model::ReadCommitted);
    assert_eq!(violated.anomalies[0].kind.name(), "G1c", "{violated}");
}

#[test]
fn a_stale_read_in_real_time() {
    assert_history(
        "<0
         0 x+1
         <1
         1 x+2
         <2
         2 x=1
         <3
         3 x=12",
        &["G-single-realtime"],
        &[Model::StrongSnapshotIsolation],
    );
}

#[test]
fn a_stale_read_of_ones_own_write() {
    assert_history(
        "<0
         0 x+1
         <1
         1 x+2
         <1
         1 x=1
         <2
         2 x=12",
        &["G-single-process"],
        &[Model::StrongSessionSnapshotIsolation],
    );
}

#[test]
fn a_process_that_reads_before_it_writes() {
    assert_history(
        "<1
         1 x=1 y+1
         <2
         2 y=1
         <2
         2 x+1",
        &["G1c-process"],
        &[Model::StrongSessionReadCommitted],
    );
}

#[test]
fn a_cycle_of_anti_dependencies_apart_with_the_order_of_a_process() {
    assert_history(
        "<0
         <1
         1 x+1
         <1
         1 z=
         <2
         2 z+1
         0 x= z=1",
        &["G-single-realtime", "G-nonadjacent-process"],
        &[Model::StrongSessionSnapshotIsolation],
    );
}

#[test]
fn what_is_under_way_at_the_same_time_has_no_order() {
    let text = "<0
         <1
         0 x+1
         1 x=
         <2
         2 x=1";
    let report = history(text).check(Model::StrictSerializable);
    assert_eq!(report.validity, Validity::Valid, "{report}");
}

#[test]
fn a_write_of_unknown_outcome_may_take_effect_at_any_later_time() {
    let text = "<0
         0 info x+1
         <1
         1 x=
         <2
         2 x=1";
    let report = history(text).check(Model::StrictSerializable);
    assert_eq!(report.validity, Validity::Valid, "{report}");
    // But not before it was invoked.
    let text = "<1
         1 x=1
         <0
         0 info x+1";
    let report = history(text).check(Model::StrictSerializable);
    assert_eq!(report.anomalies[0].kind.name(), "G1c-realtime", "{report}");
}

#[test]
fn what_proves_nothing_is_unknown() {
    for text in ["", "0 x+1", "0 x=", "0 x+1\n 1 x+2", "0 fail x+1"] {
        let report = history(text).check(Model::StrictSerializable);
        assert_eq!(report.validity, Validity::Unknown, "{text}: {report}");
        assert!(report.clone().into_result().is_err());
    }
}

#[test]
fn a_report_names_the_transactions_and_why() {
    let report = history("0 x= y+1\n 1 y= x+2").check(Model::Serializable);
    assert_eq!(
        report.to_string(),
        "2 transactions are not serializable\n\
         G2-item\n  \
         T0 comes before T1: T0 read x its initial state, and not 2, which T1 wrote\n  \
         T1 comes before T0: T1 read y its initial state, and not 1, which T0 wrote"
    );
}

#[test]
fn bad_histories_are_refused() {
    let refused = |text: &str| Transactions::from_jsonl(text.as_bytes()).unwrap_err().to_string();
    let ok = |value: &str| format!(r#"{{"process":0,"type":"ok","value":{value}}}"#);
    assert!(refused(&ok("5")).starts_with("entry 0: a transaction is a list of steps"));
    assert!(refused(&ok(r#"[["cas","x",1]]"#)).contains("and not [\"cas\",\"x\",1]"));
    let twice = refused(&ok(r#"[["append","x",1],["append","x",1]]"#));
    assert!(twice.starts_with("entry 0: 1 is written to x a second time"), "{twice}");
    let invoke = r#"{"process":0,"type":"invoke"}"#;
    let during = refused(&format!("{invoke}\n{invoke}"));
    assert_eq!(during, "entry 1: process 0 invokes an operation while another one is under way");
}

#[test]
fn what_did_not_complete_may_have_taken_effect() {
    let text = r#"
        {"process":0,"type":"invoke","value":[["append","x",1]]}
        {"process":"nemesis","type":"info","value":["n1"]}
        {"process":1,"type":"invoke","value":[["r","x",null]]}
        {"process":1,"type":"ok","value":[["r","x",[1]]]}
        {"process":2,"type":"invoke","value":[["append","x",[2,3]]]}
        {"process":2,"type":"info","value":null}
        {"process":1,"type":"invoke","value":[["r","x",null]]}
        {"process":1,"type":"ok","value":[["r","x",[1,[2,3]]]]}"#;
    let transactions = Transactions::from_jsonl(text.as_bytes()).unwrap();
    let report = transactions.check(Model::StrictSerializable);
    assert_eq!(report.validity, Validity::Valid, "{report}");
    let history = History::from_jsonl(text.as_bytes()).unwrap();
    let same = Transactions::from_history(&history).unwrap().check(Model::StrictSerializable);
    assert_eq!(same, report);
}
