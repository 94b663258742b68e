//! `chaos-quarantine.toml`: tests whose failures are known, with an owner and an end.
//!
//! A test in quarantine still runs, and its failure is reported and does not fail the run. That has an
//! end: after `expires` its failures count again, and the run fails also if it passes, until the entry
//! is removed or renewed. An entry for a test that there is not is an error.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Mistake;
use crate::config::quarantine;
use crate::run_directory;
use crate::settings::shown;
use crate::suggestion::suggest;

mod date;

pub(crate) use self::date::Date;

/// The name of the file.
pub(crate) const NAME: &str = "chaos-quarantine.toml";

/// The tests in quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Quarantine {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// A test in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    /// Its whole name.
    pub(crate) test: String,
    /// The test binary that has it; absent where there is only one.
    pub(crate) binary: Option<String>,
    pub(crate) reason: String,
    pub(crate) issue: String,
    pub(crate) owner: String,
    /// The last day.
    pub(crate) expires: Date,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, issue, owner, expires, .. } = self;
        write!(f, "in quarantine until {expires} ({owner}, {issue}): {reason}")
    }
}

/// The file could not be read or understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuarantineError {
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Mistakes(Vec<Mistake>),
    #[error("{}:{line}: there is no test `{test}` in the test binary `{binary}`; {help}", path.display())]
    NoSuchTest { path: PathBuf, line: usize, test: String, binary: String, help: String },
    #[error("{}:{line}: `{test}` is in quarantine already, by line {first}; keep one of the two", path.display())]
    Twice { path: PathBuf, line: usize, test: String, first: usize },
}

impl Quarantine {
    /// Reads the file in the first of these directories that has one; without any, nothing is in
    /// quarantine.
    ///
    /// # Errors
    ///
    /// When there is a file that cannot be read or understood.
    pub(crate) fn read(directories: &[&Path]) -> Result<Self, QuarantineError> {
        for directory in directories {
            let path = directory.join(NAME);
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let entries = quarantine::parse(&path, &text).map_err(|mistakes| {
                        let workspace = run_directory::workspace(None);
                        let seen = mistakes.into_iter().map(|it| it.seen_from(&workspace));
                        QuarantineError::Mistakes(seen.collect())
                    })?;
                    return Ok(Self { path, entries });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    let path = PathBuf::from(shown(&path, &run_directory::workspace(None)));
                    return Err(QuarantineError::Read { path, source });
                }
            }
        }
        Ok(Self::default())
    }

    /// Checks that each entry for this test binary names one of its tests, and no two the same.
    ///
    /// # Errors
    ///
    /// All entries of which that is not so, in the order of the lines.
    pub(crate) fn check(&self, binary: &str, tests: &[String]) -> Result<(), Vec<QuarantineError>> {
        let mut first_lines = HashMap::new();
        let mut wrong = Vec::new();
        for entry in self.of(binary) {
            if let Some(first) = first_lines.insert(&entry.test, entry.line) {
                // The first is what the next one is compared with as well.
                first_lines.insert(&entry.test, first);
                wrong.push(self.twice(entry, first));
            } else if !tests.contains(&entry.test) {
                wrong.push(self.of_no_test(entry, binary, tests));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn of_no_test(&self, entry: &Entry, binary: &str, tests: &[String]) -> QuarantineError {
        let mut help = suggest(&entry.test, tests.iter().map(String::as_str));
        if entry.binary.is_none() {
            help.push_str("; if another test binary has it, say which: binary = \"..\"");
        }
        let (test, binary) = (entry.test.clone(), binary.to_owned());
        QuarantineError::NoSuchTest { path: self.shown(), line: entry.line, test, binary, help }
    }

    fn twice(&self, entry: &Entry, first: usize) -> QuarantineError {
        let test = entry.test.clone();
        QuarantineError::Twice { path: self.shown(), line: entry.line, test, first }
    }

    fn shown(&self) -> PathBuf {
        PathBuf::from(shown(&self.path, &run_directory::workspace(None)))
    }

    fn of(&self, binary: &str) -> impl Iterator<Item = &Entry> {
        let is_of = move |entry: &&Entry| entry.binary.as_deref().is_none_or(|it| it == binary);
        self.entries.iter().filter(is_of)
    }

    /// The entry of a test that is in quarantine on this day.
    pub(crate) fn entry(&self, binary: &str, test: &str, today: Date) -> Option<&Entry> {
        self.of(binary).find(|entry| entry.test == test && today <= entry.expires)
    }

    /// The entries that have ended.
    pub(crate) fn expired(&self, binary: &str, today: Date) -> impl Iterator<Item = &Entry> {
        self.of(binary).filter(move |entry| today > entry.expires)
    }

    /// The place of an entry.
    pub(crate) fn place(&self, entry: &Entry) -> String {
        format!("{}:{}", self.shown().display(), entry.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[test]]
test = "pool::drains"
reason = "loses a connection under load"
issue = "LEDGER-7"
owner = "anna"
expires = "2026-11-30"

[[test]]
test = "cache::fills"
binary = "cache"
reason = "waits too short"
issue = "LEDGER-9"
owner = "ben"
expires = "2026-12-24"
"#;

    fn quarantine(text: &str) -> Result<Quarantine, QuarantineError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(NAME), text).unwrap();
        Quarantine::read(&[directory.path()])
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn a_test_is_in_quarantine_until_its_last_day() {
        let quarantine = quarantine(FILE).unwrap();
        let entry = quarantine.entry("chaos", "pool::drains", day("2026-11-30")).unwrap();
        let text = "in quarantine until 2026-11-30 (anna, LEDGER-7): loses a connection under load";
        assert_eq!(entry.to_string(), text);
        assert_eq!(quarantine.entry("chaos", "pool::drains", day("2026-12-01")), None);
        let expired = quarantine.expired("chaos", day("2026-12-25"));
        assert_eq!(expired.map(|it| &*it.test).collect::<Vec<_>>(), ["pool::drains"]);
        assert!(quarantine.entry("cache", "cache::fills", day("2026-12-24")).is_some());
        assert!(quarantine.entry("chaos", "cache::fills", day("2026-12-24")).is_none());
    }

    fn complaints(quarantine: &Quarantine, tests: &[String]) -> Vec<String> {
        let wrong = quarantine.check("chaos", tests).err().unwrap_or_default();
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_entry_for_no_test_is_told() {
        let quarantine = quarantine(&FILE.replace("binary = \"cache\"\n", "")).unwrap();
        let found = complaints(&quarantine, &["pool::drain".to_owned(), "cache::fill".to_owned()]);
        let [drains, fills] = found.as_slice() else { panic!("{found:?}") };
        assert!(drains.contains("toml:2: there is no test `pool::drains`"), "{drains}");
        let help = "did you mean `pool::drain`?; if another test binary";
        assert!(drains.contains(help), "{drains}");
        assert!(fills.contains("toml:9: there is no test `cache::fills`"), "{fills}");
        let both = ["pool::drains".to_owned(), "cache::fills".to_owned()];
        assert_eq!(complaints(&quarantine, &both), [""; 0]);
    }

    #[test]
    fn a_test_is_in_quarantine_once() {
        let three = FILE.replace("cache::fills\"\nbinary = \"cache", "pool::drains");
        let three = format!("{three}{}", FILE.split("\n\n").next().unwrap());
        let drains = ["pool::drains".to_owned()];
        let found = complaints(&quarantine(&three).unwrap(), &drains);
        let part = "`pool::drains` is in quarantine already, by line 2; keep one of the two";
        let [second, third] = found.as_slice() else { panic!("{found:?}") };
        assert!(second.ends_with(&format!("toml:9: {part}")), "{second}");
        assert!(third.ends_with(&format!("toml:16: {part}")), "{third}");
        // One in each of two test binaries is another matter.
        let of_each = FILE.replace("cache::fills", "pool::drains").replacen(
            "reason",
            "binary = \"chaos\"\nreason",
            1,
        );
        assert!(quarantine(&of_each).unwrap().check("chaos", &drains).is_ok());
    }

    #[test]
    fn an_entry_says_who_and_until_when() {
        let missing = "[[test]]\ntest = \"a\"\nreason = \"b\"\nowner = \"c\"\nissue = \"d\"\n";
        let error = quarantine(missing).unwrap_err().to_string();
        assert!(error.contains("expires = \"2026-12-31\""), "{error}");
        let wrong = format!("{missing}expires = \"2026-13-01\"\nexpire = 1\n");
        let error = quarantine(&wrong).unwrap_err().to_string();
        assert!(error.contains(":6:") && error.contains(":7:"), "{error}");
        assert!(quarantine("").unwrap().entries.is_empty());
    }
}
