//! Counts what the lines of a history say of each test.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Suite;
use super::line::{FORMAT_VERSION, Line, LineEvent, Outcome};
use super::segments::LineReader;

/// What is known of one test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many first attempts count.
    pub(super) attempts: u64,
    /// How many of those failed.
    pub(super) failures: u64,
    /// How many attempts of other runs started and did not end.
    pub(super) missing_ends: u64,
}

/// What is known of the tests of a suite.
#[derive(Debug)]
pub(super) struct Tallies {
    /// What every line of the suite begins with, up to the name of the test.
    prefix: Vec<u8>,
    package: String,
    binary: String,
    run: String,
    wanted: HashSet<Vec<u8>>,
    tests: HashMap<String, Counts>,
    unreadable: Unreadable,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: u64,
    failures: u64,
    /// The ids of attempts of other runs that started and did not end so far. Attempts of this run
    /// are left out: under nextest another process may be running them.
    open: HashSet<u64>,
}

/// Lines that could not be read.
#[derive(Debug, Default)]
struct Unreadable {
    torn: u64,
    newer: u64,
    /// Where the first of them was.
    first: Option<PathBuf>,
}

/// The part of a line that no version changes.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Tallies {
    pub(super) fn new(suite: &Suite) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let prefix = format!(
            "{}\"package\":{},\"binary\":{},\"test\":\"",
            '{',
            quoted(&suite.package),
            quoted(&suite.binary)
        );
        Self {
            prefix: prefix.into_bytes(),
            package: suite.package.clone(),
            binary: suite.binary.clone(),
            run: suite.run.clone(),
            wanted: suite.tests.iter().map(|test| test.clone().into_bytes()).collect(),
            tests: HashMap::new(),
            unreadable: Unreadable::default(),
        }
    }

    pub(super) fn of(&self, test: &str) -> Tally {
        self.tests.get(test).map_or_else(Tally::default, |counts| Tally {
            attempts: counts.attempts,
            failures: counts.failures,
            missing_ends: counts.open.len() as u64,
        })
    }

    pub(super) fn take_problems(&mut self) -> Vec<String> {
        let Unreadable { torn, newer, first } = std::mem::take(&mut self.unreadable);
        let Some(first) = first else { return Vec::new() };
        let mut problems = Vec::new();
        if torn > 0 {
            problems.push(format!(
                "{torn} lines of the history cannot be read and do not count, the first in {}",
                first.display()
            ));
        }
        if newer > 0 {
            problems.push(format!(
                "{newer} lines of the history were written by a newer version of chaos-harness and do not count, the first in {}",
                first.display()
            ));
        }
        problems
    }

    /// Whether the line is certainly about a test that nobody asks for.
    fn is_of_another_test(&self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(self.prefix.as_slice()) else { return false };
        // A name with an escape ends too early here, is not found, and is looked at in full.
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(end) if rest[end] == b'"' => !self.wanted.contains(&rest[..end]),
            _ => false,
        }
    }

    fn count(&mut self, line: &Line<'_>) {
        let of_this_suite = line.package == self.package && line.binary == self.binary;
        if !of_this_suite || !self.wanted.contains(line.test.as_bytes()) {
            return;
        }
        if !self.tests.contains_key(line.test.as_ref()) {
            self.tests.insert(line.test.clone().into_owned(), Counts::default());
        }
        let Some(counts) = self.tests.get_mut(line.test.as_ref()) else { return };
        match &line.event {
            LineEvent::Started(started) => {
                if started.run != self.run {
                    counts.open.insert(started.id);
                }
            }
            LineEvent::Ended(ended) => {
                counts.open.remove(&ended.id);
                let failed = match ended.outcome {
                    Outcome::Passed => false,
                    Outcome::Failed => true,
                    Outcome::Skipped | Outcome::Environment | Outcome::Other => return,
                };
                if ended.counts {
                    counts.attempts += 1;
                    counts.failures += u64::from(failed);
                }
            }
        }
    }
}

impl LineReader for Tallies {
    fn line(&mut self, line: &[u8], file: &Path) {
        if self.is_of_another_test(line) {
            return;
        }
        match serde_json::from_slice::<Line<'_>>(line) {
            Ok(read) if read.version <= FORMAT_VERSION => self.count(&read),
            other => {
                let newer = other.is_ok()
                    || serde_json::from_slice::<Versioned>(line)
                        .is_ok_and(|line| line.version > FORMAT_VERSION);
                if newer {
                    self.unreadable.newer += 1;
                } else {
                    self.unreadable.torn += 1;
                }
                self.unreadable.first.get_or_insert_with(|| file.to_owned());
            }
        }
    }
}
