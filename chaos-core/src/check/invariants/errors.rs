//! Errors of the database become the errors that the service documents.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::Operation;

/// An operation that met an SQLSTATE answers with the error that the service documents for it.
///
/// Each pair is an SQLSTATE, or the beginning of one such as a class, and the error; the longest
/// beginning counts. In a history, the `error` of an operation is an object with the fields
/// `sqlstate` and `answer`. An operation that met none of these SQLSTATEs is not judged.
/// [`never`](ErrorMapped::never) names those that no client may ever see, because the service tries
/// again: `40001` and `40P01`.
///
/// **Vacuous** when no operation met any of them.
///
/// ```
/// use chaos_core::check::{Checker, error_mapped};
/// use chaos_core::history::History;
///
/// let text = r#"{:process 0 :type :invoke :f :book}
///               {:process 0 :type :fail :error {:sqlstate "23505" :answer "500"}}"#;
/// let history = History::from_edn(text.as_bytes())?;
/// let report = error_mapped([("23505", "409"), ("08", "503")]).check_history(&history)?;
/// assert!(report.to_string().ends_with("the answer to 23505: expected 409, found 500"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn error_mapped<S, E>(errors: impl IntoIterator<Item = (S, E)>) -> ErrorMapped
where
    S: Into<String>,
    E: ToString,
{
    let errors = errors.into_iter().map(|(state, error)| (state.into(), Some(error.to_string())));
    ErrorMapped { errors: errors.collect() }
}

/// Errors of the database become documented ones; made by [`error_mapped`].
#[derive(Debug, Clone)]
pub struct ErrorMapped {
    /// By beginnings of SQLSTATEs; `None` where no client may see it.
    errors: BTreeMap<String, Option<String>>,
}

impl ErrorMapped {
    /// Says that no client may see this SQLSTATE, or one that begins so.
    #[must_use]
    pub fn never(mut self, state: impl Into<String>) -> Self {
        self.errors.insert(state.into(), None);
        self
    }

    fn expected(&self, state: &str) -> Option<&Option<String>> {
        let fitting = self.errors.iter().filter(|(begin, _)| state.starts_with(begin.as_str()));
        fitting.max_by_key(|(begin, _)| begin.len()).map(|(_, error)| error)
    }

    fn judge(&self, operation: &Operation<'_>, state: &str, error: &Value, report: &mut Report) {
        let Some(expected) = self.expected(state) else { return };
        report.count("judged", 1);
        let answer = error.get("answer").map(label);
        let found = answer.as_deref().unwrap_or("none");
        let violation = match expected {
            None => Violation::new(format!("a client saw {state}, which is to be tried again")),
            Some(expected) if expected == found => return,
            Some(expected) => {
                Violation::new(format!("the answer to {state}")).instead(expected, found)
            }
        };
        report.violated(violation.at(operation.entries()));
    }
}

impl Checker for ErrorMapped {
    fn name(&self) -> String {
        "errors of the database are answered as documented".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = Report::of(self.name());
        for operation in &evidence.operations()? {
            let state = operation.error.and_then(|error| Some((error, error.get("sqlstate")?)));
            if let Some((error, Value::String(state))) = state {
                self.judge(operation, state, error, &mut report);
            }
        }
        if !report.stats.contains_key("judged") {
            report.vacuous("no operation met any of these SQLSTATEs");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Validity::{self, Unknown, Valid, Violated};
    use crate::history::History;

    #[test]
    fn the_longest_beginning_counts_and_some_are_never_seen() {
        let checker = error_mapped([("23", 400), ("23505", 409)]).never("40");
        let check = |state: &str, answer: &str| -> Validity {
            let error = format!(r#"{{"sqlstate":"{state}","answer":{answer}}}"#);
            let text = format!(
                r#"{{"process":0,"type":"invoke"}}
                   {{"process":0,"type":"fail","error":{error}}}"#
            );
            let history = History::from_jsonl(text.as_bytes()).unwrap();
            checker.check_history(&history).unwrap().validity()
        };
        assert_eq!(check("23505", "409"), Valid);
        assert_eq!(check("23505", "\"400\""), Violated);
        assert_eq!(check("23503", "\"400\""), Valid);
        assert_eq!(check("40001", "409"), Violated);
        assert_eq!(check("08006", "409"), Unknown);
    }
}
