//! Which requirements have a test, how those fare, and which have none.
//!
//! A project lists its requirements in a Markdown file, one row of a table for each, with the id in the
//! first cell; `[coverage] requirements = ".."` of `chaos.toml` names it. Tests say what they cover:
//! `#[chaos_test(covers = ["N1"])]`. An id that the file does not have is an error.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use crate::report::record::{ProcessRecord, RunRecord};
use crate::report::words;
use crate::run_directory;
use crate::run_event::{SelectionSummary, TestOutcome};
use crate::selection::Selected;
use crate::settings::shown;
use crate::suggestion::suggest;

/// The requirements of a project, in the order of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirements {
    path: PathBuf,
    listed: Vec<(String, String)>,
}

/// The file of requirements could not be used, or does not have what a test covers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CoverageError {
    #[error("failed to read the requirements in {}, which `coverage.requirements` names", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{} has no requirement: each is a row of a table, `| id | what it says |`, with an id of \
         letters, digits, `.`, `-` and `_`", path.display()
    )]
    Empty { path: PathBuf },
    #[error("the test `{test}` covers `{id}`, which {} does not have; {help}", path.display())]
    Unknown { test: String, id: String, path: PathBuf, help: String },
}

impl Requirements {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has no requirement.
    pub(crate) fn read(path: &Path) -> Result<Self, CoverageError> {
        let text = std::fs::read_to_string(path);
        let path = PathBuf::from(shown(path, &run_directory::workspace(None)));
        let text = text.map_err(|source| CoverageError::Read { path: path.clone(), source })?;
        let listed: Vec<_> = text.lines().filter_map(row).collect();
        if listed.is_empty() {
            return Err(CoverageError::Empty { path });
        }
        Ok(Self { path, listed })
    }

    /// Checks that every id that a test covers is there.
    ///
    /// # Errors
    ///
    /// All that are not.
    pub(crate) fn check(&self, tests: &[Selected]) -> Result<(), Vec<CoverageError>> {
        let ids: Vec<&str> = self.listed.iter().map(|(id, _)| id.as_str()).collect();
        let mut wrong = Vec::new();
        for test in tests {
            for id in test.case.options.covers.iter().filter(|id| !ids.contains(*id)) {
                let help = suggest(id, ids.iter().copied());
                let (test, path) = (test.name.clone(), self.path.clone());
                wrong.push(CoverageError::Unknown { test, id: (*id).to_owned(), path, help });
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The table of requirements, with the tests of this binary, and what they came to in a run.
    pub(crate) fn render(&self, tests: &[Selected], run: &[RunRecord]) -> String {
        let answers: BTreeMap<&str, TestOutcome> = run
            .iter()
            .flat_map(|run| &run.tests)
            .filter_map(|test| Some((test.name.as_str(), test.outcome()?)))
            .collect();
        let mut text = String::new();
        let mut bare = Vec::new();
        let mut failing = 0;
        for (id, words) in &self.listed {
            let covers = |test: &&Selected| test.case.options.covers.contains(&id.as_str());
            let covering: Vec<_> = tests.iter().filter(covers).collect();
            if covering.is_empty() {
                bare.push(id.as_str());
            }
            writeln!(text, "{id:<8}{words}").ok();
            let mut fails = false;
            for test in covering {
                let answer = answers.get(test.name.as_str());
                fails |= matches!(answer, Some(TestOutcome::Failed | TestOutcome::FailedAsAllowed));
                writeln!(text, "        {:<32}{}", word(answer.copied()), test.name).ok();
            }
            failing += usize::from(fails);
        }
        let (all, covered) = (self.listed.len(), self.listed.len() - bare.len());
        write!(text, "\n{covered} of {all} requirements have a test in this binary").ok();
        if failing > 0 {
            write!(text, "; {failing} of them have one that failed in the latest run").ok();
        }
        if !bare.is_empty() {
            write!(text, "\nwithout a test: {}", bare.join(", ")).ok();
        }
        for selection in run.iter().flat_map(|run| &run.processes).filter_map(selection_of) {
            let SelectionSummary { name, not_selected, .. } = selection;
            let left_out = words::counted(*not_selected, "test");
            write!(text, "\nthat run was of the selection `{name}`, which left out {left_out}")
                .ok();
        }
        text.push('\n');
        text
    }
}

/// The selection that a process ran, if it left out any test.
fn selection_of(process: &ProcessRecord) -> Option<&SelectionSummary> {
    process.started.selection.as_ref().filter(|selection| selection.not_selected > 0)
}

fn word(answer: Option<TestOutcome>) -> &'static str {
    match answer {
        Some(TestOutcome::Passed) => "passed",
        Some(TestOutcome::Measured) => "measured",
        Some(TestOutcome::PassedOnRetry) => "passed on a retry",
        Some(TestOutcome::Failed) => "FAILED",
        Some(TestOutcome::FailedAsAllowed) => "failed as it may",
        Some(TestOutcome::Skipped) => "skipped",
        Some(TestOutcome::Environment) => "environment",
        None => "not run",
    }
}

/// The id and the words of a row of a table; none for other lines, and for the head of the table.
fn row(line: &str) -> Option<(String, String)> {
    let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
    let (id, words) = (cells.next()?.trim_matches('`'), cells.next()?);
    let is_id = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_line = id.chars().all(|letter| "-:".contains(letter));
    let is_head = id.eq_ignore_ascii_case("id");
    (!is_line && !is_head && id.chars().all(is_id)).then(|| (id.to_owned(), words.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_rows_of_tables() {
        let text = "# Network\n\n| id | behaviour |\n|---|---|\n| N1 | refused |\n|`T-6.a`| lost |\n\
                    | two words | none |\nN2 refused\n";
        let rows: Vec<_> = text.lines().filter_map(row).collect();
        let own = |text: &str| text.to_owned();
        assert_eq!(rows, [(own("N1"), own("refused")), (own("T-6.a"), own("lost"))]);
    }
}
