//! Two runs, test by test: what a change has mended, and what it has broken.

use std::collections::BTreeMap;
use std::fmt;

use super::binary_of;
use crate::report::record::RunRecord;
use crate::run_event::TestOutcome;
use crate::triage::{Class, Triage};

/// What became of the failures of one run in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// The names of both runs.
    names: [String; 2],
    /// Passed and judged tests of both runs.
    rates: [Rate; 2],
    fixed: Vec<Change>,
    new: Vec<Change>,
    changed: Vec<Change>,
    still: Vec<Change>,
    /// How many tests only one of the runs has.
    only_before: usize,
    only_after: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rate {
    passed: usize,
    judged: usize,
}

/// A test, and what its failures point at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    test: String,
    before: Option<Triage>,
    after: Option<Triage>,
}

/// What a test came to: nothing where it passed, also where that took a retry.
type Answer = Option<Triage>;

impl Comparison {
    /// Compares two runs, the earlier one first.
    pub(crate) fn of(before: (&str, &[RunRecord]), after: (&str, &[RunRecord])) -> Self {
        let answers = [answers(before.1), answers(after.1)];
        let mut comparison = Self {
            names: [before.0.to_owned(), after.0.to_owned()],
            rates: [rate(&answers[0]), rate(&answers[1])],
            fixed: Vec::new(),
            new: Vec::new(),
            changed: Vec::new(),
            still: Vec::new(),
            only_before: 0,
            only_after: answers[1].keys().filter(|test| !answers[0].contains_key(*test)).count(),
        };
        for (test, before) in &answers[0] {
            let Some(after) = answers[1].get(test) else {
                comparison.only_before += 1;
                continue;
            };
            let class = |answer: &Answer| answer.as_ref().map(|triage| triage.class);
            let list = match (class(before), class(after)) {
                (None, None) => continue,
                (Some(_), None) => &mut comparison.fixed,
                (None, Some(_)) => &mut comparison.new,
                (one, other) if one != other => &mut comparison.changed,
                _ => &mut comparison.still,
            };
            let (before, after) = (before.clone(), after.clone());
            list.push(Change { test: test.clone(), before, after });
        }
        comparison
    }

    /// Whether anything fails now that did not before.
    #[cfg(test)]
    fn has_new(&self) -> bool {
        !self.new.is_empty()
    }
}

/// The answers of all tests that were judged, by binary and name.
fn answers(runs: &[RunRecord]) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for run in runs {
        for test in &run.tests {
            let answer = match test.outcome() {
                Some(TestOutcome::Passed | TestOutcome::PassedOnRetry) => None,
                Some(TestOutcome::Failed | TestOutcome::FailedAsAllowed) => {
                    let triage = test.last_failed().and_then(|attempt| attempt.triage());
                    Some(triage.unwrap_or_else(|| Triage {
                        class: Class::Unclassified,
                        rule: None,
                        evidence: String::new(),
                    }))
                }
                _ => continue,
            };
            answers.insert(format!("{}::{}", binary_of(run, test), test.name), answer);
        }
    }
    answers
}

fn rate(answers: &BTreeMap<String, Answer>) -> Rate {
    let passed = answers.values().filter(|answer| answer.is_none()).count();
    Rate { passed, judged: answers.len() }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, judged } = *self;
        if judged == 0 {
            return f.write_str("no test was judged");
        }
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 tests")]
        let percent = passed as f64 / judged as f64 * 100.0;
        write!(f, "{passed} of {judged} passed ({percent:.1} %)")
    }
}

/// Markdown.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = &self.names;
        writeln!(f, "# Run {after} against {before}\n")?;
        writeln!(f, "* before: {}", self.rates[0])?;
        writeln!(f, "* after: {}", self.rates[1])?;
        if self.only_before + self.only_after > 0 {
            let (gone, added) = (self.only_before, self.only_after);
            writeln!(f, "* not compared: {gone} tests only before, {added} only after")?;
        }
        let lists = [
            ("new", &self.new),
            ("changed class", &self.changed),
            ("still failing", &self.still),
            ("fixed", &self.fixed),
        ];
        for (title, changes) in lists.into_iter().filter(|(_, changes)| !changes.is_empty()) {
            writeln!(f, "\n## {title} ({})\n", changes.len())?;
            for Change { test, before, after } in changes {
                match (before, after) {
                    (Some(one), Some(other)) if one.class != other.class => {
                        writeln!(f, "* `{test}`: {}, and now {other}", one.class)?;
                    }
                    (_, Some(triage)) => writeln!(f, "* `{test}`: {triage}")?,
                    (Some(triage), None) => writeln!(f, "* `{test}`: was {triage}")?,
                    (None, None) => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::verdict::{Failure, FailureKind, Verdict};

    use super::*;
    use crate::report::sample;
    use crate::run_event::RunEvent;

    /// The sample run, in which the failures of these tests are of another kind, or none.
    fn run(change: impl Fn(&str) -> Option<Verdict>) -> RunRecord {
        let mut run = RunRecord::default();
        for mut event in sample::events() {
            match &mut event {
                RunEvent::AttemptEnded(ended) => {
                    if let Some(verdict) = change(&ended.test) {
                        ended.verdict = verdict;
                    }
                }
                RunEvent::TestEnded(ended) => match change(&ended.test) {
                    Some(Verdict::Passed) => ended.outcome = TestOutcome::Passed,
                    Some(_) => ended.outcome = TestOutcome::Failed,
                    None => {}
                },
                _ => {}
            }
            run.add(0, &event);
        }
        run
    }

    const MONEY: &str = "bank::money_is_conserved";

    fn only(test: &'static str, verdict: &Verdict) -> impl Fn(&str) -> Option<Verdict> {
        let verdict = verdict.clone();
        move |name| (name == test).then(|| verdict.clone())
    }

    #[test]
    fn what_a_change_has_mended_and_broken_is_told_by_test() {
        let plain = [run(|_| None)];
        let mended = [run(only(MONEY, &Verdict::Passed))];
        let hung = Verdict::Failed(Failure::new(FailureKind::Vacuous, "met no traffic"));
        let other = [run(only(MONEY, &hung))];
        let compared =
            |one: &[RunRecord], two: &[RunRecord]| Comparison::of(("a", one), ("b", two));
        let fixed = compared(&plain, &mended);
        assert_eq!((fixed.fixed.len(), fixed.new.len()), (1, 0));
        assert!(fixed.rates[1].passed == fixed.rates[0].passed + 1, "{fixed}");
        assert!(compared(&mended, &plain).has_new());
        let changed = compared(&plain, &other).to_string();
        assert!(
            changed.contains("potential bug, and now test design: met no traffic"),
            "{changed}"
        );
        let still = compared(&plain, &plain).to_string();
        assert!(still.contains("## still failing ("), "{still}");
    }
}
