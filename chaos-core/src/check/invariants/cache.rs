//! A cache agrees with the database in the end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::HistoryError;
use crate::outcome::Outcome;

/// What a cache has at the end, when nothing is under way any more, is what the database has, or
/// nothing.
///
/// The query answers with a key and its value in each row. In a history, the last ok `cached` has what
/// the cache has: an object of keys and values, `null` for a key that it has not.
///
/// **Vacuous** when the cache has nothing. Unknown when nobody looked at it.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, cache_coherent};
/// use chaos_core::history::History;
///
/// let text = r#"{:process 0 :type :invoke :f :cached}
///               {:process 0 :type :ok :f :cached :value {"user:1" "anna"}}"#;
/// let history = History::from_edn(text.as_bytes())?;
/// let sql = "SELECT 'user:' || id, name FROM users";
/// let evidence = Evidence::new(&history).with_answer(sql, Rows::from_texts([["user:1", "bert"]]));
/// let report = cache_coherent(sql).check(&evidence)?;
/// assert!(report.to_string().ends_with("user:1: the cache has another value: expected bert, found anna"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn cache_coherent(sql: impl Into<String>) -> CacheCoherent {
    CacheCoherent { sql: sql.into() }
}

/// A cache agrees with the database; made by [`cache_coherent`].
#[derive(Debug, Clone)]
pub struct CacheCoherent {
    sql: String,
}

impl Checker for CacheCoherent {
    fn name(&self) -> String {
        "what the cache has is what the database has".to_owned()
    }

    fn questions(&self) -> Vec<String> {
        vec![self.sql.clone()]
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = Report::of(self.name());
        let mut stored: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for row in evidence.rows(&self.sql)?.iter() {
            let [Some(key), value] = row else {
                let what = format!("a row is a key and its value, and there is {row:?}");
                return Err(CheckError::Answer { question: self.sql.clone(), what });
            };
            stored.insert(key, value.as_deref());
        }
        let operations = evidence.operations()?;
        let looked = operations.iter().rfind(|one| one.f == "cached" && one.outcome == Outcome::Ok);
        let Some(looked) = looked else {
            report.unknown("nobody looked at the cache: record a `cached`");
            return Ok(report);
        };
        let value = looked.result.unwrap_or(&Value::Null);
        let cached = value.as_object().ok_or_else(|| HistoryError::Value {
            entry: looked.completed.unwrap_or(looked.invoked),
            what: format!("`cached` is an object of keys and values, and not {value}"),
        })?;
        for (key, value) in cached.iter().filter(|(_, value)| !value.is_null()) {
            report.count("cached", 1);
            let found = label(value);
            let expected = stored.get(key.as_str()).copied().flatten();
            if expected != Some(found.as_str()) {
                let what = "the cache has another value";
                let violation = Violation::new(what).instead(expected.unwrap_or("nothing"), found);
                report.violated(violation.of_key(key).at(looked.entries()));
            }
        }
        if !report.stats.contains_key("cached") {
            report.vacuous("the cache has nothing");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn a_cache_has_the_value_of_the_database_or_none() {
        let cache = cache_coherent("Q");
        let text = |cached: &str| format!("0 < cached\n0 ok {cached}");
        assert_eq!(check(&cache, &[&["a", "1"]], &text(r#"{"a":1,"b":null}"#)), Valid);
        assert_eq!(check(&cache, &[&["a", "2"]], &text(r#"{"a":1}"#)), Violated);
        assert_eq!(check(&cache, &[], &text(r#"{"a":1}"#)), Violated);
        assert_eq!(check(&cache, &[&["a", "1"]], &text("{}")), Unknown);
        assert_eq!(check(&cache, &[&["a", "1"]], ""), Unknown);
    }
}
