//! No two of a kind are given out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::outcome::Outcome;

/// No identifier is given out twice.
///
/// In a history, an ok `generate` has an identifier, or a list of them. In a database the query
/// answers with one identifier in each row; both may be asked, and are judged together with each
/// other only within themselves, because what was given out is also stored.
///
/// **Vacuous** when fewer than two were seen.
///
/// ```
/// use chaos_core::check::{Checker, unique};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "generate"}
/// {"process": 0, "type": "ok", "f": "generate", "value": 41}
/// {"process": 1, "type": "invoke", "f": "generate"}
/// {"process": 1, "type": "ok", "f": "generate", "value": 41}
/// "#;
/// let report = unique().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("41: it was given out 2 times"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unique() -> Unique {
    Unique { operation: "generate".to_owned(), sql: None }
}

/// No two of a kind are given out; made by [`unique`].
#[derive(Debug, Clone)]
pub struct Unique {
    operation: String,
    sql: Option<String>,
}

impl Unique {
    /// What the operation that gives one out is called in the history. Default: `generate`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// Judges also what is stored in the database.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }
}

impl Checker for Unique {
    fn name(&self) -> String {
        format!("what `{}` gives out is unique", self.operation)
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = Report::of(self.name());
        let mut given: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut seen = 0;
        for operation in evidence.operations()? {
            if operation.f != self.operation || operation.outcome != Outcome::Ok {
                continue;
            }
            let entry = operation.completed.unwrap_or(operation.invoked);
            let value = operation.result.unwrap_or(&Value::Null);
            let values = match value {
                Value::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                given.entry(label(value)).or_default().push(entry);
                seen += 1;
            }
        }
        report.count("given out", seen);
        for (value, entries) in given.into_iter().filter(|(_, entries)| entries.len() > 1) {
            let what = format!("it was given out {} times", entries.len());
            report.violated(Violation::new(what).of_key(value).at(entries));
        }
        if let Some(sql) = &self.sql {
            seen += stored(sql, evidence, &mut report)?;
        }
        if seen < 2 {
            report.vacuous("fewer than two were seen");
        }
        Ok(report)
    }
}

fn stored(sql: &str, evidence: &Evidence<'_>, report: &mut Report) -> Result<u64, CheckError> {
    let rows = evidence.rows(sql)?;
    let mut stored: BTreeMap<Vec<Option<String>>, u64> = BTreeMap::new();
    for row in rows.iter() {
        *stored.entry(row.to_vec()).or_default() += 1;
    }
    for (row, count) in stored.into_iter().filter(|(_, count)| *count > 1) {
        let values: Vec<_> = row.into_iter().map(|value| value.unwrap_or("null".into())).collect();
        let what = format!("it is stored {count} times");
        report.violated(Violation::new(what).of_key(values.join(", ")));
    }
    report.count("stored", rows.len() as u64);
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Rows;
    use crate::check::Validity::{Unknown, Valid, Violated};
    use crate::history::History;

    #[test]
    fn two_of_a_kind_are_found_also_in_batches() {
        let text =
            |one: &str, two: &str| format!("0 < generate\n1 < generate\n0 ok {one}\n1 ok {two}");
        assert_says(&unique(), &text("1", "2"), Valid, &[]);
        assert_says(&unique(), &text("1", "\"1\""), Violated, &["1"]);
        assert_says(&unique(), &text("[1,2]", "[3,2]"), Violated, &["2"]);
        assert_says(&unique(), "0 < generate\n0 ok 1", Unknown, &[]);
        assert_says(&unique(), "0 < generate\n0 ok 1\n0 < generate\n0 info", Unknown, &[]);
    }

    #[test]
    fn what_is_stored_twice_is_found() {
        let history = History::default();
        let check = |rows| unique().sql("Q").check(&Evidence::new(&history).with_answer("Q", rows));
        let report = check(Rows::from_texts([["7"], ["8"], ["7"]])).unwrap();
        assert_eq!(report.violations[0].to_string(), "7: it is stored 2 times");
        assert_eq!(check(Rows::from_texts([["7"], ["8"]])).unwrap().validity(), Valid);
    }
}
