//! Queues lose nothing and make nothing up.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// Everything that was put into a queue comes out, once, and nothing else does.
///
/// In a history, `enqueue` has a value, an ok `dequeue` the value that came out, or `null` of an empty
/// queue, and an ok `drain` a list of all that was left. A value that was put in by an operation of
/// unknown outcome may come out or not; one that a `dequeue` of unknown outcome may have taken need
/// not come out.
///
/// **Vacuous** when nothing was acknowledged. Unknown when something is missing and the queue was not
/// emptied behind the last acknowledged `enqueue`: by a `drain`, or a `dequeue` that found nothing.
///
/// ```
/// use chaos_core::check::{Checker, queue_total};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "enqueue", "value": "mail"}
/// {"process": 0, "type": "ok", "f": "enqueue", "value": "mail"}
/// {"process": 0, "type": "invoke", "f": "drain"}
/// {"process": 0, "type": "ok", "f": "drain", "value": ["mail", "mail"]}
/// "#;
/// let report = queue_total().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("mail: it came out 2 times, and was put in 1 times"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn queue_total() -> QueueTotal {
    QueueTotal { may_duplicate: false }
}

/// Everything that was put into a queue comes out once; made by [`queue_total`].
#[derive(Debug, Clone)]
pub struct QueueTotal {
    may_duplicate: bool,
}

impl QueueTotal {
    /// Allows a value to come out more than once: delivery at least once.
    #[must_use]
    pub fn may_duplicate(mut self) -> Self {
        self.may_duplicate = true;
        self
    }
}

/// What happened to one value.
#[derive(Debug, Default)]
struct Item {
    acknowledged: u64,
    /// Acknowledged or unknown.
    possible: u64,
    came_out: u64,
    entries: Vec<u64>,
}

impl Checker for QueueTotal {
    fn name(&self) -> String {
        let how = if self.may_duplicate { "at least once" } else { "once" };
        format!("what was put into the queue comes out {how}")
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let mut items: BTreeMap<String, Item> = BTreeMap::new();
        let (mut last_acknowledged, mut emptied, mut taken_unknown) = (0, None, 0);
        for operation in &operations {
            let entry = operation.completed.unwrap_or(operation.invoked);
            match (operation.f, operation.outcome) {
                ("enqueue", outcome) => {
                    let item = items.entry(label(operation.argument)).or_default();
                    item.entries.extend(operation.entries());
                    item.possible += u64::from(outcome != Outcome::Failed);
                    if outcome == Outcome::Ok {
                        item.acknowledged += 1;
                        last_acknowledged = last_acknowledged.max(entry);
                    }
                }
                ("dequeue" | "drain", Outcome::Ok) => {
                    let values = came_out(operation)?;
                    if operation.f == "drain" || values.is_empty() {
                        emptied = emptied.max(Some(operation.invoked));
                    }
                    for value in values {
                        let item = items.entry(label(value)).or_default();
                        item.came_out += 1;
                        item.entries.push(entry);
                    }
                }
                ("dequeue" | "drain", Outcome::Unknown) => taken_unknown += 1,
                _ => {}
            }
        }
        let is_empty = emptied.is_some_and(|emptied| emptied > last_acknowledged);
        let acknowledged: u64 = items.values().map(|item| item.acknowledged).sum();
        report.count("acknowledged", acknowledged);
        report.count("came out", items.values().map(|item| item.came_out).sum());
        self.judge(items, is_empty, taken_unknown, &mut report);
        if acknowledged == 0 {
            report.vacuous("nothing that was put in was acknowledged");
        }
        Ok(report)
    }
}

impl QueueTotal {
    fn judge(
        &self,
        items: BTreeMap<String, Item>,
        is_empty: bool,
        mut taken_unknown: u64,
        report: &mut Report,
    ) {
        for (name, item) in items {
            let Item { acknowledged, possible, came_out, entries } = item;
            let missing = acknowledged.saturating_sub(came_out);
            let what = if came_out > 0 && possible == 0 {
                "it came out, and was never put in".to_owned()
            } else if came_out > possible && !self.may_duplicate {
                format!("it came out {came_out} times, and was put in {possible} times")
            } else if missing == 0 {
                continue;
            } else if !is_empty {
                report.unknown(format!(
                    "{name} has not come out, and the queue was not emptied: record a `drain`"
                ));
                continue;
            } else if taken_unknown >= missing {
                // Each of those took one value at most, if it is no `drain`.
                taken_unknown -= missing;
                report.count("may have been taken", missing);
                continue;
            } else {
                "it was acknowledged, and never came out".to_owned()
            };
            report.violated(Violation::new(what).of_key(name).at(entries));
        }
    }
}

/// What an operation took out of the queue.
fn came_out<'a>(operation: &Operation<'a>) -> Result<Vec<&'a Value>, HistoryError> {
    let value = operation.result.unwrap_or(&Value::Null);
    match (operation.f, value) {
        ("drain", Value::Array(all)) => Ok(all.iter().collect()),
        ("drain", other) => Err(HistoryError::Value {
            entry: operation.completed.unwrap_or(operation.invoked),
            what: format!("a drain has a list of all that was left, and not {other}"),
        }),
        (_, Value::Null) => Ok(Vec::new()),
        (_, value) => Ok(vec![value]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn what_is_lost_made_up_or_doubled_is_found() {
        let text = |out: &str| format!("0 < enqueue 1\n0 ok 1\n1 < enqueue 2\n1 info\n{out}");
        assert_says(&queue_total(), &text("2 < drain\n2 ok [1]"), Valid, &[]);
        assert_says(&queue_total(), &text("2 < drain\n2 ok [2,1]"), Valid, &[]);
        assert_says(&queue_total(), &text("2 < drain\n2 ok [2]"), Violated, &["1"]);
        assert_says(&queue_total(), &text("2 < drain\n2 ok [1,1]"), Violated, &["1"]);
        assert_says(&queue_total().may_duplicate(), &text("2 < drain\n2 ok [1,1]"), Valid, &[]);
        assert_says(&queue_total(), &text("2 < drain\n2 ok [1,9]"), Violated, &["9"]);
        assert_says(&queue_total(), &text("2 < dequeue\n2 ok 1"), Valid, &[]);
        assert_says(&queue_total(), &text("2 < dequeue\n2 ok 2"), Unknown, &[]);
        assert_says(&queue_total(), &text("2 < dequeue\n2 ok"), Violated, &["1"]);
        let taken = "2 < dequeue\n2 info\n3 < drain\n3 ok []";
        assert_says(&queue_total(), &text(taken), Valid, &[]);
        assert_says(&queue_total(), "0 < drain\n0 ok []", Unknown, &[]);
    }
}
