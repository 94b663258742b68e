//! A counter is never read lower or higher than what was added to it.

use std::collections::BTreeMap;

use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// A counter is read as at least what had been acknowledged before the read began, and at most what
/// had been asked for before it ended.
///
/// In a history, `add` has a number, which may be negative, and an ok `read` has the value. In a
/// database the query answers with the value at the end. Additions of unknown outcome may have
/// happened, those that failed have not.
///
/// **Vacuous** when nothing was added before the last read. Unknown when nobody read.
///
/// ```
/// use chaos_core::check::{Checker, counter_bounds};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "add", "value": 2}
/// {"process": 0, "type": "ok", "f": "add", "value": 2}
/// {"process": 0, "type": "invoke", "f": "read"}
/// {"process": 0, "type": "ok", "f": "read", "value": 1}
/// "#;
/// let report = counter_bounds().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("the counter was read wrong: expected 2, found 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn counter_bounds() -> CounterBounds {
    CounterBounds { operation: "add".to_owned(), begins_at: 0, sql: None }
}

/// A counter is never read lower or higher than what was added to it; made by [`counter_bounds`].
#[derive(Debug, Clone)]
pub struct CounterBounds {
    operation: String,
    begins_at: i64,
    sql: Option<String>,
}

impl CounterBounds {
    /// What the operation that adds is called in the history. Default: `add`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// What the counter was before the first operation. Default: 0.
    #[must_use]
    pub fn beginning_at(mut self, value: i64) -> Self {
        self.begins_at = value;
        self
    }

    /// Judges also what the counter is in the database at the end.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }

    fn last(&self, evidence: &Evidence<'_>) -> Result<Option<i128>, CheckError> {
        let Some(sql) = &self.sql else { return Ok(None) };
        let rows: Vec<_> = evidence.rows(sql)?.iter().collect();
        if let [[Some(value)]] = rows[..] {
            if let Ok(value) = value.parse() {
                return Ok(Some(value));
            }
        }
        let what = format!("it is one row with one integer, and not {rows:?}");
        Err(CheckError::Answer { question: sql.clone(), what })
    }
}

/// By how much the lowest and the highest possible value change at each entry.
#[derive(Debug, Default)]
struct Bounds {
    lowest: BTreeMap<u64, i128>,
    highest: BTreeMap<u64, i128>,
}

impl Bounds {
    fn of(additions: &[(Operation<'_>, i128)]) -> Self {
        let mut bounds = Self::default();
        for (addition, number) in additions {
            // What is added can be in the value from its invocation on, and has to be from its
            // acknowledgement on; what is taken away the other way round.
            let settled = addition.settled();
            let (low, high) = if *number >= 0 {
                (settled, Some(addition.invoked))
            } else {
                (Some(addition.invoked), settled)
            };
            for (at, bound) in [(low, &mut bounds.lowest), (high, &mut bounds.highest)] {
                if let Some(at) = at {
                    *bound.entry(at).or_default() += number;
                }
            }
        }
        accumulate(&mut bounds.lowest);
        accumulate(&mut bounds.highest);
        bounds
    }

    /// The least and the most that a read can have seen between these entries.
    fn between(&self, invoked: u64, completed: u64, begins_at: i128) -> (i128, i128) {
        let until = |bound: &BTreeMap<u64, i128>, at: u64| {
            bound.range(..at).next_back().map_or(0, |(_, sum)| *sum)
        };
        // A bound may be passed for a moment during the read, when both directions are added.
        let extreme = |bound: &BTreeMap<u64, i128>, best: fn(i128, i128) -> i128| {
            let during = bound.range(invoked..completed).map(|(_, sum)| *sum);
            during.fold(until(bound, invoked), best) + begins_at
        };
        (extreme(&self.lowest, i128::min), extreme(&self.highest, i128::max))
    }
}

fn accumulate(bound: &mut BTreeMap<u64, i128>) {
    let mut sum = 0;
    for value in bound.values_mut() {
        sum += *value;
        *value = sum;
    }
}

impl Checker for CounterBounds {
    fn name(&self) -> String {
        "the counter stays within what was added to it".to_owned()
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut additions = Vec::new();
        let is_addition = |one: &&Operation<'_>| one.f == self.operation && one.may_have_happened();
        for addition in operations.iter().filter(is_addition) {
            let number = addition.argument.as_i64().ok_or_else(|| HistoryError::Value {
                entry: addition.invoked,
                what: format!("an addition is of an integer, and not of {}", addition.argument),
            })?;
            additions.push((*addition, i128::from(number)));
        }
        let bounds = Bounds::of(&additions);
        let begins_at = i128::from(self.begins_at);
        let mut report = Report::of(self.name());
        let mut last_read = None;
        let reads = operations.iter().filter(|one| one.f == "read" && one.outcome == Outcome::Ok);
        for read in reads {
            let completed = read.completed.unwrap_or(read.invoked);
            let value = read.result.and_then(serde_json::Value::as_i64);
            let value = value.ok_or_else(|| HistoryError::Value {
                entry: completed,
                what: "a read is answered with an integer".to_owned(),
            })?;
            last_read = last_read.max(Some(completed));
            report.count("reads", 1);
            let allowed = bounds.between(read.invoked, completed, begins_at);
            judge(i128::from(value), allowed, &read.entries(), &mut report);
        }
        if let Some(value) = self.last(evidence)? {
            last_read = Some(u64::MAX);
            judge(value, bounds.between(u64::MAX, u64::MAX, begins_at), &[], &mut report);
        }
        report.count("additions", additions.len() as u64);
        match last_read {
            None => report.unknown("nobody read: record a `read`, or say `.sql(..)`"),
            Some(last) if !additions.iter().any(|(one, _)| one.invoked < last) => {
                report.vacuous("nothing was added before the last read");
            }
            Some(_) => {}
        }
        Ok(report)
    }
}

fn judge(value: i128, (low, high): (i128, i128), entries: &[u64], report: &mut Report) {
    if (low..=high).contains(&value) {
        return;
    }
    let expected = if low == high { low.to_string() } else { format!("{low} to {high}") };
    let violation = Violation::new("the counter was read wrong").instead(expected, value);
    report.violated(violation.at(entries.iter().copied()));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_says, history};
    use super::*;
    use crate::check::Rows;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn a_read_lies_between_what_was_acknowledged_and_what_was_asked_for() {
        let during = |value: i64| format!("0 < add 2\n1 < read\n1 ok {value}\n0 ok 2");
        for value in [0, 2] {
            assert_says(&counter_bounds(), &during(value), Valid, &[]);
        }
        assert_says(&counter_bounds(), &during(3), Violated, &[""]);
        let after =
            |outcome: &str, value: i64| format!("0 < add 2\n0 {outcome} 2\n1 < read\n1 ok {value}");
        assert_says(&counter_bounds(), &after("ok", 2), Valid, &[]);
        assert_says(&counter_bounds(), &after("ok", 0), Violated, &[""]);
        assert_says(&counter_bounds(), &after("info", 0), Valid, &[]);
        assert_says(&counter_bounds(), &after("info", 2), Valid, &[]);
        assert_says(&counter_bounds().beginning_at(5), &after("ok", 7), Valid, &[]);
        assert_says(&counter_bounds().may_be_vacuous(), &after("fail", 2), Violated, &[""]);
    }

    #[test]
    fn what_is_taken_away_lowers_the_lower_bound_first() {
        let text =
            |value: i64| format!("0 < add 5\n0 ok 5\n0 < add -2\n1 < read\n1 ok {value}\n0 ok -2");
        for value in [3, 5] {
            assert_says(&counter_bounds(), &text(value), Valid, &[]);
        }
        assert_says(&counter_bounds(), &text(2), Violated, &[""]);
        assert_says(&counter_bounds(), &text(6), Violated, &[""]);
    }

    #[test]
    fn what_came_and_went_during_a_read_may_have_been_seen() {
        let text =
            |value: i64| format!("1 < read\n0 < add 5\n0 ok 5\n0 < add -5\n0 ok -5\n1 ok {value}");
        assert_says(&counter_bounds(), &text(5), Valid, &[]);
        assert_says(&counter_bounds(), &text(0), Valid, &[]);
        assert_says(&counter_bounds(), &text(-5), Violated, &[""]);
    }

    #[test]
    fn the_database_says_what_it_is_in_the_end() {
        let history = history("0 < add 2\n0 ok 2\n0 < add 3\n0 info\n1 < add 4\n1 fail");
        let check = |value: &str| {
            let evidence = Evidence::new(&history).with_answer("Q", Rows::from_texts([[value]]));
            counter_bounds().sql("Q").check(&evidence).unwrap().validity()
        };
        let found: Vec<_> = ["1", "2", "5", "6"].map(check).into();
        assert_eq!(found, [Violated, Valid, Valid, Violated]);
    }

    #[test]
    fn without_a_read_or_an_addition_nothing_is_known() {
        assert_says(&counter_bounds(), "0 < add 2\n0 ok 2", Unknown, &[]);
        assert_says(&counter_bounds(), "0 < read\n0 ok 0", Unknown, &[]);
    }
}
