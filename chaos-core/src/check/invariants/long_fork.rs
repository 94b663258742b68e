//! No two reads see independent writes in opposite orders.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::check::label::{label, listed};
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// No two reads of the same keys see two independent writes in opposite orders: what parallel
/// snapshot isolation allows, and snapshot isolation does not.
///
/// In a history, a `txn` writes one key, once in all, `[["w", "x", 1]]`, or reads several,
/// `[["r", "x", 1], ["r", "y", null]]`.
///
/// **Vacuous** when there are not two reads of the same keys that see some of them and not all.
///
/// ```
/// use chaos_core::check::{Checker, long_fork};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "txn", "value": [["r", "x", null], ["r", "y", null]]}
/// {"process": 0, "type": "ok", "f": "txn", "value": [["r", "x", 1], ["r", "y", null]]}
/// {"process": 1, "type": "invoke", "f": "txn", "value": [["r", "x", null], ["r", "y", null]]}
/// {"process": 1, "type": "ok", "f": "txn", "value": [["r", "x", null], ["r", "y", 1]]}
/// "#;
/// let report = long_fork().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("one saw x and not y, the other y and not x"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn long_fork() -> LongFork {
    LongFork
}

/// No two reads see writes in opposite orders; made by [`long_fork`].
#[derive(Debug, Clone, Copy)]
pub struct LongFork;

impl Checker for LongFork {
    fn name(&self) -> String {
        "no two reads see writes in opposite orders".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        // For each set of keys, what each read of them saw.
        let mut groups: BTreeMap<Vec<String>, Vec<(BTreeSet<String>, u64)>> = BTreeMap::new();
        let mut written: HashMap<String, u64> = HashMap::new();
        for operation in &operations {
            let value = operation.result.unwrap_or(operation.argument);
            let steps = steps(operation, value)?;
            if let [(true, key, _)] = steps.as_slice() {
                if operation.may_have_happened() {
                    write_once(key, operation, &mut written)?;
                }
                continue;
            }
            if operation.outcome == Outcome::Ok {
                let seen = steps.iter().filter(|(_, _, value)| !value.is_null());
                let seen = seen.map(|(_, key, _)| key.clone()).collect();
                let mut keys: Vec<_> = steps.into_iter().map(|(_, key, _)| key).collect();
                keys.sort();
                let entry = operation.completed.unwrap_or(operation.invoked);
                groups.entry(keys).or_default().push((seen, entry));
            }
        }
        let mut telling = false;
        for (keys, mut reads) in groups {
            report.count("reads", reads.len() as u64);
            let partial = reads.iter().filter(|(seen, _)| (1..keys.len()).contains(&seen.len()));
            telling |= partial.count() >= 2;
            reads.sort_by_key(|(seen, entry)| (seen.len(), *entry));
            for pair in reads.windows(2) {
                let [(less, first), (more, then)] = pair else { continue };
                let missing: Vec<_> = less.difference(more).collect();
                if missing.is_empty() {
                    continue;
                }
                let extra: Vec<_> = more.difference(less).collect();
                let (one, other) = (listed(missing.into_iter()), listed(extra.into_iter()));
                let what =
                    format!("one saw {one} and not {other}, the other {other} and not {one}");
                report.violated(Violation::new(what).at([*first, *then]));
            }
        }
        if !telling {
            report.vacuous("no two reads of the same keys saw some of them and not all");
        }
        Ok(report)
    }
}

/// Whether it writes, the key, and the value.
type Step<'a> = (bool, String, &'a Value);

fn steps<'a>(operation: &Operation<'_>, value: &'a Value) -> Result<Vec<Step<'a>>, HistoryError> {
    let wrong = || HistoryError::Value {
        entry: operation.completed.unwrap_or(operation.invoked),
        what: format!(
            "a transaction is one write [[\"w\", key, value]] or reads [[\"r\", key, value], ..], \
             and not {value}"
        ),
    };
    let step = |step: &'a Value| match step.as_array().map(Vec::as_slice) {
        Some([f, key, value]) if f == "w" => Ok((true, label(key), value)),
        Some([f, key, value]) if f == "r" => Ok((false, label(key), value)),
        _ => Err(wrong()),
    };
    let steps = value.as_array().ok_or_else(wrong)?;
    let steps = steps.iter().map(step).collect::<Result<Vec<_>, _>>()?;
    let writes = steps.iter().any(|(writes, ..)| *writes);
    if writes && steps.len() > 1 { Err(wrong()) } else { Ok(steps) }
}

fn write_once(
    key: &str,
    operation: &Operation<'_>,
    written: &mut HashMap<String, u64>,
) -> Result<(), HistoryError> {
    match written.insert(key.to_owned(), operation.invoked) {
        None => Ok(()),
        Some(first) => {
            let what = format!(
                "{key} is written a second time, after entry {first}; each key has to be written \
                 once, or nobody can tell which write a read saw"
            );
            Err(HistoryError::Value { entry: operation.invoked, what })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_says, history};
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    fn forks(x1: &str, y1: &str, x2: &str, y2: &str) -> String {
        let read = r#"< txn [["r","x",null],["r","y",null]]"#;
        format!(
            "0 {read}\n0 ok [[\"r\",\"x\",{x1}],[\"r\",\"y\",{y1}]]\n\
             1 {read}\n1 ok [[\"r\",\"y\",{y2}],[\"r\",\"x\",{x2}]]"
        )
    }

    #[test]
    fn a_fork_is_two_reads_of_which_neither_contains_the_other() {
        assert_says(&long_fork(), &forks("1", "null", "null", "1"), Violated, &[""]);
        assert_says(&long_fork(), &forks("1", "null", "1", "null"), Valid, &[]);
        assert_says(&long_fork(), &forks("1", "null", "1", "1"), Unknown, &[]);
        let twice = history("0 < txn [[\"w\",\"x\",1]]\n0 ok\n0 < txn [[\"w\",\"x\",1]]\n0 ok");
        let error = long_fork().check_history(&twice);
        assert!(error.is_err(), "a completion without a value is no transaction");
        let twice = history(
            "0 < txn [[\"w\",\"x\",1]]\n0 info\n1 < txn [[\"w\",\"x\",1]]\n1 ok [[\"w\",\"x\",1]]",
        );
        let error = long_fork().check_history(&twice).unwrap_err().to_string();
        assert!(error.starts_with("entry 2: x is written a second time"), "{error}");
    }
}
