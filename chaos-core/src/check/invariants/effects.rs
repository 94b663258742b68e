//! How often an operation took effect, however often it was tried.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::evidence::Rows;
use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// What a key's attempts came to, together.
#[derive(Debug, Default)]
struct Attempts {
    ok: u64,
    unknown: u64,
    failed: u64,
    entries: Vec<u64>,
}

impl Attempts {
    fn all(&self) -> u64 {
        self.ok + self.unknown + self.failed
    }
}

/// Each operation takes effect exactly once if any attempt at it succeeded; at most once if nobody
/// knows; and not at all if all attempts failed, or if there was none.
///
/// In a history, attempts are the operations `apply` with the key of what is to be done; all with
/// one key are attempts at one thing. A value that is an object has the key in its field `key`, and
/// one that is a list in its first place. The effects are what the last `effects` found: an object
/// with the number for each key, or a list of keys, one for each effect. In a database the query
/// answers with a key and a number in each row, or with one key for each effect.
///
/// **Vacuous** when nothing was tried twice and no outcome was unknown. Unknown when nobody looked at
/// the effects.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, exactly_once};
/// use chaos_core::history::Recorder;
/// use chaos_core::outcome::Outcome;
/// use serde_json::json;
///
/// let recorder = Recorder::new();
/// let mut client = recorder.process();
/// client.invoke("transfer", json!("op-1")).complete(Outcome::Unknown, json!(null), None);
/// client.invoke("transfer", json!("op-1")).complete(Outcome::Ok, json!("op-1"), None);
/// let history = recorder.history();
///
/// let sql = "SELECT op, count(*) FROM ledger GROUP BY op";
/// let promise = exactly_once().operation("transfer").sql(sql);
/// let evidence = Evidence::new(&history).with_answer(sql, Rows::from_texts([["op-1", "2"]]));
/// let report = promise.check(&evidence)?;
/// assert_eq!(report.violations[0].key.as_deref(), Some("op-1"));
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
pub fn exactly_once() -> Effects {
    Effects::of(Promise::ExactlyOnce)
}

/// No operation takes effect twice, however often it was tried. Read as by [`exactly_once`].
///
/// **Vacuous** when nothing was tried twice and no outcome was unknown.
pub fn at_most_once() -> Effects {
    Effects::of(Promise::AtMostOnce)
}

/// Each operation of which any attempt succeeded takes effect. Read as by [`exactly_once`].
///
/// **Vacuous** when no attempt succeeded.
pub fn at_least_once() -> Effects {
    Effects::of(Promise::AtLeastOnce)
}

/// What failed takes no effect, and nothing does that nobody tried. Read as by [`exactly_once`].
///
/// **Vacuous** when no operation failed for certain.
pub fn no_phantom_write() -> Effects {
    Effects::of(Promise::NoPhantom)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    ExactlyOnce,
    AtMostOnce,
    AtLeastOnce,
    NoPhantom,
}

/// How often operations take effect; made by [`exactly_once`], [`at_most_once`], [`at_least_once`]
/// and [`no_phantom_write`].
#[derive(Debug, Clone)]
pub struct Effects {
    promise: Promise,
    operation: String,
    sql: Option<String>,
}

impl Effects {
    fn of(promise: Promise) -> Self {
        Self { promise, operation: "apply".to_owned(), sql: None }
    }

    /// What the operation is called in the history. Default: `apply`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// Has the database say which effects there are.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }

    /// How many effects there may be, at least and at most.
    fn allowed(&self, attempts: &Attempts) -> (u64, u64) {
        let Attempts { ok, unknown, .. } = attempts;
        let some = u64::from(*ok > 0);
        let possible = u64::from(ok + unknown > 0);
        match self.promise {
            Promise::ExactlyOnce => (some, possible),
            Promise::AtMostOnce => (0, 1),
            Promise::AtLeastOnce => (some, u64::MAX),
            Promise::NoPhantom if possible == 0 => (0, 0),
            Promise::NoPhantom => (0, u64::MAX),
        }
    }

    fn effects(
        &self,
        evidence: &Evidence<'_>,
    ) -> Result<Option<BTreeMap<String, u64>>, CheckError> {
        if let Some(sql) = &self.sql {
            return effects_of_rows(sql, evidence.rows(sql)?).map(Some);
        }
        let operations = evidence.operations()?;
        let looked = |operation: &&Operation<'_>| {
            operation.f == "effects" && operation.outcome == Outcome::Ok
        };
        let last = operations.iter().rfind(looked);
        Ok(last.map(effects_of).transpose()?)
    }

    fn vacuous(&self, attempts: &BTreeMap<String, Attempts>) -> Option<&'static str> {
        let any = |holds: fn(&Attempts) -> bool| attempts.values().any(holds);
        match self.promise {
            Promise::ExactlyOnce | Promise::AtMostOnce => {
                let is_tested = any(|one| one.all() > 1 || one.unknown > 0);
                (!is_tested).then_some("nothing was tried twice and no outcome was unknown")
            }
            Promise::AtLeastOnce => (!any(|one| one.ok > 0)).then_some("no attempt succeeded"),
            Promise::NoPhantom => {
                (!any(|one| one.failed > 0)).then_some("no operation failed for certain")
            }
        }
    }
}

impl Checker for Effects {
    fn name(&self) -> String {
        let what = match self.promise {
            Promise::ExactlyOnce => "takes effect exactly once",
            Promise::AtMostOnce => "takes effect at most once",
            Promise::AtLeastOnce => "takes effect at least once",
            Promise::NoPhantom => "takes no effect when it fails",
        };
        format!("`{}` {what}", self.operation)
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut attempts: BTreeMap<String, Attempts> = BTreeMap::new();
        for operation in operations.iter().filter(|operation| operation.f == self.operation) {
            let attempt = attempts.entry(key(operation.argument)).or_default();
            match operation.outcome {
                Outcome::Ok => attempt.ok += 1,
                Outcome::Failed => attempt.failed += 1,
                Outcome::Unknown => attempt.unknown += 1,
            }
            attempt.entries.extend(operation.entries());
        }
        let mut report = Report::of(self.name());
        report.count("operations", attempts.len() as u64);
        report.count("attempts", attempts.values().map(Attempts::all).sum());
        if let Some(why) = self.vacuous(&attempts) {
            report.vacuous(why);
        }
        let Some(effects) = self.effects(evidence)? else {
            report.unknown("nobody looked at the effects: record an `effects`, or say `.sql(..)`");
            return Ok(report);
        };
        report.count("effects", effects.values().sum());
        for (key, attempts) in &attempts {
            let found = effects.get(key).copied().unwrap_or_default();
            let (least, most) = self.allowed(attempts);
            if !(least..=most).contains(&found) {
                report.violated(violation(key, attempts, found));
            }
        }
        let tells = matches!(self.promise, Promise::ExactlyOnce | Promise::NoPhantom);
        for (key, found) in effects
            .iter()
            .filter(|(key, found)| tells && **found > 0 && !attempts.contains_key(*key))
        {
            let what = format!("it took effect {}, and nobody tried it", times(*found));
            report.violated(Violation::new(what).of_key(key));
        }
        Ok(report)
    }
}

fn violation(key: &str, attempts: &Attempts, found: u64) -> Violation {
    let Attempts { ok, unknown, failed, entries } = attempts;
    let what = format!(
        "it took effect {}, after {} of which {ok} succeeded, {failed} failed and {unknown} ended \
         unknown",
        times(found),
        if attempts.all() == 1 {
            "1 attempt".to_owned()
        } else {
            format!("{} attempts", attempts.all())
        },
    );
    Violation::new(what).of_key(key).at(entries.iter().copied())
}

fn times(number: u64) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// The key of an operation.
fn key(value: &Value) -> String {
    let inner = match value {
        Value::Object(fields) => fields.get("key"),
        Value::Array(parts) => parts.first(),
        _ => None,
    };
    label(inner.unwrap_or(value))
}

fn effects_of(read: &Operation<'_>) -> Result<BTreeMap<String, u64>, HistoryError> {
    let value = read.result.unwrap_or(&Value::Null);
    let wrong = || HistoryError::Value {
        entry: read.completed.unwrap_or(read.invoked),
        what: format!(
            "effects are {{\"key\": number, ..}} or a list of keys, one for each effect, and not \
             {value}"
        ),
    };
    let mut effects = BTreeMap::new();
    match value {
        Value::Object(numbers) => {
            for (key, number) in numbers {
                effects.insert(key.clone(), number.as_u64().ok_or_else(wrong)?);
            }
        }
        Value::Array(keys) => {
            for key in keys {
                *effects.entry(label(key)).or_default() += 1;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(effects)
}

fn effects_of_rows(question: &str, rows: &Rows) -> Result<BTreeMap<String, u64>, CheckError> {
    let wrong = |what: String| CheckError::Answer { question: question.to_owned(), what };
    let mut effects = BTreeMap::new();
    for row in rows.iter() {
        let (key, number) = match row {
            [Some(key)] => (key, 1),
            [Some(key), Some(number)] => {
                let number = number.parse();
                (
                    key,
                    number.map_err(|_| {
                        wrong(format!("a number of effects is an integer, in {row:?}"))
                    })?,
                )
            }
            other => {
                let what = "a row is a key, or a key and a number, and neither is null";
                return Err(wrong(format!("{what}; there is {other:?}")));
            }
        };
        *effects.entry(key.clone()).or_default() += number;
    }
    Ok(effects)
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    const RETRIED: &str = "0 < apply \"a\"\n0 info\n1 < apply \"a\"\n1 ok \"a\"\n";

    fn with(effects: &str) -> String {
        format!("{RETRIED}2 < effects\n2 ok {effects}")
    }

    #[test]
    fn twice_is_too_often_and_never_is_too_seldom() {
        assert_says(&exactly_once(), &with(r#"["a"]"#), Valid, &[]);
        assert_says(&exactly_once(), &with(r#"["a","a"]"#), Violated, &["a"]);
        assert_says(&exactly_once(), &with(r#"{}"#), Violated, &["a"]);
        assert_says(&at_most_once(), &with(r#"{}"#), Valid, &[]);
        assert_says(&at_most_once(), &with(r#"{"a":2}"#), Violated, &["a"]);
        assert_says(&at_least_once(), &with(r#"{"a":2}"#), Valid, &[]);
        assert_says(&at_least_once(), &with(r#"{"a":0}"#), Violated, &["a"]);
    }

    #[test]
    fn what_nobody_knows_happened_once_or_not_at_all() {
        let unknown = |effects: &str| format!("0 < apply 7\n0 info\n1 < effects\n1 ok {effects}");
        assert_says(&exactly_once(), &unknown("[]"), Valid, &[]);
        assert_says(&exactly_once(), &unknown("[\"7\"]"), Valid, &[]);
        assert_says(&exactly_once(), &unknown("[7,7]"), Violated, &["7"]);
    }

    #[test]
    fn what_failed_or_was_never_tried_is_a_phantom() {
        let failed = |effects: &str| format!("0 < apply 7\n0 fail\n1 < effects\n1 ok {effects}");
        assert_says(&no_phantom_write(), &failed("[]"), Valid, &[]);
        assert_says(&no_phantom_write(), &failed("[7]"), Violated, &["7"]);
        assert_says(&no_phantom_write(), &failed("[8]"), Violated, &["8"]);
        assert_says(&at_least_once(), &failed("[]"), Unknown, &[]);
        assert_says(&no_phantom_write(), &with(r#"["a"]"#), Unknown, &[]);
    }

    #[test]
    fn without_a_retry_or_a_look_nothing_is_known() {
        assert_says(&exactly_once(), "0 < apply 1\n0 ok 1\n0 < effects\n0 ok [1]", Unknown, &[]);
        let allowed = exactly_once().may_be_vacuous();
        assert_says(&allowed, "0 < apply 1\n0 ok 1\n0 < effects\n0 ok [1]", Valid, &[]);
        assert_says(&allowed, RETRIED, Unknown, &[]);
        // A double effect is one, whether anything was retried or not.
        assert_says(&allowed, "0 < apply 1\n0 ok 1\n0 < effects\n0 ok [1,1]", Violated, &["1"]);
    }
}
