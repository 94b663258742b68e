//! The failures of a run as a table, for a spreadsheet or an issue; and two runs compared.
//!
//! Both are functions of the journals of runs, so they can be made of any run that is still there.

use std::path::{Path, PathBuf};
use std::{fs, io};

use chaos_core::verdict::FailureKind;

use super::judgement::seed_to_repeat;
use super::record::{RunRecord, TestRecord};
use super::redact::redact;
use super::{reproduce, words};
use crate::run_event::TestOutcome;
use crate::triage::Class;

mod comparison;

pub(crate) use self::comparison::Comparison;

/// A test that failed, or passed only on a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The package and the test binary.
    binary: String,
    test: String,
    domain: String,
    owner: String,
    outcome: &'static str,
    class: Class,
    rule: String,
    kind: FailureKind,
    evidence: String,
    message: String,
    location: String,
    seed: u64,
    repeat: String,
}

/// The columns, in the order of [`Entry::cells`].
const COLUMNS: [&str; 13] = [
    "binary", "test", "domain", "owner", "outcome", "class", "rule", "kind", "evidence", "message",
    "location", "seed", "repeat",
];

impl Entry {
    fn of(run: &RunRecord, test: &TestRecord) -> Option<Self> {
        let attempt = test.last_failed()?;
        let failure = attempt.failure()?;
        let triage = attempt.triage()?;
        let process = run.process_of(test);
        let repeat = process.and_then(|process| reproduce::command(test, process));
        let description = test.description.as_ref();
        Some(Self {
            binary: binary_of(run, test),
            test: test.name.clone(),
            domain: description.and_then(|it| it.domain.clone()).unwrap_or_default(),
            owner: description.and_then(|it| it.owner.clone()).unwrap_or_default(),
            outcome: outcome_word(test.outcome()),
            class: triage.class,
            rule: triage.rule.unwrap_or_default(),
            kind: failure.kind,
            evidence: redact(&triage.evidence).into_owned(),
            message: words::one_line(&redact(&failure.message)),
            location: failure.location.clone().unwrap_or_default(),
            seed: seed_to_repeat(&test.attempts).unwrap_or(attempt.seed),
            repeat: repeat.unwrap_or_default(),
        })
    }

    fn cells(&self) -> [String; 13] {
        [
            self.binary.clone(),
            self.test.clone(),
            self.domain.clone(),
            self.owner.clone(),
            self.outcome.to_owned(),
            self.class.to_string(),
            self.rule.clone(),
            self.kind.to_string(),
            self.evidence.clone(),
            self.message.clone(),
            self.location.clone(),
            self.seed.to_string(),
            self.repeat.clone(),
        ]
    }
}

fn binary_of(run: &RunRecord, test: &TestRecord) -> String {
    let started = run.process_of(test).map(|process| &process.started);
    started.map_or_else(String::new, |it| format!("{}::{}", it.package, it.binary))
}

const fn outcome_word(outcome: Option<TestOutcome>) -> &'static str {
    match outcome {
        Some(TestOutcome::Passed) => "passed",
        Some(TestOutcome::Measured) => "measured",
        Some(TestOutcome::PassedOnRetry) => "passed on a retry",
        Some(TestOutcome::Failed) => "failed",
        Some(TestOutcome::FailedAsAllowed) => "failed as it may",
        Some(TestOutcome::Skipped) => "skipped",
        Some(TestOutcome::Environment) => "environment",
        None => "not finished",
    }
}

/// All failures of a run, by class, binary and test.
pub(crate) fn of(runs: &[RunRecord]) -> Vec<Entry> {
    let entries = runs.iter().flat_map(|run| run.tests.iter().filter_map(|it| Entry::of(run, it)));
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by(|a, b| (a.class, &a.binary, &a.test).cmp(&(b.class, &b.binary, &b.test)));
    entries
}

/// A table of comma-separated values with a header (RFC 4180).
pub(crate) fn csv(entries: &[Entry]) -> String {
    let row = |cells: Vec<String>| cells.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(",");
    let header = row(COLUMNS.map(str::to_owned).to_vec());
    let rows = entries.iter().map(|entry| row(entry.cells().to_vec()));
    std::iter::once(header).chain(rows).map(|row| row + "\r\n").collect()
}

fn quoted(cell: &str) -> String {
    // A spreadsheet would take the first of these for a formula.
    let is_formula = cell.starts_with(['=', '+', '-', '@']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// A section for each class, with a table of its failures.
pub(crate) fn markdown(name: &str, entries: &[Entry]) -> String {
    let mut text = format!("# Failures of run {name}\n");
    if entries.is_empty() {
        text.push_str("\nNone.\n");
    }
    let mut class = None;
    for entry in entries {
        if class != Some(entry.class) {
            class = Some(entry.class);
            let count = entries.iter().filter(|other| other.class == entry.class).count();
            text.push_str(&format!("\n## {} ({count})\n\n", entry.class));
            text.push_str(
                "| test | owner | outcome | evidence | place | repeat |\n|---|---|---|---|---|---|\n",
            );
        }
        let cells = [
            format!("`{}` ({})", entry.test, entry.binary),
            cell(&entry.owner),
            entry.outcome.to_owned(),
            // Without a rule the failure is all that there is.
            cell(if entry.rule.is_empty() { &entry.message } else { &entry.evidence }),
            cell(&entry.location),
            format!("`{}`", cell(&entry.repeat)),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Writes both tables into a directory, and says where.
pub(crate) fn write(directory: &Path, name: &str, runs: &[RunRecord]) -> io::Result<[PathBuf; 2]> {
    let entries = of(runs);
    let paths = [directory.join("inventory.csv"), directory.join("inventory.md")];
    fs::write(&paths[0], csv(&entries))?;
    fs::write(&paths[1], markdown(name, &entries))?;
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn sample() -> RunRecord {
        let mut run = RunRecord::default();
        sample::events().iter().for_each(|event| run.add(0, event));
        run
    }

    #[test]
    fn failures_are_listed_with_their_class_and_how_to_repeat_them() {
        let entries = of(&[sample()]);
        let money = entries.iter().find(|it| it.test == "bank::money_is_conserved").unwrap();
        assert_eq!((money.outcome, money.class), ("failed", Class::PotentialBug));
        assert!(money.repeat.contains("CHAOS_SEED=42"), "{}", money.repeat);
        let table = csv(&entries);
        assert!(table.starts_with("binary,test,domain,owner,outcome,class,"), "{table}");
        assert!(table.contains("bank::money_is_conserved,,payments,failed,"), "{table}");
        assert_eq!(table.lines().count(), 1 + entries.len());
        let text = markdown("r1", &entries);
        assert!(text.contains("## potential bug (") && text.contains("`bank::money_is_conserved`"));
    }

    #[test]
    fn cells_survive_a_spreadsheet() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }
}
