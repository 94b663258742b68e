//! Cases that are written, read back, and damaged.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::fault::{error, reset, stall};
use crate::trigger::message::{commit_complete, query};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Op {
    Transfer { from: String, amount: i64 },
    Audit,
    Extreme(u64, Option<f64>),
}

fn case() -> Case<Op> {
    let operations = [
        Op::Transfer { from: "o'brien \u{0} \"x\"".to_owned(), amount: i64::MIN },
        Op::Audit,
        Op::Extreme(u64::MAX, None),
    ];
    let steps = operations.map(|operation| Step { worker: 0, operation }).to_vec();
    let fault =
        |during, until, fault: Fault| CaseFault { during, after: Duration::ZERO, until, fault };
    let faults = vec![
        fault(0, Until::Operation, reset().on(commit_complete().nth(1).over_link()).into()),
        fault(1, Until::After(Duration::from_millis(20)), stall().into()),
        CaseFault {
            after: Duration::from_micros(1500),
            ..fault(
                2,
                Until::End,
                error("40001".parse::<crate::fault::SqlCode>().unwrap()).on(query("UPDATE")).into(),
            )
        },
    ];
    Case { steps, faults, pool_size: 2 }
}

fn about() -> About<'static> {
    About { test: "bank::money", failure: "money: expected 1, found 2", failed: 4, runs: 5 }
}

#[test]
fn a_case_is_read_as_it_was_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut case = case();
    case.steps[1].worker = 1;
    let path = keep(directory.path(), &case, &about()).unwrap();
    let kept = load::<Op>(directory.path()).unwrap();
    assert_eq!(kept.len(), 1, "{}", fs::read_to_string(&path).unwrap());
    assert_eq!(kept[0].case, case, "{}", fs::read_to_string(&path).unwrap());
    assert_eq!((kept[0].failed, kept[0].runs), (4, 5));
    // The same case has the same name, whatever else is known of it.
    let other = About { failed: 1, ..about() };
    assert_eq!(keep(directory.path(), &case, &other).unwrap(), path);
    assert!(load::<Op>(&directory.path().join("nothing")).unwrap().is_empty());
}

#[test]
fn a_file_can_be_read_by_people() {
    let mut case = case();
    case.steps.truncate(2);
    case.faults.truncate(1);
    case.steps[0].operation = Op::Transfer { from: "a".to_owned(), amount: 5 };
    let text = text(&case, &about());
    for line in [
        "[[operation]]",
        "do = \"Audit\"",
        "amount = 5",
        "during = 1",
        "fault = \"reset\"",
        "tag = \"COMMIT\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for noise in ["directions", "may_be_idle", "worker", "trigger"] {
        assert!(!text.contains(noise), "{noise}: {text}");
    }
    assert!(text.lines().count() < 45, "{text}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line_and_a_remedy() {
    let good = text(&case(), &about());
    let line_of = |needle: &str| good.lines().position(|it| it.contains(needle)).unwrap() + 1;
    let damaged = [
        (good.replace("version = 1", "version = 9"), "version 9", line_of("version = ")),
        (good.replace("do = \"Audit\"", "do = \"Gone\""), "Gone", line_of("Audit")),
        (good.replace("during = 2", "during = 7"), "operation 7 of 3", line_of("during = 2")),
        (good.replace("pool_size", "pool_siez"), "pool_siez", line_of("pool_size")),
        (good.replace("failed = 4", "failed = "), "", line_of("failed = 4")),
    ];
    for (text, problem, line) in damaged {
        let error = parse::<Op>(Path::new("x.toml"), &text).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("delete the file"), "{error}");
        assert!(error.starts_with(&format!("x.toml:{line}: ")), "line {line}: {error}");
    }
}
