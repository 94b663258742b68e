//! Who sees a write sees the writes before it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// Who sees a write sees also every write that had completed before that one was invoked: what
/// serializability allows, and strict serializability does not.
///
/// In a history, `write` writes an element, once, and an ok `read` has the list of all.
///
/// **Vacuous** when there was no read, or no write had completed before another one was invoked.
///
/// ```
/// use chaos_core::check::{Checker, causal_reverse};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "write", "value": 1}
/// {"process": 0, "type": "ok", "f": "write", "value": 1}
/// {"process": 0, "type": "invoke", "f": "write", "value": 2}
/// {"process": 0, "type": "ok", "f": "write", "value": 2}
/// {"process": 1, "type": "invoke", "f": "read"}
/// {"process": 1, "type": "ok", "f": "read", "value": [2]}
/// "#;
/// let report = causal_reverse().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().contains("a read saw 2 and not 1, which had been written before"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn causal_reverse() -> CausalReverse {
    CausalReverse
}

/// Who sees a write sees those before it; made by [`causal_reverse`].
#[derive(Debug, Clone, Copy)]
pub struct CausalReverse;

impl Checker for CausalReverse {
    fn name(&self) -> String {
        "who sees a write sees those before it".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let writes: Vec<_> = operations.iter().filter(|one| one.f == "write").collect();
        let invoked: HashMap<_, _> =
            writes.iter().map(|write| (label(write.argument), write.invoked)).collect();
        let acknowledged = writes.iter().filter(|write| write.outcome == Outcome::Ok);
        let mut acknowledged: Vec<_> =
            acknowledged.map(|write| (write.completed, label(write.argument))).collect();
        acknowledged.sort();
        let mut report = Report::of(self.name());
        let is_read = |one: &&Operation<'_>| one.f == "read" && one.outcome == Outcome::Ok;
        let mut reads = 0;
        for read in operations.iter().filter(is_read) {
            reads += 1;
            let value = read.result.unwrap_or(&Value::Null);
            let entry = read.completed.unwrap_or(read.invoked);
            let list = value.as_array().ok_or_else(|| HistoryError::Value {
                entry,
                what: format!("a read is a list of all elements, and not {value}"),
            })?;
            let seen: BTreeSet<_> = list.iter().map(label).collect();
            // Enough are the last write that was seen and the first one that was not.
            let last = seen.iter().filter_map(|name| Some((*invoked.get(name)?, name))).max();
            let missed = acknowledged.iter().find(|(_, name)| !seen.contains(name));
            let (Some((begun, last)), Some((Some(done), missed))) = (last, missed) else {
                continue;
            };
            if *done < begun {
                let what =
                    format!("a read saw {last} and not {missed}, which had been written before");
                report.violated(Violation::new(what).of_key(missed).at([*done, begun, entry]));
            }
        }
        report.count("reads", reads);
        report.count("writes", writes.len() as u64);
        let one_after_another = acknowledged.first().is_some_and(|(done, _)| {
            writes.iter().any(|write| write.may_have_happened() && Some(write.invoked) > *done)
        });
        if reads == 0 || !one_after_another {
            report.vacuous("nobody read, or no write had completed before another one was invoked");
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
    fn an_effect_without_its_cause_is_found() {
        let text =
            |read: &str| format!("0 < write 1\n0 ok 1\n1 < write 2\n1 info\n2 < read\n2 ok {read}");
        assert_says(&causal_reverse(), &text("[2]"), Violated, &["1"]);
        assert_says(&causal_reverse(), &text("[1,2]"), Valid, &[]);
        assert_says(&causal_reverse(), &text("[]"), Valid, &[]);
        let concurrent = "0 < write 1\n1 < write 2\n0 ok 1\n1 ok 2\n2 < read\n2 ok [2]";
        assert_says(&causal_reverse(), concurrent, Unknown, &[]);
    }
}
