//! No update is lost.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::overlap::Overlap;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// No two updates that succeeded started from the same version, and no two made the same one: the
/// later of them would have overwritten the earlier one without knowing of it.
///
/// In a history, an ok `update` has the version that it read and the one that it wrote: a pair
/// `[3, 4]`, or an object with the fields `read` and `wrote`. Several objects are judged by
/// [`per_key`](crate::check::per_key).
///
/// **Vacuous** when no two updates overlapped.
///
/// ```
/// use chaos_core::check::{Checker, no_lost_update};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "update"}
/// {"process": 1, "type": "invoke", "f": "update"}
/// {"process": 0, "type": "ok", "f": "update", "value": [3, 4]}
/// {"process": 1, "type": "ok", "f": "update", "value": [3, 5]}
/// "#;
/// let report = no_lost_update().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().contains("both read version 3 and wrote it"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn no_lost_update() -> NoLostUpdate {
    NoLostUpdate { operation: "update".to_owned() }
}

/// No update is lost; made by [`no_lost_update`].
#[derive(Debug, Clone)]
pub struct NoLostUpdate {
    operation: String,
}

impl NoLostUpdate {
    /// What the operation is called in the history. Default: `update`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }
}

impl Checker for NoLostUpdate {
    fn name(&self) -> String {
        format!("no `{}` is lost", self.operation)
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let is_update = |one: &&Operation<'_>| one.f == self.operation && one.may_have_happened();
        let updates: Vec<_> = operations.iter().filter(is_update).collect();
        let mut report = Report::of(self.name());
        let mut read: BTreeMap<String, Operation<'_>> = BTreeMap::new();
        let mut wrote: BTreeMap<String, Operation<'_>> = BTreeMap::new();
        for update in updates.iter().filter(|update| update.outcome == Outcome::Ok) {
            let (from, to) = versions(update)?;
            report.count("updates", 1);
            for (version, seen, what) in
                [(from, &mut read, "read version"), (to, &mut wrote, "made version")]
            {
                let first = *seen.entry(version.clone()).or_insert(**update);
                if first.invoked != update.invoked {
                    let what = format!(
                        "{} and {} both {what} {version}{}",
                        first.process,
                        update.process,
                        if what.starts_with("read") { " and wrote it" } else { "" }
                    );
                    let entries = first.completed.into_iter().chain(update.completed);
                    report.violated(Violation::new(what).at(entries));
                }
            }
        }
        if !Overlap::of(updates.iter().copied()).is_any() {
            report.vacuous("no two updates overlapped");
        }
        Ok(report)
    }
}

fn versions(update: &Operation<'_>) -> Result<(String, String), HistoryError> {
    let value = update.result.unwrap_or(&Value::Null);
    let found = match value {
        Value::Array(pair) if pair.len() == 2 => Some((&pair[0], &pair[1])),
        Value::Object(fields) => fields.get("read").zip(fields.get("wrote")),
        _ => None,
    };
    let (from, to) = found.ok_or_else(|| HistoryError::Value {
        entry: update.completed.unwrap_or(update.invoked),
        what: format!(
            "an update is the version that it read and the one that it wrote, [3, 4] or \
             {{\"read\": 3, \"wrote\": 4}}, and not {value}"
        ),
    })?;
    Ok((label(from), label(to)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};
    use crate::check::per_key;

    fn both(one: &str, other: &str) -> String {
        format!("0 < update\n1 < update\n0 ok {one}\n1 ok {other}")
    }

    #[test]
    fn two_updates_of_one_version_are_found() {
        assert_says(&no_lost_update(), &both("[1,2]", "[2,3]"), Valid, &[]);
        assert_says(&no_lost_update(), &both("[1,2]", "[1,3]"), Violated, &[""]);
        assert_says(&no_lost_update(), &both("[1,2]", "[1,2]"), Violated, &["", ""]);
        let objects = both(r#"{"read":1,"wrote":2}"#, r#"{"read":0,"wrote":2}"#);
        assert_says(&no_lost_update(), &objects, Violated, &[""]);
    }

    #[test]
    fn it_is_vacuous_unless_two_overlapped() {
        let apart = "0 < update\n0 ok [1,2]\n1 < update\n1 ok [2,3]";
        assert_says(&no_lost_update(), apart, Unknown, &[]);
        let unknown = "0 < update\n0 info\n1 < update\n1 ok [2,3]";
        assert_says(&no_lost_update(), unknown, Valid, &[]);
    }

    #[test]
    fn keys_are_judged_one_by_one() {
        let text = r#"0 < update ["a",null]
            1 < update ["b",null]
            0 ok ["a",[1,2]]
            1 ok ["b",[1,2]]
            0 < update ["a",null]
            1 < update ["a",null]
            0 fail
            1 ok ["a",[1,3]]"#;
        assert_says(&per_key(no_lost_update()), text, Violated, &["a"]);
    }
}
