//! The database comes to what it came to without a fault.

use std::collections::BTreeMap;

use crate::check::evidence::Rows;
use crate::check::label::listed;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};

/// The database comes to what it came to without a fault: ask for it after a run without one, and
/// judge by it after a run with one that was tried until it succeeded.
///
/// Rows are compared in any order. Leave out of the query what differs from run to run, such as
/// times and generated keys. [`Fingerprint`](crate::postgres::fingerprint::Fingerprint) compares whole
/// tables.
///
/// **Vacuous** when nothing is expected.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, converges};
/// use chaos_core::history::History;
///
/// let without_a_fault = Rows::from_texts([["a", "40"], ["b", "60"]]);
/// let checker = converges("SELECT id, balance FROM account", without_a_fault);
/// let nothing = History::empty();
/// let rows = Rows::from_texts([["a", "40"], ["b", "55"]]);
/// let evidence = Evidence::new(&nothing).with_answer("SELECT id, balance FROM account", rows);
/// let report = checker.check(&evidence)?;
/// assert_eq!(report.violations[0].explanation, "rows are missing: (b, 60)");
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
pub fn converges(sql: impl Into<String>, expected: Rows) -> Converges {
    Converges { sql: sql.into(), expected }
}

/// The database comes to what it came to without a fault; made by [`converges`].
#[derive(Debug, Clone)]
pub struct Converges {
    sql: String,
    expected: Rows,
}

impl Checker for Converges {
    fn name(&self) -> String {
        "the database comes to what it came to without a fault".to_owned()
    }

    fn questions(&self) -> Vec<String> {
        vec![self.sql.clone()]
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = Report::of(self.name());
        let mut balance: BTreeMap<&[Option<String>], i64> = BTreeMap::new();
        self.expected.iter().for_each(|row| *balance.entry(row).or_default() += 1);
        let found = evidence.rows(&self.sql)?;
        found.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
        for (what, sign) in [("rows are missing", 1), ("rows are too many", -1)] {
            let rows: Vec<_> = balance
                .iter()
                .filter(|(_, number)| *number * sign > 0)
                .map(|(row, _)| shown(row))
                .collect();
            if !rows.is_empty() {
                let what = format!("{what}: {}", listed(rows.iter()));
                report.violated(Violation::new(what));
            }
        }
        report.count("rows", found.len() as u64);
        if self.expected.is_empty() {
            report.vacuous("nothing is expected: there was nothing without a fault either");
        }
        Ok(report)
    }
}

fn shown(row: &[Option<String>]) -> String {
    let values: Vec<_> = row.iter().map(|value| value.as_deref().unwrap_or("null")).collect();
    format!("({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn rows_are_compared_in_any_order_and_as_often_as_they_are_there() {
        let checker = converges("Q", Rows::from_texts([["a"], ["b"], ["a"]]));
        assert_eq!(check(&checker, &[&["a"], &["a"], &["b"]], ""), Valid);
        assert_eq!(check(&checker, &[&["a"], &["b"], &["b"]], ""), Violated);
        assert_eq!(check(&converges("Q", Rows::default()), &[], ""), Unknown);
    }
}
