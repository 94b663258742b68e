//! What was acknowledged is still there at the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::check::label::{label, listed};
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// Everything whose writing was acknowledged is there at the end, and nothing that nobody wrote.
///
/// In a history, writes are the operations `add` with the element, and the last ok `read` has the
/// list of all of them. In a database the query answers with one element in each row. An element
/// that was written by an operation of unknown outcome may be there or not; it is counted as
/// *recovered* if it is. That an element is there although its operation failed is the business of
/// [`no_phantom_write`](super::no_phantom_write).
///
/// **Vacuous** when nothing was acknowledged before the last read. Unknown when nobody read.
///
/// ```
/// use chaos_core::check::{Checker, acked_durable};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "add", "value": 1}
/// {"process": 0, "type": "ok", "f": "add", "value": 1}
/// {"process": 0, "type": "invoke", "f": "read"}
/// {"process": 0, "type": "ok", "f": "read", "value": []}
/// "#;
/// let report = acked_durable().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("1: it was acknowledged, and is lost"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn acked_durable() -> AckedDurable {
    AckedDurable { operation: "add".to_owned(), sql: None }
}

/// What was acknowledged is still there at the end; made by [`acked_durable`].
#[derive(Debug, Clone)]
pub struct AckedDurable {
    operation: String,
    sql: Option<String>,
}

/// What there is at the end.
struct Final {
    elements: BTreeMap<String, u64>,
    /// The entry from which on writes may be missing from it.
    invoked: u64,
    entries: Vec<u64>,
}

impl AckedDurable {
    /// What the operation that writes is called in the history. Default: `add`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// Has the database say which elements there are.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }

    fn last(
        &self,
        evidence: &Evidence<'_>,
        operations: &[Operation<'_>],
    ) -> Result<Option<Final>, CheckError> {
        let Some(sql) = &self.sql else {
            let is_read = |one: &&Operation<'_>| one.f == "read" && one.outcome == Outcome::Ok;
            return Ok(operations.iter().rfind(is_read).map(final_read).transpose()?);
        };
        let mut elements = BTreeMap::new();
        for row in evidence.rows(sql)?.iter() {
            let [Some(element)] = row else {
                let what = format!("a row is one element, and there is {row:?}");
                return Err(CheckError::Answer { question: sql.clone(), what });
            };
            *elements.entry(element.clone()).or_default() += 1;
        }
        Ok(Some(Final { elements, invoked: u64::MAX, entries: Vec::new() }))
    }
}

impl Checker for AckedDurable {
    fn name(&self) -> String {
        format!("what `{}` acknowledged is durable", self.operation)
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let Some(last) = self.last(evidence, &operations)? else {
            report.unknown("nobody read at the end: record a `read` of all, or say `.sql(..)`");
            return Ok(report);
        };
        let mut tried = BTreeSet::new();
        let mut acknowledged = 0;
        for write in operations.iter().filter(|one| one.f == self.operation) {
            let element = label(write.argument);
            let is_there = last.elements.contains_key(&element);
            tried.insert(element.clone());
            match write.outcome {
                Outcome::Ok if write.completed.is_some_and(|at| at < last.invoked) => {
                    acknowledged += 1;
                    if !is_there {
                        let entries = write.entries().into_iter().chain(last.entries.clone());
                        let what = "it was acknowledged, and is lost";
                        report.violated(Violation::new(what).of_key(element).at(entries));
                    }
                }
                Outcome::Ok => report.count("acknowledged after the read", 1),
                Outcome::Unknown => report.count("recovered", u64::from(is_there)),
                Outcome::Failed => report.count("failed and there", u64::from(is_there)),
            }
        }
        report.count("acknowledged", acknowledged);
        report.count("found", last.elements.len() as u64);
        let twice: Vec<_> = last.elements.iter().filter(|(_, n)| **n > 1).map(|(e, _)| e).collect();
        report.count("found more than once", twice.len() as u64);
        let unexpected: Vec<_> =
            last.elements.keys().filter(|element| !tried.contains(*element)).collect();
        if !unexpected.is_empty() {
            let names = listed(unexpected.iter().copied());
            let what = format!("nobody wrote what is there: {names}");
            report.violated(Violation::new(what).at(last.entries.iter().copied()));
        }
        if acknowledged == 0 {
            report.vacuous("nothing was acknowledged before the last read");
        }
        Ok(report)
    }
}

fn final_read(read: &Operation<'_>) -> Result<Final, HistoryError> {
    let value = read.result.unwrap_or(&Value::Null);
    let Value::Array(list) = value else {
        let entry = read.completed.unwrap_or(read.invoked);
        let what = format!("a read is a list of all elements, and not {value}");
        return Err(HistoryError::Value { entry, what });
    };
    let mut elements = BTreeMap::new();
    for element in list {
        *elements.entry(label(element)).or_default() += 1;
    }
    Ok(Final { elements, invoked: read.invoked, entries: read.entries() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_says, history};
    use super::*;
    use crate::check::Rows;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn what_is_lost_and_what_comes_from_nowhere() {
        let text = |read: &str| {
            format!(
                "0 < add 1\n0 ok 1\n0 < add 2\n0 info\n1 < add 3\n1 fail\n2 < read\n2 ok {read}"
            )
        };
        assert_says(&acked_durable(), &text("[1]"), Valid, &[]);
        assert_says(&acked_durable(), &text("[2,1]"), Valid, &[]);
        assert_says(&acked_durable(), &text("[2]"), Violated, &["1"]);
        assert_says(&acked_durable(), &text("[1,9]"), Violated, &[""]);
        let report = acked_durable().check_history(&history(&text("[1,1,2,3]"))).unwrap();
        let stat = |what: &str| report.stats[what];
        assert_eq!((stat("recovered"), stat("failed and there")), (1, 1));
        assert_eq!(stat("found more than once"), 1);
    }

    #[test]
    fn a_write_beside_the_last_read_may_be_missing_from_it() {
        let text = "0 < add 1\n0 ok 1\n0 < add 2\n1 < read\n0 ok 2\n1 ok [1]";
        assert_says(&acked_durable(), text, Valid, &[]);
        let evidence = history(text);
        let evidence = Evidence::new(&evidence).with_answer("Q", Rows::from_texts([["1"]]));
        let report = acked_durable().sql("Q").check(&evidence).unwrap();
        assert_eq!(report.violations[0].key.as_deref(), Some("2"));
    }

    #[test]
    fn without_a_read_or_an_acknowledgement_nothing_is_known() {
        assert_says(&acked_durable(), "0 < add 1\n0 ok 1", Unknown, &[]);
        assert_says(&acked_durable(), "0 < add 1\n0 info\n1 < read\n1 ok []", Unknown, &[]);
    }
}
