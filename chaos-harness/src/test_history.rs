//! What is remembered of every attempt, from run to run: the evidence behind a test's category.
//!
//! The history of a test binary is a directory of JSON lines, `<package>.<binary>/00000001.jsonl`
//! and so on: see `line` for the format and `segments` for its files. Before an attempt a line says
//! that it starts and after it another what it came to, so that an attempt whose harness was killed is
//! seen as one without an end. Lines are appended with one `write` each; any number of processes may do
//! so at once.
//!
//! Only *first* attempts are evidence: a retry follows a failure and is correlated with it. What
//! else does not count, and why, is said at [`Evidence`]. What the evidence says is in `trend`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use chaos_core::stats::{Assessor, Category};
use chaos_core::verdict::Verdict;
use parking_lot::Mutex;

use self::line::{Ended, Line, LineEvent, Outcome, Run, Started, Systemic};
use self::memory::Memory;
use self::segments::Segments;
use crate::identity::Identity;
use crate::registry::TestCase;
use crate::run_event::{AttemptEnded, AttemptStarted, CategorySummary, Trend};
use crate::settings::Settings;
use crate::signature::Signature;

mod line;
mod memory;
mod merge;
mod numbers;
mod past;
mod segments;
mod surroundings;
mod trend;

pub(crate) use self::merge::{MergeError, Merged, merge};
pub(crate) use self::past::Past;
pub(crate) use self::surroundings::Surroundings;
use self::trend::Asked;

/// How many attempts at a test are remembered when the files are made compact: twice as many first
/// attempts as are ever looked at.
const MOST_ATTEMPTS: usize = 2 * chaos_core::stats::LOOKED_AT;

/// Which run adds to the history.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    /// The name of the package.
    pub(crate) package: String,
    /// The name of the test binary, without its hash.
    pub(crate) binary: String,
    /// The id of the run.
    pub(crate) run: String,
    /// The tests whose categories will be asked for, with their fingerprints; the lines of others are
    /// skipped unread.
    pub(crate) tests: HashMap<String, u64>,
    /// Where the run takes place.
    pub(crate) surroundings: Surroundings,
    /// The commit that is checked out.
    pub(crate) commit: Option<String>,
    /// Whether first attempts of this run are evidence.
    pub(crate) evidence: Evidence,
}

/// Whether the first attempts of a run say how often the test fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// They do.
    Counts,
    /// They do not, because another runner repeats a failed test (`NEXTEST_ATTEMPT` above 1).
    OuterRetry,
    /// They do not, because somebody chose the seed for the whole run (`CHAOS_SEED`): to repeat a
    /// failure ten times would otherwise make any test look broken.
    ChosenSeed,
    /// They do not, because they are made at old commits (`--chaos-bisect`).
    Bisection,
    /// They do not, because tests try only a part of what they are for (`--check-determinism`,
    /// `CHAOS_REPLAY`).
    Part,
}

impl Suite {
    /// Whoever only asks for these tests, and makes no attempt.
    pub(crate) fn to_be_asked(
        identity: &Identity,
        cases: &[&TestCase],
        tests: &[String],
        settings: &Settings,
    ) -> Self {
        Self {
            package: identity.package.clone(),
            binary: identity.target.clone(),
            // No run has this name, so nothing is left out.
            run: String::new(),
            tests: fingerprints(cases, tests),
            surroundings: Surroundings::of(settings),
            commit: None,
            evidence: Evidence::Counts,
        }
    }
}

/// The history of one test binary.
#[derive(Debug)]
pub(crate) struct History {
    suite: Suite,
    segments: Segments,
    /// Whether the line about this process was written.
    told: Once,
    /// The ids of attempts that have started and not ended, by test and number.
    running: Mutex<HashMap<(String, u32), u64>>,
    known: Mutex<Known>,
}

/// What was read, and what judges it.
#[derive(Debug)]
struct Known {
    memory: Memory,
    assessor: Assessor,
}

/// The history could not be read or added to.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the history in {}", directory.display())]
pub(crate) struct HistoryError {
    action: &'static str,
    directory: PathBuf,
    source: io::Error,
}

impl History {
    /// The history of `suite` below `directory`, which is made when it is missing.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub(crate) fn open(directory: &Path, suite: Suite) -> Result<Self, HistoryError> {
        let segments = Segments::open(directory, &suite.package, &suite.binary)
            .map_err(|source| HistoryError::new("open", directory, source))?;
        let memory = Memory::of(&suite.package, &suite.binary, suite.tests.keys());
        let known = Mutex::new(Known { memory, assessor: Assessor::default() });
        Ok(Self { suite, segments, told: Once::new(), running: Mutex::default(), known })
    }

    /// The same for whoever makes attempts, after it was [asked](Suite::to_be_asked) what the past was like:
    /// what was read of the files is not read again. The tests of the run are among those asked about.
    pub(crate) fn of_run(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// Remembers that an attempt starts. To be called before it does.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub(crate) fn record_started(&self, attempt: &AttemptStarted) -> Result<(), HistoryError> {
        let mut told = Ok(());
        self.told.call_once(|| told = self.record_run());
        told?;
        let id = random_id();
        self.running.lock().insert((attempt.test.clone(), attempt.attempt), id);
        self.append(
            &attempt.test,
            LineEvent::Started(Started {
                id,
                run: self.suite.run.as_str().into(),
                attempt: attempt.attempt,
                seed: attempt.seed,
                unix_ms: attempt.unix_ms,
                os: std::env::consts::OS.into(),
                arch: std::env::consts::ARCH.into(),
            }),
        )
    }

    /// Remembers what an attempt came to. To be called before the category is asked for. A `fresh`
    /// attempt is one that no failure led to; attempts that the machine could not carry are not counted
    /// among those before it.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub(crate) fn record_ended(
        &self,
        attempt: &AttemptEnded,
        fresh: bool,
    ) -> Result<(), HistoryError> {
        let started = self.running.lock().remove(&(attempt.test.clone(), attempt.attempt));
        let (outcome, failure) = match &attempt.verdict {
            Verdict::Passed => (Outcome::Passed, None),
            Verdict::Failed(failure) => (Outcome::Failed, Some(line::name_of(failure.kind))),
            Verdict::Environment { .. } => (Outcome::Environment, None),
            _ => (Outcome::Skipped, None),
        };
        let signature = attempt.verdict.failure().map(Signature::of);
        let counts = fresh
            && outcome != Outcome::Environment
            && self.suite.evidence == Evidence::Counts
            && failure.as_deref().is_none_or(line::is_failure_of_the_test);
        self.append(
            &attempt.test,
            LineEvent::Ended(Ended {
                id: started.unwrap_or_else(random_id),
                run: self.suite.run.as_str().into(),
                attempt: attempt.attempt,
                seed: attempt.seed,
                unix_ms: unix_ms(),
                duration_ns: attempt.duration_ns,
                outcome,
                failure,
                signature: signature.as_ref().map(|signature| signature.hash),
                message: signature.map(|signature| signature.message.into()),
                counts,
                recovery_ns: attempt.summary.faults.iter().filter_map(|f| f.recovery_ns).max(),
                fingerprint: self.fingerprint(&attempt.test),
            }),
        )
    }

    /// What the history says of a test, the attempts of this run included.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub(crate) fn judge(&self, test: &str) -> Result<(CategorySummary, Trend), HistoryError> {
        let mut known = self.known.lock();
        let Known { memory, assessor } = &mut *known;
        self.segments.read_news(memory).map_err(|source| self.error("read", source))?;
        Ok(trend::judge(memory, assessor, &self.asked(test)))
    }

    /// What is known of a test before it runs, for whoever has to choose.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub(crate) fn past(&self, test: &str) -> Result<Past, HistoryError> {
        let mut known = self.known.lock();
        let Known { memory, assessor } = &mut *known;
        self.segments.read_news(memory).map_err(|source| self.error("read", source))?;
        Ok(past::of(memory, assessor, &self.asked(test)))
    }

    /// The category of a test by what is known from other runs.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub(crate) fn category_before(&self, test: &str) -> Result<Category, HistoryError> {
        let mut known = self.known.lock();
        let Known { memory, assessor } = &mut *known;
        self.segments.read_news(memory).map_err(|source| self.error("read", source))?;
        Ok(trend::category_before(memory, assessor, &self.asked(test)))
    }

    /// Whether one of the latest other runs that made a first attempt at a test was suspected as a whole.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub(crate) fn was_suspected(&self, test: &str) -> Result<bool, HistoryError> {
        let memory = &mut self.known.lock().memory;
        self.segments.read_news(memory).map_err(|source| self.error("read", source))?;
        Ok(trend::was_suspected(memory, &self.asked(test)))
    }

    /// Remembers that so much failed in this run that the run itself is suspected: its attempts are no
    /// evidence from now on.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub(crate) fn record_systemic(&self, failed: u64, of: u64) -> Result<(), HistoryError> {
        let run = self.suite.run.as_str().into();
        self.append("", LineEvent::Systemic(Systemic { run, failed, of }))
    }

    /// The lines that were met and could not be read, each once, in words for a person.
    pub(crate) fn take_problems(&self) -> Vec<String> {
        self.known.lock().memory.take_problems()
    }

    /// Remembers what all attempts of this process have in common.
    fn record_run(&self) -> Result<(), HistoryError> {
        let Suite { run, commit, surroundings, .. } = &self.suite;
        let run = Run {
            run: run.as_str().into(),
            commit: commit.as_deref().map(Into::into),
            surroundings: surroundings.clone(),
        };
        self.append("", LineEvent::Run(run))
    }

    fn asked<'a>(&'a self, test: &'a str) -> Asked<'a> {
        Asked {
            test,
            run: &self.suite.run,
            fingerprint: self.fingerprint(test),
            surroundings: &self.suite.surroundings,
        }
    }

    /// What the test is recognised by now.
    fn fingerprint(&self, test: &str) -> Option<u64> {
        self.suite.tests.get(test).copied().filter(|fingerprint| *fingerprint != 0)
    }

    fn append(&self, test: &str, event: LineEvent<'_>) -> Result<(), HistoryError> {
        let line = Line {
            package: self.suite.package.as_str().into(),
            binary: self.suite.binary.as_str().into(),
            test: test.into(),
            version: event.version(),
            event,
        };
        let many = self.segments.append(&line).map_err(|source| self.error("add to", source))?;
        if many {
            self.segments
                .compact(Memory::of_all(), merge::compact_lines)
                .map_err(|source| self.error("make compact", source))?;
        }
        Ok(())
    }

    fn error(&self, action: &'static str, source: io::Error) -> HistoryError {
        HistoryError::new(action, self.segments.directory(), source)
    }
}

impl HistoryError {
    fn new(action: &'static str, directory: &Path, source: io::Error) -> Self {
        Self { action, directory: directory.to_owned(), source }
    }
}

/// The categories of tests by a history alone, each with the number of first attempts that it rests on: what
/// the bench `history` measures.
///
/// # Errors
///
/// When the directory cannot be made, or files cannot be read.
pub fn judge_history(
    directory: &Path,
    package: &str,
    binary: &str,
    tests: &[String],
) -> io::Result<Vec<(Category, u64)>> {
    let suite = Suite {
        package: package.to_owned(),
        binary: binary.to_owned(),
        run: String::new(),
        tests: tests.iter().map(|test| (test.clone(), 0)).collect(),
        surroundings: Surroundings::default(),
        commit: None,
        evidence: Evidence::Counts,
    };
    let history = History::open(directory, suite).map_err(io::Error::other)?;
    let judge = |test: &String| {
        let (category, trend) = history.judge(test).map_err(io::Error::other)?;
        let n = trend.segments.iter().map(|segment| segment.rate.n).sum();
        Ok((category.category, n))
    };
    tests.iter().map(judge).collect()
}

/// What these tests are recognised by.
pub(crate) fn fingerprints(cases: &[&TestCase], names: &[String]) -> HashMap<String, u64> {
    let known: HashMap<String, u64> =
        cases.iter().map(|case| (case.name(), case.fingerprint)).collect();
    names.iter().map(|name| (name.clone(), known.get(name).copied().unwrap_or(0))).collect()
}

/// A number that differs from process to process and call to call, and that every reader of JSON
/// can hold: 53 bits.
fn random_id() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // The keys of `RandomState` come from the operating system.
    RandomState::new().hash_one(std::process::id()) >> 11
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
