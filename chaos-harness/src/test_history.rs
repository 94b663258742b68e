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
use std::time::{Duration, SystemTime};

use chaos_core::stats::{Assessor, Category};
use chaos_core::verdict::Verdict;
use parking_lot::Mutex;

use self::line::{Ended, Line, LineEvent, Outcome, Started, Systemic};
use self::memory::Memory;
use self::segments::Segments;
use crate::run_event::{AttemptEnded, AttemptStarted, CategorySummary, Trend};
use crate::signature::Signature;

mod line;
mod memory;
mod merge;
mod past;
mod segments;
mod trend;

pub(crate) use self::merge::{MergeError, Merged, merge};
pub(crate) use self::past::Past;

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
    /// The tests whose categories will be asked for; the lines of others are skipped unread.
    pub(crate) tests: Vec<String>,
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
}

/// The history of one test binary.
#[derive(Debug)]
pub(crate) struct History {
    suite: Suite,
    segments: Segments,
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
        let memory = Memory::of(&suite.package, &suite.binary, &suite.tests);
        let known = Mutex::new(Known { memory, assessor: Assessor::default() });
        Ok(Self { suite, segments, running: Mutex::default(), known })
    }

    /// Remembers that an attempt starts. To be called before it does.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub(crate) fn record_started(&self, attempt: &AttemptStarted) -> Result<(), HistoryError> {
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
        Ok(trend::judge(memory, assessor, test, &self.suite.run))
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
        Ok(past::of(memory, assessor, test, &self.suite.run))
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
        Ok(trend::category_before(memory, assessor, test, &self.suite.run))
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

    fn append(&self, test: &str, event: LineEvent<'_>) -> Result<(), HistoryError> {
        let line = Line {
            package: self.suite.package.as_str().into(),
            binary: self.suite.binary.as_str().into(),
            test: test.into(),
            version: line::FORMAT_VERSION,
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
