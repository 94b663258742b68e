//! Numbers without a hole, such as those of invoices.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// The numbers that were given out have no hole between the first and the last.
///
/// That is more than a sequence of PostgreSQL promises, which skips a number when a transaction is
/// rolled back. In a history, an ok `generate` has a number. In a database the query answers with one
/// number in each row. In a history alone a hole may be the number of an operation of unknown
/// outcome: then it is unknown whether there is one.
///
/// **Vacuous** when fewer than two numbers were seen.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, gapless};
/// use chaos_core::history::History;
///
/// let nothing = History::empty();
/// let sql = "SELECT number FROM invoice";
/// let evidence = Evidence::new(&nothing).with_answer(sql, Rows::from_texts([["1"], ["2"], ["4"]]));
/// let report = gapless().sql(sql).check(&evidence)?;
/// assert!(report.to_string().ends_with("there is no number 3"));
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
pub fn gapless() -> Gapless {
    Gapless { operation: "generate".to_owned(), first: None, sql: None }
}

/// Numbers without a hole; made by [`gapless`].
#[derive(Debug, Clone)]
pub struct Gapless {
    operation: String,
    first: Option<i64>,
    sql: Option<String>,
}

impl Gapless {
    /// What the operation that gives one out is called in the history. Default: `generate`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// With which number they begin. Default: with the lowest that was seen.
    #[must_use]
    pub fn beginning_at(mut self, first: i64) -> Self {
        self.first = Some(first);
        self
    }

    /// Has the database say which numbers there are.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }

    /// The numbers, and how many more there may be.
    fn numbers(&self, evidence: &Evidence<'_>) -> Result<(BTreeSet<i64>, u64), CheckError> {
        if let Some(sql) = &self.sql {
            return Ok((stored(sql, evidence)?, 0));
        }
        let mut numbers = BTreeSet::new();
        let mut unknown = 0;
        for operation in evidence.operations()?.iter().filter(|one| one.f == self.operation) {
            match operation.outcome {
                Outcome::Ok => _ = numbers.insert(given(operation)?),
                Outcome::Unknown => unknown += 1,
                Outcome::Failed => {}
            }
        }
        Ok((numbers, unknown))
    }
}

impl Checker for Gapless {
    fn name(&self) -> String {
        format!("the numbers of `{}` have no hole", self.operation)
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let (numbers, unknown) = self.numbers(evidence)?;
        let mut report = Report::of(self.name());
        report.count("numbers", numbers.len() as u64);
        if numbers.len() < 2 {
            report.vacuous("fewer than two numbers were seen");
        }
        let mut expected = self.first.or(numbers.first().copied()).unwrap_or_default();
        let mut holes = Vec::new();
        let mut missing = 0;
        for number in &numbers {
            if *number > expected {
                missing += number.abs_diff(expected);
                holes.push((expected, *number - 1));
            }
            expected = number.saturating_add(1);
        }
        if missing > 0 && missing <= unknown {
            report.unknown(format!(
                "{missing} numbers are missing, which may be those of {unknown} operations of \
                 unknown outcome; the database knows: say `.sql(..)`"
            ));
            return Ok(report);
        }
        for (from, to) in holes {
            report.violated(Violation::new(if from == to {
                format!("there is no number {from}")
            } else {
                format!("there are no numbers {from} to {to}")
            }));
        }
        Ok(report)
    }
}

fn given(operation: &Operation<'_>) -> Result<i64, HistoryError> {
    let value = operation.result.unwrap_or(&Value::Null);
    value.as_i64().ok_or_else(|| HistoryError::Value {
        entry: operation.completed.unwrap_or(operation.invoked),
        what: format!("a number that was given out is an integer, and not {value}"),
    })
}

fn stored(sql: &str, evidence: &Evidence<'_>) -> Result<BTreeSet<i64>, CheckError> {
    let number = |row: &[Option<String>]| match row {
        [Some(number)] => number.parse().ok(),
        _ => None,
    };
    let numbers = evidence.rows(sql)?.iter().map(|row| {
        number(row).ok_or_else(|| CheckError::Answer {
            question: sql.to_owned(),
            what: format!("a row is one integer, and there is {row:?}"),
        })
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn holes_are_found_and_an_unknown_operation_may_fill_one() {
        let given = |numbers: &[i64]| -> String {
            numbers.iter().map(|number| format!("0 < generate\n0 ok {number}\n")).collect()
        };
        assert_says(&gapless(), &given(&[3, 1, 2]), Valid, &[]);
        assert_says(&gapless(), &given(&[1, 4]), Violated, &[""]);
        assert_says(&gapless().beginning_at(1), &given(&[2, 3]), Violated, &[""]);
        assert_says(&gapless(), &format!("{}1 < generate\n1 info", given(&[1, 3])), Unknown, &[]);
        assert_says(
            &gapless(),
            &format!("{}1 < generate\n1 info", given(&[1, 4])),
            Violated,
            &[""],
        );
        assert_says(&gapless(), &given(&[1]), Unknown, &[]);
        let extremes = given(&[i64::MIN, i64::MAX]);
        assert_says(&gapless(), &extremes, Violated, &[""]);
    }
}
