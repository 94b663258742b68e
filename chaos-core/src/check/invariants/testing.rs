//! Histories for tests, one entry a line.

use serde_json::Value;

use crate::check::{Checker, Evidence, Rows, Validity};
use crate::history::{Entry, EntryKind, History, Process};

/// `0 < add 1` invokes `add 1` by process 0; `0 ok 1`, `0 fail` and `0 info` complete it. A value is
/// JSON, and none is null. Entries are a millisecond apart.
pub(in crate::check) fn history(text: &str) -> History {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    (0..).zip(lines).map(|(index, line)| entry(index, line)).collect()
}

fn entry(index: u64, line: &str) -> Entry {
    let mut parts = line.splitn(3, ' ');
    let process = Process::Client(parts.next().unwrap().parse().unwrap());
    let word = parts.next().unwrap();
    let rest = parts.next().unwrap_or_default();
    let (f, rest) = match word {
        "<" => {
            let (f, value) = rest.split_once(' ').unwrap_or((rest, ""));
            (Some(f.to_owned()), value)
        }
        _ => (None, rest),
    };
    let kind = match word {
        "<" => EntryKind::Invoke,
        "ok" => EntryKind::Ok,
        "fail" => EntryKind::Fail,
        "info" => EntryKind::Info,
        other => panic!("`{other}` is no kind of entry"),
    };
    let value = if rest.is_empty() { Value::Null } else { serde_json::from_str(rest).unwrap() };
    let time = i64::try_from(index).unwrap() * 1_000_000;
    Entry { index, time, process, kind, f, value, error: None }
}

/// Asserts what a checker says of a history, and of which keys.
#[track_caller]
pub(in crate::check) fn assert_says(
    checker: &impl Checker,
    text: &str,
    validity: Validity,
    keys: &[&str],
) {
    let report = checker.check_history(&history(text)).unwrap();
    assert_eq!(report.validity(), validity, "{report}");
    let found: Vec<_> =
        report.violations.iter().map(|one| one.key.as_deref().unwrap_or_default()).collect();
    assert_eq!(found, keys, "{report}");
}

/// What a checker says of a history and of these rows, which are the answer to its question `Q`.
pub(in crate::check) fn check(checker: &impl Checker, rows: &[&[&str]], text: &str) -> Validity {
    let history = history(text);
    let rows = Rows::from_texts(rows.iter().map(|row| row.iter().copied()));
    let evidence = Evidence::new(&history).with_answer("Q", rows);
    checker.check(&evidence).unwrap().validity()
}
