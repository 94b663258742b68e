//! What a checker says: its answer, what is wrong, and how much it rests on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Validity;

/// Violations that are kept of one report; more of them say nothing new.
pub(super) const KEPT: usize = 16;

/// What a checker says of what it was given.
///
/// ```
/// use chaos_core::check::{Report, Validity, Violation};
///
/// let mut report = Report::of("every order is paid");
/// report.count("orders", 12);
/// assert_eq!(report.validity(), Validity::Valid);
/// report.violated(Violation::new("order 7 was shipped unpaid").of_key("7"));
/// assert_eq!(report.validity(), Validity::Violated);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// What ought to hold.
    pub checker: String,
    validity: Validity,
    /// What is wrong: the first sixteen violations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How many violations there are in all.
    #[serde(default)]
    pub violation_count: u64,
    /// How many there are of each promise that was violated, where [several](crate::all_of) are judged
    /// as one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub violated_promises: BTreeMap<String, u64>,
    /// Why nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Why it would have held of a broken system as well: nothing put it to the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacuous: Option<String>,
    /// What was counted on the way, such as how many reads were judged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stats: BTreeMap<String, u64>,
}

impl Report {
    /// A report without a fault to find. `checker` says what ought to hold.
    #[must_use]
    pub fn of(checker: impl Into<String>) -> Self {
        Self {
            checker: checker.into(),
            validity: Validity::Valid,
            violations: Vec::new(),
            violation_count: 0,
            violated_promises: BTreeMap::new(),
            unknown: None,
            vacuous: None,
            stats: BTreeMap::new(),
        }
    }

    /// Whether it holds. It is unknown when nothing can be said, and when nothing put it to the test.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Adds a violation.
    pub fn violated(&mut self, violation: Violation) {
        self.validity = Validity::Violated;
        self.violation_count += 1;
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        }
    }

    /// Says that, and why, nothing can be said.
    pub fn unknown(&mut self, why: impl Into<String>) {
        self.validity = self.validity.max(Validity::Unknown);
        self.unknown.get_or_insert(why.into());
    }

    /// Says that, and why, nothing put it to the test.
    pub fn vacuous(&mut self, why: impl Into<String>) {
        self.validity = self.validity.max(Validity::Unknown);
        self.vacuous.get_or_insert(why.into());
    }

    /// Takes it for valid although nothing put it to the test. The reason stays in the report.
    pub(super) fn allow_vacuous(&mut self) {
        if self.vacuous.is_some() && self.unknown.is_none() && self.violation_count == 0 {
            self.validity = Validity::Valid;
        }
    }

    /// Takes the reason out for which nothing put it to the test.
    pub(super) fn forgive_vacuous(&mut self) -> Option<String> {
        self.allow_vacuous();
        self.vacuous.take()
    }

    /// Notes how many of something there were.
    pub fn count(&mut self, what: &str, number: u64) {
        *self.stats.entry(what.to_owned()).or_default() += number;
    }

    /// Says which promise all of it is about, so that it can stand beside others.
    pub(super) fn of_promise(&mut self) {
        if self.violation_count == 0 || !self.violated_promises.is_empty() {
            return;
        }
        for violation in &mut self.violations {
            violation.promise = Some(self.checker.clone());
        }
        self.violated_promises.insert(self.checker.clone(), self.violation_count);
    }

    /// Keeps the first so many violations.
    pub(super) fn keep_violations(&mut self, most: usize) {
        self.violations.truncate(most);
    }

    /// Adds what another report says.
    pub(super) fn absorb(&mut self, other: Self) {
        self.validity = self.validity.max(other.validity);
        self.violation_count += other.violation_count;
        for (promise, count) in other.violated_promises {
            *self.violated_promises.entry(promise).or_default() += count;
        }
        let room = KEPT.saturating_sub(self.violations.len());
        self.violations.extend(other.violations.into_iter().take(room));
        self.unknown = self.unknown.take().or(other.unknown);
        self.vacuous = self.vacuous.take().or(other.vacuous);
        for (what, number) in other.stats {
            self.count(&what, number);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checker, .. } = self;
        match self.validity {
            Validity::Valid => write!(f, "{checker}: holds"),
            Validity::Unknown => {
                let why = self.unknown.as_ref().or(self.vacuous.as_ref());
                let how =
                    if self.unknown.is_some() { "is unknown" } else { "was not put to the test" };
                write!(f, "{checker}: {how}: {}", why.map_or("", |why| why))
            }
            Validity::Violated if self.violated_promises.len() > 1 => {
                let (broken, times) = (self.violated_promises.len(), self.violation_count);
                write!(f, "{broken} promises are violated, {times} times in all")?;
                for (promise, count) in &self.violated_promises {
                    let of = |one: &&Violation| one.promise.as_deref() == Some(promise);
                    write!(f, "\n  {promise}: violated{}", Times(*count))?;
                    let violations = self.violations.iter().filter(of);
                    write!(f, "{}", Listed { violations, count: *count, indent: "    " })?;
                }
                Ok(())
            }
            Validity::Violated => {
                let promise = self.violated_promises.keys().next().unwrap_or(checker);
                let count = self.violation_count;
                write!(f, "{promise}: violated{}", Times(count))?;
                let violations = self.violations.iter();
                write!(f, "{}", Listed { violations, count, indent: "  " })
            }
        }
    }
}

/// ` 3 times`, or nothing for once.
struct Times(u64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            times => write!(f, " {times} times"),
        }
    }
}

/// The first of some violations, one below the other, and how many more of all of them there are.
struct Listed<I> {
    violations: I,
    count: u64,
    indent: &'static str,
}

impl<'a, I: Iterator<Item = &'a Violation> + Clone> fmt::Display for Listed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let Self { violations, count, indent } = self;
        let mut shown = 0;
        for violation in violations.clone().take(SHOWN) {
            shown += 1;
            write!(f, "\n{indent}{violation}")?;
        }
        match count.saturating_sub(shown) {
            0 => Ok(()),
            more => write!(f, "\n{indent}and {more} more"),
        }
    }
}

/// One proof that something does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// Which promise it breaks, where [several](crate::all_of) are judged as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<String>,
    /// What is wrong, in words for a person.
    pub explanation: String,
    /// Of which key, row or account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The entries of the history that prove it, counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<u64>,
    /// What ought to have been found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The cycle that proves it: each step leads to the next one, and the last to the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cycle: Vec<CycleStep>,
}

/// One step of a cycle: why a transaction has to come before the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CycleStep {
    /// The number of the entry that completed the transaction.
    pub entry: u64,
    /// How the next one depends on it: `ww`, `wr`, `rw`, `process` or `realtime`.
    pub dependency: String,
    /// The values that prove it, in words for a person.
    pub because: String,
}

impl Violation {
    /// A violation that is explained so: a sentence without an end.
    #[must_use]
    pub fn new(explanation: impl Into<String>) -> Self {
        Self {
            promise: None,
            explanation: explanation.into(),
            key: None,
            entries: Vec::new(),
            expected: None,
            found: None,
            cycle: Vec::new(),
        }
    }

    /// Says of which key, row or account it is.
    #[must_use]
    pub fn of_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Names the entries of the history that prove it.
    #[must_use]
    pub fn at(mut self, entries: impl IntoIterator<Item = u64>) -> Self {
        self.entries = entries.into_iter().collect();
        self
    }

    /// Says what ought to have been found, and what was.
    #[must_use]
    pub fn instead(mut self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.explanation)?;
        if let (Some(expected), Some(found)) = (&self.expected, &self.found) {
            write!(f, ": expected {expected}, found {found}")?;
        }
        for step in &self.cycle {
            write!(f, "\n    {}", step.because)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_stands_and_what_was_not_tested_is_not_valid() {
        let mut report = Report::of("a");
        report.vacuous("nobody read");
        assert_eq!(report.validity(), Validity::Unknown);
        assert_eq!(report.to_string(), "a: was not put to the test: nobody read");
        let mut allowed = report.clone();
        allowed.allow_vacuous();
        assert_eq!(allowed.validity(), Validity::Valid);
        report.unknown("no final read");
        report.allow_vacuous();
        assert_eq!(report.validity(), Validity::Unknown);
        report.violated(Violation::new("lost").of_key("x").instead(1, 2));
        report.allow_vacuous();
        assert_eq!(report.validity(), Validity::Violated);
        assert_eq!(report.to_string(), "a: violated\n  x: lost: expected 1, found 2");
    }

    #[test]
    fn of_many_violations_the_first_are_kept_and_all_are_counted() {
        let mut report = Report::of("a");
        (0..50).for_each(|n| report.violated(Violation::new(format!("n {n}"))));
        let mut both = Report::of("both");
        both.absorb(report.clone());
        both.absorb(report);
        assert_eq!((both.violations.len(), both.violation_count), (16, 100));
        let text = "both: violated 100 times\n  n 0\n  n 1\n  n 2\n  and 97 more";
        assert_eq!(both.to_string(), text);
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), both);
    }
}
