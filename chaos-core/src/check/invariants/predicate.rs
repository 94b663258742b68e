//! At most one of several guarded insertions succeeds.

use std::collections::BTreeMap;

use crate::check::label::label;
use crate::check::overlap::Overlap;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::Operation;
use crate::outcome::Outcome;

/// Of several insertions that each first make sure that there is none, at most one succeeds: what
/// a predicate guards, and only serializability protects.
///
/// In a history, `insert` has a key, or a list with the key in its first place.
///
/// **Vacuous** when no two insertions of one key overlapped.
///
/// ```
/// use chaos_core::check::{Checker, g2_predicate};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "insert", "value": ["seat 7", "anna"]}
/// {"process": 1, "type": "invoke", "f": "insert", "value": ["seat 7", "bert"]}
/// {"process": 0, "type": "ok", "f": "insert", "value": ["seat 7", "anna"]}
/// {"process": 1, "type": "ok", "f": "insert", "value": ["seat 7", "bert"]}
/// "#;
/// let report = g2_predicate().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("seat 7: 2 insertions succeeded, where one at most may"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn g2_predicate() -> G2Predicate {
    G2Predicate { operation: "insert".to_owned() }
}

/// At most one guarded insertion succeeds; made by [`g2_predicate`].
#[derive(Debug, Clone)]
pub struct G2Predicate {
    operation: String,
}

impl G2Predicate {
    /// What the operation is called in the history. Default: `insert`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }
}

impl Checker for G2Predicate {
    fn name(&self) -> String {
        format!("at most one `{}` of a key succeeds", self.operation)
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut keys: BTreeMap<String, Vec<Operation<'_>>> = BTreeMap::new();
        for insert in operations.iter().filter(|one| one.f == self.operation) {
            let key = insert.argument.as_array().and_then(|parts| parts.first());
            keys.entry(label(key.unwrap_or(insert.argument))).or_default().push(*insert);
        }
        let mut report = Report::of(self.name());
        report.count("keys", keys.len() as u64);
        let mut overlapped = false;
        for (key, inserts) in keys {
            // Also one that failed was put to the test: that it failed may be why it held.
            let tried = inserts.iter().map(|one| Operation { outcome: Outcome::Ok, ..*one });
            overlapped |= Overlap::of(tried.collect::<Vec<_>>().iter()).is_any();
            let succeeded = inserts.iter().filter(|one| one.outcome == Outcome::Ok);
            let entries: Vec<_> = succeeded.filter_map(|one| one.completed).collect();
            if entries.len() > 1 {
                let many = entries.len();
                let what = format!("{many} insertions succeeded, where one at most may");
                report.violated(Violation::new(what).of_key(key).at(entries));
            }
        }
        if !overlapped {
            report.vacuous("no two insertions of one key overlapped");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn two_insertions_behind_one_predicate_are_found() {
        let text = |one: &str, other: &str| {
            format!("0 < insert [7,1]\n1 < insert [7,2]\n0 {one} [7,1]\n1 {other} [7,2]")
        };
        assert_says(&g2_predicate(), &text("ok", "ok"), Violated, &["7"]);
        assert_says(&g2_predicate(), &text("ok", "fail"), Valid, &[]);
        assert_says(&g2_predicate(), &text("ok", "info"), Valid, &[]);
        let apart = "0 < insert 7\n0 ok 7\n1 < insert 7\n1 fail";
        assert_says(&g2_predicate(), apart, Unknown, &[]);
    }
}
