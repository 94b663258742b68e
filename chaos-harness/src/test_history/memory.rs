//! What the lines of a history say, test by test.
//!
//! An attempt may be met more than once: in a file and in the compact one that replaces it, in the
//! histories of two machines that were merged before. Its id tells; the order of the lines does not
//! matter.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use chaos_core::seed::Seed;
use serde::Deserialize;

use super::line::{Ended, FORMAT_VERSION, FailureName, Line, LineEvent, Outcome, Run, Systemic};
use super::segments::LineReader;
use super::surroundings::Surroundings;
use crate::report::words::counted;

mod compact;

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// When it ended, in milliseconds since 1970-01-01 UTC.
    pub(super) unix_ms: u64,
    pub(super) id: u64,
    /// Absent where it does not matter any more.
    pub(super) seed: Option<u64>,
    /// The place in [`Memory::runs`].
    pub(super) run: u32,
    /// The place in [`Memory::failures`].
    pub(super) failure: Option<u32>,
    /// What the test was recognised by.
    pub(super) fingerprint: Option<NonZeroU64>,
    /// Which attempt, counted from 1.
    pub(super) attempt: u32,
    /// How many milliseconds it took, at least one; absent where that does not matter any more.
    pub(super) took_ms: Option<NonZeroU32>,
    pub(super) outcome: Outcome,
    /// Whether its writer took it for evidence.
    pub(super) counts: bool,
}

/// Of so many attempts, the latest, a compact file knows how long they took. The expected time of a test
/// rests on the latest twenty runs of it, most of which have one attempt.
const TIMED: usize = 50;

/// The attempts at one test.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    records: Vec<Record>,
    /// The ids of attempts that started and did not end so far, with their runs.
    open: HashMap<u64, u32>,
    is_sorted: bool,
}

/// What the lines of a history say.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The names of the package and the test binary, unless the lines themselves are to tell.
    suite: Option<(String, String)>,
    /// What every line of the suite begins with, up to the name of the test.
    prefix: Vec<u8>,
    /// The tests that are asked for; absent when all are.
    wanted: Option<HashSet<Vec<u8>>>,
    tests: HashMap<String, Remembered>,
    runs: Interned<String>,
    failures: Interned<u64>,
    failure_names: Vec<FailureName>,
    /// What is known of the runs, by their places.
    about_runs: Vec<AboutRun>,
    surroundings: Vec<Surroundings>,
    /// What the numbers of the file that is being read stand for.
    names: (Vec<u32>, Vec<u32>),
    unreadable: Unreadable,
}

/// Values that are kept once, and known by their places.
#[derive(Debug)]
struct Interned<T> {
    places: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { places: HashMap::new() }
    }
}

impl<T: std::hash::Hash + Eq> Interned<T> {
    fn place<Q>(&mut self, value: &Q) -> u32
    where
        T: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(place) = self.places.get(value) {
            return *place;
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.insert(value.to_owned(), place);
        place
    }
}

/// What all attempts of a run have in common.
#[derive(Debug, Clone, Default)]
struct AboutRun {
    /// Whether so much failed that its attempts are no evidence.
    is_systemic: bool,
    commit: Option<String>,
    /// The place in [`Memory::surroundings`].
    surroundings: Option<u32>,
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

impl Remembered {
    /// The attempts in the order of their ends, each once.
    fn sort(&mut self) {
        if self.is_sorted {
            return;
        }
        self.drop_twice_met();
        let ended: HashSet<u64> = match self.open.is_empty() {
            true => HashSet::new(),
            false => self.records.iter().map(|record| record.id).collect(),
        };
        self.open.retain(|id, _| !ended.contains(id));
        self.is_sorted = true;
    }

    fn drop_twice_met(&mut self) {
        // The lines of a compact file are in order, and seldom are two attempts of one millisecond.
        if self.records.is_sorted_by(|one, next| one.unix_ms < next.unix_ms) {
            return;
        }
        // Stable: of one millisecond, the order of the lines is that of the attempts.
        self.records.sort_by_key(|record| record.unix_ms);
        let (mut now, mut ids) = (u64::MAX, Vec::new());
        self.records.retain(|record| {
            if record.unix_ms != now {
                now = record.unix_ms;
                ids.clear();
            }
            let is_new = !ids.contains(&record.id);
            ids.push(record.id);
            is_new
        });
    }
}

impl Memory {
    /// Reads the lines of these tests.
    pub(super) fn of<'a>(
        package: &str,
        binary: &str,
        tests: impl Iterator<Item = &'a String>,
    ) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let prefix = format!(
            "{}\"package\":{},\"binary\":{},\"test\":\"",
            '{',
            quoted(package),
            quoted(binary)
        );
        // Lines of all tests name none.
        let wanted = tests.map(String::as_str).chain([""]).map(|name| name.into());
        Self {
            suite: Some((package.to_owned(), binary.to_owned())),
            prefix: prefix.into_bytes(),
            wanted: Some(wanted.collect()),
            ..Self::default()
        }
    }

    /// Reads the lines of all tests.
    pub(super) fn of_all() -> Self {
        Self::default()
    }

    /// The names of the package and the test binary, if a line has told them.
    pub(super) fn suite(&self) -> Option<(&str, &str)> {
        self.suite.as_ref().map(|(package, binary)| (package.as_str(), binary.as_str()))
    }

    /// The attempts at a test in the order of their ends.
    pub(super) fn records(&mut self, test: &str) -> &[Record] {
        match self.tests.get_mut(test) {
            Some(remembered) => {
                remembered.sort();
                &remembered.records
            }
            None => &[],
        }
    }

    /// How many attempts of other runs than this started and did not end. Attempts of this run are
    /// left out: under nextest another process may be making them.
    pub(super) fn missing_ends(&mut self, test: &str, this_run: &str) -> u64 {
        let this_run = self.runs.place(this_run);
        let Some(remembered) = self.tests.get_mut(test) else { return 0 };
        remembered.sort();
        remembered.open.values().filter(|run| **run != this_run).count() as u64
    }

    /// Whether so much failed in a run that its attempts are no evidence.
    pub(super) fn is_systemic(&self, run: u32) -> bool {
        self.about_runs.get(run as usize).is_some_and(|about| about.is_systemic)
    }

    /// The place of a run in the records.
    pub(super) fn run(&mut self, run: &str) -> u32 {
        self.runs.place(run)
    }

    /// The commit that was tested in a run.
    pub(super) fn commit(&self, run: u32) -> Option<&str> {
        self.about_runs.get(run as usize)?.commit.as_deref()
    }

    /// Where a run took place. Runs of older versions did not say.
    pub(super) fn surroundings(&self, run: u32) -> Option<&Surroundings> {
        self.surroundings.get(self.about_runs.get(run as usize)?.surroundings? as usize)
    }

    /// What a failure is.
    pub(super) fn failure(&self, place: u32) -> Option<&FailureName> {
        self.failure_names.get(place as usize)
    }

    /// How many attempts are known, of all tests.
    pub(super) fn attempts(&mut self) -> u64 {
        self.tests
            .values_mut()
            .map(|test| {
                test.sort();
                test.records.len() as u64
            })
            .sum()
    }

    pub(super) fn take_problems(&mut self) -> Vec<String> {
        let Unreadable { torn, newer, first } = std::mem::take(&mut self.unreadable);
        let Some(first) = first else { return Vec::new() };
        let mut problems = Vec::new();
        if torn > 0 {
            problems.push(format!(
                "{} of the history cannot be read and {} not count, the first in {}",
                counted(torn, "line"),
                if torn == 1 { "does" } else { "do" },
                first.display()
            ));
        }
        if newer > 0 {
            problems.push(format!(
                "{} of the history, of a newer version of chaos-harness, {} not count; the first in {}",
                counted(newer, "line"),
                if newer == 1 { "does" } else { "do" },
                first.display()
            ));
        }
        problems
    }

    /// Whether the line is certainly about a test that nobody asks for.
    fn is_of_another_test(&self, line: &[u8]) -> bool {
        let Some(wanted) = &self.wanted else { return false };
        let Some(rest) = line.strip_prefix(self.prefix.as_slice()) else { return false };
        // A name with an escape ends too early here, is not found, and is looked at in full.
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(end) if rest[end] == b'"' => !wanted.contains(&rest[..end]),
            _ => false,
        }
    }

    fn add(&mut self, line: Line<'_>) {
        let (package, binary) = self
            .suite
            .get_or_insert_with(|| (line.package.clone().into(), line.binary.clone().into()));
        let is_wanted = |wanted: &HashSet<Vec<u8>>| wanted.contains(line.test.as_bytes());
        if line.package != *package
            || line.binary != *binary
            || !self.wanted.as_ref().is_none_or(is_wanted)
        {
            return;
        }
        match line.event {
            LineEvent::Started(started) => {
                let run = self.runs.place(started.run.as_ref());
                let test = self.test(&line.test);
                test.open.insert(started.id, run);
                test.is_sorted = false;
            }
            LineEvent::Ended(ended) => self.add_ended(&line.test, &ended),
            LineEvent::Systemic(Systemic { run, .. }) => {
                let run = self.runs.place(run.as_ref());
                self.about_run(run).is_systemic = true;
            }
            LineEvent::Run(Run { run, commit, surroundings }) => {
                let run = self.runs.place(run.as_ref());
                self.add_run(run, commit.map(Cow::into_owned), surroundings);
            }
            LineEvent::Names(names) => self.add_names(names),
            LineEvent::Attempts(attempts) => self.add_attempts(&line.test, &attempts),
        }
    }

    fn test(&mut self, test: &str) -> &mut Remembered {
        if !self.tests.contains_key(test) {
            self.tests.insert(test.to_owned(), Remembered::default());
        }
        self.tests.get_mut(test).expect("it was inserted")
    }

    fn add_ended(&mut self, test: &str, ended: &Ended<'_>) {
        let failure = ended.failure.as_deref().map(|kind| {
            self.failure_place(FailureName {
                // Lines of older versions have none.
                signature: ended.signature.unwrap_or_else(|| Seed(0).named(kind).0 >> 11),
                kind: kind.to_owned(),
                message: ended.message.as_deref().unwrap_or_default().to_owned(),
            })
        });
        let record = Record {
            unix_ms: ended.unix_ms,
            id: ended.id,
            seed: Some(ended.seed),
            run: self.runs.place(ended.run.as_ref()),
            failure,
            fingerprint: ended.fingerprint.and_then(NonZeroU64::new),
            attempt: ended.attempt,
            took_ms: whole_ms(ended.duration_ns),
            outcome: ended.outcome,
            counts: ended.counts,
        };
        let test = self.test(test);
        test.is_sorted = false;
        test.open.remove(&ended.id);
        if ended.outcome != Outcome::Other {
            test.records.push(record);
        }
    }

    fn add_run(&mut self, run: u32, commit: Option<String>, surroundings: Surroundings) {
        let place = self.surroundings_place(surroundings);
        let about = self.about_run(run);
        about.surroundings = Some(place);
        about.commit = commit.or(about.commit.take());
    }

    fn about_run(&mut self, run: u32) -> &mut AboutRun {
        let place = run as usize;
        if place >= self.about_runs.len() {
            self.about_runs.resize(place + 1, AboutRun::default());
        }
        &mut self.about_runs[place]
    }

    fn surroundings_place(&mut self, surroundings: Surroundings) -> u32 {
        let known = self.surroundings.iter().position(|known| *known == surroundings);
        let place = known.unwrap_or_else(|| {
            self.surroundings.push(surroundings);
            self.surroundings.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn failure_place(&mut self, name: FailureName) -> u32 {
        let place = self.failures.place(&name.signature);
        if place as usize == self.failure_names.len() {
            self.failure_names.push(name);
        }
        place
    }
}

/// In milliseconds, rounded up, so that none took no time.
fn whole_ms(nanoseconds: u64) -> Option<NonZeroU32> {
    let ms = u32::try_from(nanoseconds.div_ceil(1_000_000)).unwrap_or(u32::MAX);
    NonZeroU32::new(ms.max(1))
}

impl LineReader for Memory {
    fn line(&mut self, line: &[u8], file: &Path) {
        if self.is_of_another_test(line) {
            return;
        }
        match serde_json::from_slice::<Line<'_>>(line) {
            Ok(read) if read.version <= FORMAT_VERSION => self.add(read),
            other => {
                let newer = other.is_ok()
                    || serde_json::from_slice::<Versioned>(line)
                        .is_ok_and(|line| line.version > FORMAT_VERSION);
                self.unreadable(newer, file);
            }
        }
    }

    fn torn(&mut self, file: &Path) {
        self.unreadable(false, file);
    }
}

impl Memory {
    fn unreadable(&mut self, newer: bool, file: &Path) {
        match newer {
            true => self.unreadable.newer += 1,
            false => self.unreadable.torn += 1,
        }
        self.unreadable.first.get_or_insert_with(|| file.to_owned());
    }
}
