//! What became of each element of a set, over all reads and not only the last one.

use std::collections::HashMap;

use serde_json::Value;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// An element that was acknowledged, or seen once, is seen from then on.
///
/// In a history, `add` writes an element, once, and an ok `read` has the list of all. An element is
/// *known* from the end of its acknowledged `add`, or of the first read that had it. It is **lost** if
/// a read that began later does not have it, and no read that began after that one has; **stable** if
/// the reads that began last have it; and **stale** if it is stable and a read between did not have
/// it, which counts as a violation of [`linearizable`](SetFull::linearizable) sets only. An element
/// that no read had, but for one that was acknowledged, was *never read* and is none of either. It is
/// also a violation that an element is twice in one read, or was added by nobody.
///
/// **Vacuous** when no element is stable and none is lost.
///
/// ```
/// use chaos_core::check::{Checker, set_full};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "add", "value": 1}
/// {"process": 0, "type": "info", "f": "add", "value": 1}
/// {"process": 1, "type": "invoke", "f": "read"}
/// {"process": 1, "type": "ok", "f": "read", "value": [1]}
/// {"process": 1, "type": "invoke", "f": "read"}
/// {"process": 1, "type": "ok", "f": "read", "value": []}
/// "#;
/// let report = set_full().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().ends_with("1: it was known, and is lost"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set_full() -> SetFull {
    SetFull { linearizable: false }
}

/// What became of each element of a set; made by [`set_full`].
#[derive(Debug, Clone)]
pub struct SetFull {
    linearizable: bool,
}

impl SetFull {
    /// Takes a stale read for a violation too.
    #[must_use]
    pub fn linearizable(mut self) -> Self {
        self.linearizable = true;
        self
    }
}

/// What is known of an element.
#[derive(Debug, Default)]
struct Element {
    added: Option<u64>,
    /// From which entry on it has to be seen.
    known: Option<u64>,
    /// Since which read, by number, each read until `last` had it.
    since: usize,
    /// The last read that had it.
    last: Option<usize>,
}

impl Element {
    fn seen(&mut self, read: usize, completed: u64) {
        if self.last.is_none_or(|last| last + 1 < read) {
            self.since = read;
        }
        self.last = Some(read);
        self.known = Some(self.known.map_or(completed, |known| known.min(completed)));
    }

    /// The last read that did not have it.
    fn absent(&self, reads: usize) -> Option<usize> {
        match self.last {
            Some(last) if last + 1 == reads => self.since.checked_sub(1),
            _ => reads.checked_sub(1),
        }
    }
}

impl Checker for SetFull {
    fn name(&self) -> String {
        let stale = if self.linearizable { ", and at once" } else { "" };
        format!("what was added to the set is seen from then on{stale}")
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let mut elements: HashMap<String, Element> = HashMap::new();
        for add in operations.iter().filter(|one| one.f == "add") {
            let element = elements.entry(label(add.argument)).or_default();
            element.added.get_or_insert(add.invoked);
            if add.outcome == Outcome::Ok {
                let completed = add.completed.unwrap_or(u64::MAX);
                element.known = Some(element.known.map_or(completed, |at| at.min(completed)));
            }
        }
        let is_read = |one: &&Operation<'_>| one.f == "read" && one.outcome == Outcome::Ok;
        let reads: Vec<_> = operations.iter().filter(is_read).collect();
        for (number, read) in reads.iter().enumerate() {
            take_in(number, read, &mut elements, &mut report)?;
        }
        let mut elements: Vec<_> = elements.into_iter().collect();
        elements.sort_by(|(one, of), (other, than)| (of.added, one).cmp(&(than.added, other)));
        for (name, element) in &elements {
            self.judge(name, element, &reads, &mut report);
        }
        report.count("reads", reads.len() as u64);
        if reads.is_empty() {
            report.unknown("nobody read: record a `read` of all");
        } else if !["stable", "lost"].iter().any(|what| report.stats.contains_key(*what)) {
            report.vacuous("no element is stable, and none is lost");
        }
        Ok(report)
    }
}

impl SetFull {
    fn judge(&self, name: &str, element: &Element, reads: &[&Operation<'_>], report: &mut Report) {
        let Some(added) = element.added else {
            let reader = element.last.map(|last| reads[last].entries()).unwrap_or_default();
            let what = "it is read, and nobody added it";
            report.violated(Violation::new(what).of_key(name).at(reader));
            return;
        };
        let absent = element.absent(reads.len());
        // Whether a read that began when the element was known does not have it.
        let missed =
            absent.filter(|absent| element.known.is_some_and(|at| at < reads[*absent].invoked));
        let is_present_last = element.last.is_some_and(|last| Some(last) > absent);
        let (fate, what) = match missed {
            Some(_) if !is_present_last => ("lost", Some("it was known, and is lost")),
            None if !is_present_last => ("never read", None),
            Some(_) => ("stale", Some("it was known, and a read that began later missed it")),
            None => ("stable", None),
        };
        if fate == "stale" {
            report.count("stable", 1);
        }
        report.count(fate, 1);
        let is_wrong = fate == "lost" || (fate == "stale" && self.linearizable);
        if let Some(what) = what.filter(|_| is_wrong) {
            let reader = missed.map(|missed| reads[missed].entries()).unwrap_or_default();
            let entries = std::iter::once(added).chain(reader);
            report.violated(Violation::new(what).of_key(name).at(entries));
        }
    }
}

fn take_in(
    number: usize,
    read: &Operation<'_>,
    elements: &mut HashMap<String, Element>,
    report: &mut Report,
) -> Result<(), HistoryError> {
    let completed = read.completed.unwrap_or(read.invoked);
    let value = read.result.unwrap_or(&Value::Null);
    let Value::Array(list) = value else {
        let what = format!("a read is a list of all elements, and not {value}");
        return Err(HistoryError::Value { entry: completed, what });
    };
    for value in list {
        let name = label(value);
        let element = elements.entry(name.clone()).or_default();
        if element.last == Some(number) {
            let what = "it is in one read more than once";
            report.violated(Violation::new(what).of_key(name).at(read.entries()));
        }
        element.seen(number, completed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_says, history};
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    /// One element that was acknowledged, and reads that have it (1) or not (0).
    fn reads(pattern: &str) -> String {
        let mut text = "0 < add 7\n0 ok 7\n".to_owned();
        for has in pattern.chars() {
            let list = if has == '1' { "[7]" } else { "[]" };
            text.push_str(&format!("1 < read\n1 ok {list}\n"));
        }
        text
    }

    #[test]
    fn an_element_is_stable_or_stale_or_lost() {
        assert_says(&set_full(), &reads("11"), Valid, &[]);
        assert_says(&set_full(), &reads("0"), Violated, &["7"]);
        assert_says(&set_full(), &reads("10"), Violated, &["7"]);
        assert_says(&set_full(), &reads("101"), Valid, &[]);
        assert_says(&set_full().linearizable(), &reads("101"), Violated, &["7"]);
        assert_says(&set_full().linearizable(), &reads("111"), Valid, &[]);
        let stale = set_full().check_history(&history(&reads("01"))).unwrap();
        assert_eq!((stale.stats["stale"], stale.stats["stable"]), (1, 1));
    }

    #[test]
    fn a_read_that_began_before_the_acknowledgement_may_miss_it() {
        let text = "0 < add 7\n1 < read\n0 ok 7\n1 ok []";
        assert_says(&set_full(), text, Unknown, &[]);
        let seen = format!("{text}\n1 < read\n1 ok [7]");
        assert_says(&set_full().linearizable(), &seen, Valid, &[]);
    }

    #[test]
    fn what_is_there_twice_or_comes_from_nowhere_is_found() {
        assert_says(&set_full(), "0 < add 7\n0 ok 7\n1 < read\n1 ok [7,7]", Violated, &["7"]);
        assert_says(&set_full(), "0 < add 7\n0 ok 7\n1 < read\n1 ok [7,8]", Violated, &["8"]);
        assert_says(&set_full(), "0 < add 7\n0 ok 7", Unknown, &[]);
    }
}
