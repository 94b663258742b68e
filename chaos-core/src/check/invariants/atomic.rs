//! All parts of a change are there, or none is.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::label::{label, listed};
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::outcome::Outcome;

/// A change leaves all of its parts in the database, or none: the ledger and the balance, the order
/// and its row in the outbox.
///
/// The query answers with a change and one of its `parts` in each row. If the history has operations
/// `apply` with the name of the change (or another one that [`operation`](Atomic::operation) says),
/// one that succeeded has to have left all its parts, and one that failed none.
///
/// **Vacuous** when the history has such operations and all of them succeeded: nothing was
/// interrupted. Also when there is nothing in the database and no history.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, atomic};
/// use chaos_core::history::History;
///
/// let sql = "SELECT op, 'ledger' FROM ledger UNION ALL SELECT op, 'outbox' FROM outbox";
/// let rows = Rows::from_texts([["op-1", "ledger"], ["op-1", "outbox"], ["op-2", "ledger"]]);
/// let nothing = History::empty();
/// let evidence = Evidence::new(&nothing).with_answer(sql, rows);
/// let report = atomic(["ledger", "outbox"]).sql(sql).check(&evidence)?;
/// assert!(report.to_string().ends_with("op-2: only a part of it is there: ledger and not outbox"));
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
pub fn atomic<P: Into<String>>(parts: impl IntoIterator<Item = P>) -> Atomic {
    let parts = parts.into_iter().map(Into::into).collect();
    Atomic { parts, operation: "apply".to_owned(), sql: String::new() }
}

/// All parts of a change are there, or none is; made by [`atomic`].
#[derive(Debug, Clone)]
pub struct Atomic {
    parts: BTreeSet<String>,
    operation: String,
    sql: String,
}

impl Atomic {
    /// The query that answers with a change and a part in each row.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = query.into();
        self
    }

    /// What the operation that makes a change is called in the history. Default: `apply`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    fn found(
        &self,
        evidence: &Evidence<'_>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, CheckError> {
        let mut changes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in evidence.rows(&self.sql)?.iter() {
            let [Some(change), Some(part)] = row else {
                let what = format!("a row is a change and a part of it, and there is {row:?}");
                return Err(CheckError::Answer { question: self.sql.clone(), what });
            };
            if !self.parts.contains(part) {
                let parts = listed(self.parts.iter());
                let what = format!("`{part}` is no part of a change; those are {parts}");
                return Err(CheckError::Answer { question: self.sql.clone(), what });
            }
            changes.entry(change.clone()).or_default().insert(part.clone());
        }
        Ok(changes)
    }
}

impl Checker for Atomic {
    fn name(&self) -> String {
        format!("a change has all its parts or none: {}", listed(self.parts.iter()))
    }

    fn questions(&self) -> Vec<String> {
        vec![self.sql.clone()]
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let changes = self.found(evidence)?;
        let mut report = Report::of(self.name());
        report.count("changes", changes.len() as u64);
        for (change, found) in &changes {
            let missing: Vec<_> = self.parts.difference(found).collect();
            if !missing.is_empty() {
                let (there, missing) = (listed(found.iter()), listed(missing.into_iter()));
                let what = format!("only a part of it is there: {there} and not {missing}");
                report.violated(Violation::new(what).of_key(change));
            }
        }
        let operations = evidence.operations()?;
        let mut outcomes: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
        for operation in operations.iter().filter(|one| one.f == self.operation) {
            outcomes.entry(label(operation.argument)).or_default().push(operation.outcome);
        }
        for (change, outcomes) in &outcomes {
            let is_there = changes.contains_key(change);
            let wrong = if outcomes.contains(&Outcome::Ok) && !is_there {
                "it succeeded, and nothing of it is there"
            } else if outcomes.iter().all(|one| *one == Outcome::Failed) && is_there {
                "it failed, and is there"
            } else {
                continue;
            };
            report.violated(Violation::new(wrong).of_key(change));
        }
        let interrupted = outcomes.values().flatten().any(|one| *one != Outcome::Ok);
        if outcomes.is_empty() && changes.is_empty() {
            report.vacuous("there is no change in the database, and none in the history");
        } else if !outcomes.is_empty() && !interrupted {
            report.vacuous("no change was interrupted: all of them succeeded");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;
    use crate::check::Rows;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn what_is_there_has_to_be_whole_and_to_agree_with_what_was_answered() {
        let check = |rows: &[[&str; 2]], text: &str| {
            let history = history(text);
            let rows = Rows::from_texts(rows.iter().copied());
            let evidence = Evidence::new(&history).with_answer("Q", rows);
            atomic(["a", "b"]).sql("Q").check(&evidence).unwrap().validity()
        };
        let interrupted = "0 < apply 1\n0 info\n1 < apply 2\n1 ok 2\n1 < apply 3\n1 fail";
        let two = [["2", "a"], ["2", "b"]];
        assert_eq!(check(&two, interrupted), Valid);
        assert_eq!(check(&two[..1], interrupted), Violated);
        assert_eq!(check(&[], interrupted), Violated);
        assert_eq!(check(&[two[0], two[1], ["3", "a"], ["3", "b"]], interrupted), Violated);
        assert_eq!(check(&[two[0], two[1], ["1", "a"], ["1", "b"]], interrupted), Valid);
        assert_eq!(check(&two, "0 < apply 2\n0 ok 2"), Unknown);
        assert_eq!(check(&two, ""), Valid);
        assert_eq!(check(&[], ""), Unknown);
    }

    #[test]
    fn a_part_that_is_none_is_an_error() {
        let nothing = crate::history::History::empty();
        let evidence = Evidence::new(&nothing).with_answer("Q", Rows::from_texts([["1", "c"]]));
        let error = atomic(["a", "b"]).sql("Q").check(&evidence).unwrap_err().to_string();
        assert!(error.ends_with("`c` is no part of a change; those are a, b"), "{error}");
    }
}
