//! One test: its attempts, its retries, and its answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chaos_core::event::Event;
use chaos_core::seed::Seed;
use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, FailureKind, Verdict};
use chaos_core::{journal, postgres};

use super::{Runner, nanoseconds, seeds, unix_ms};
use crate::activity::Activity;
use crate::attempt::output::Capture;
use crate::attempt::parent::{self, Attempted, Surroundings};
use crate::attempt::spec::Spec;
use crate::attempt::{assertions, child};
use crate::history::HistoryError;
use crate::nextest::Nextest;
use crate::quarantine::Date;
use crate::registry::{Gate, TestCase};
use crate::run_directory::file_name;
use crate::run_event::{
    AttemptEnded, AttemptProgress, AttemptStarted, AttemptSummary, CategorySummary, RunEvent,
    TestEnded, TestOutcome, Trend,
};
use crate::selection::Selected;
use crate::{capability, exclusive, failure_text, summary, watch};

/// Longer times would overflow the clocks that they are added to, and nobody waits a year.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a test came to, for whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An attempt passed.
    Passed,
    /// It did not run, or its failure does not count; the reason may be empty.
    Ignored(String),
    /// The machine could not carry it, in this way.
    Environment(String),
    /// It failed, and this is what to show.
    Failed(String),
}

/// The attempts at a test.
struct Attempts<'a> {
    runner: &'a Runner,
    case: &'static TestCase,
    name: &'a str,
    directory: PathBuf,
    first_seed: Seed,
    /// The numbers of the first and of the last attempt that may be made here.
    numbers: (u32, u32),
}

impl Runner {
    /// Runs a test, or skips it, and tells the reporters.
    pub(crate) fn test(&self, test: &Selected) -> Answer {
        let case = test.case;
        let ignored = test.ignored.then(|| case.options.ignore.unwrap_or_default().to_owned());
        let reason = ignored
            .or_else(|| self.stopped().map(str::to_owned))
            .or_else(|| capability::missing(case.options.requires));
        if let Some(reason) = reason {
            return self.skip(&test.name, reason);
        }
        let permit = exclusive::wait(self.directory.root(), case.options.exclusive);
        // It may have taken a while to get here.
        if let Some(reason) = self.stopped() {
            return self.skip(&test.name, reason.to_owned());
        }
        let began = Instant::now();
        let ended = match permit.and_then(|permit| Ok((Attempts::of(self, test)?, permit))) {
            Ok((attempts, _permit)) => attempts.make(),
            Err(error) => vec![self.not_begun(&test.name, &error)],
        };
        self.conclude(test, &ended, began.elapsed())
    }

    fn skip(&self, test: &str, reason: String) -> Answer {
        let (test, told) = (test.to_owned(), reason.clone());
        self.reporters.event(&RunEvent::TestSkipped { test, reason: told });
        Answer::Ignored(reason)
    }

    /// The attempt that could not even be started.
    fn not_begun(&self, test: &str, error: &std::io::Error) -> AttemptEnded {
        let message = format!("failed to prepare the attempt: {error}");
        let ended = AttemptEnded {
            test: test.to_owned(),
            attempt: 1,
            seed: 0,
            duration_ns: 0,
            verdict: Verdict::Failed(Failure::new(FailureKind::Harness, message)),
            summary: AttemptSummary::default(),
            stdout: None,
            stderr: None,
            resources: None,
        };
        self.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
    }

    fn conclude(&self, test: &Selected, ended: &[AttemptEnded], took: Duration) -> Answer {
        // Where the machine could carry some attempts, those decide.
        let carried = || ended.iter().filter(|attempt| !attempt.verdict.is_environment());
        let judged = carried().count();
        let last = carried().next_back().or(ended.last()).expect("at least one attempt was made");
        let quarantined = self.quarantined(&test.name);
        let (outcome, answer) = match &last.verdict {
            Verdict::Passed if judged == 1 => (TestOutcome::Passed, Answer::Passed),
            Verdict::Passed => (TestOutcome::PassedOnRetry, Answer::Passed),
            Verdict::Failed(failure) if failure.kind == FailureKind::Interrupted => {
                (TestOutcome::Skipped, Answer::Ignored(failure.message.clone()))
            }
            Verdict::Failed(failure)
                if quarantined.is_some() || test.case.options.gate == Gate::MayFail =>
            {
                let why = quarantined.as_deref().unwrap_or("as it may");
                let reason = format!("failed, {why}: {}", failure.message);
                (TestOutcome::FailedAsAllowed, Answer::Ignored(reason))
            }
            Verdict::Failed(failure) => {
                let path = self.directory.path();
                let text = failure_text::of(last, failure, path, &self.identity);
                (TestOutcome::Failed, Answer::Failed(text))
            }
            Verdict::Environment { reason, .. } => {
                if test.case.options.gate == Gate::MustPass {
                    self.has_overload.store(true, Ordering::Relaxed);
                }
                (TestOutcome::Environment, Answer::Environment(reason.clone()))
            }
            Verdict::Skipped { reason } => (TestOutcome::Skipped, Answer::Ignored(reason.clone())),
            other => {
                let text = format!("the harness does not know the verdict {other:?}");
                (TestOutcome::Failed, Answer::Failed(text))
            }
        };
        if outcome == TestOutcome::Failed {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        if last.verdict.is_passed() {
            self.baselines.0.add(&test.name, &last.summary.baselines);
        }
        self.suspect(&test.name, ended);
        let (category, trend) = self.judge(&test.name);
        let remarks: Vec<String> = quarantined.into_iter().collect();
        self.reporters.event(&RunEvent::TestEnded(TestEnded {
            test: test.name.clone(),
            outcome,
            attempts: u32::try_from(ended.len()).unwrap_or(u32::MAX),
            duration_ns: nanoseconds(took),
            category,
            trend,
            remarks,
        }));
        answer
    }

    /// What the quarantine says of a test that is in it.
    fn quarantined(&self, test: &str) -> Option<String> {
        let entry = self.settings.quarantine.entry(&self.identity.target, test, Date::today());
        entry.map(ToString::to_string)
    }

    /// Counts the test if it was known to be stable. Under nextest no process knows of the others.
    fn suspect(&self, test: &str, ended: &[AttemptEnded]) {
        let failed = match ended.first().map(|first| (first.attempt, &first.verdict)) {
            Some((1, Verdict::Passed)) => false,
            Some((1, Verdict::Failed(failure))) => failure.kind != FailureKind::Interrupted,
            _ => return,
        };
        match self.history.category_before(test) {
            Ok(Category::Stable) if self.nextest.is_none() => self.suspicion.saw(failed),
            Ok(_) => {}
            Err(error) => complain(&error),
        }
    }

    fn judge(&self, test: &str) -> (CategorySummary, Trend) {
        self.history.judge(test).unwrap_or_else(|error| {
            complain(&error);
            let nothing = CategorySummary {
                category: Category::Undetermined,
                n: 0,
                failures: 0,
                rate: 0.0,
                low: 0.0,
                high: 1.0,
                confidence: 0.0,
                missing_ends: 0,
            };
            (nothing, Trend::default())
        })
    }
}

/// A history that cannot be used costs the category, and no test.
fn complain(error: &HistoryError) {
    eprintln!("{}", chaos_core::error::with_sources(error));
}

impl<'a> Attempts<'a> {
    fn of(runner: &'a Runner, test: &'a Selected) -> std::io::Result<Self> {
        let mut name = file_name(&test.name);
        let mut numbers = (1, 1 + runner.settings.retries(test.case).value);
        if let Some(nextest) = &runner.nextest {
            if let Some(repetition) = nextest.stress {
                name.push_str(&format!("@stress-{repetition}"));
            }
            if nextest.retries() {
                numbers = (nextest.attempt, nextest.attempt);
            }
        }
        let directory = runner.directory.path().join(name);
        std::fs::create_dir_all(&directory)?;
        let first_seed = seeds::first(runner.settings.seed(test.case).map(|seed| seed.value));
        let earlier = if numbers.0 > 1 { seeds::recorded(&journal(&directory, 1)) } else { None };
        let first_seed = earlier.unwrap_or(first_seed);
        Ok(Self { runner, case: test.case, name: &test.name, directory, first_seed, numbers })
    }

    /// Makes attempts until one does not fail, and returns them all.
    fn make(&self) -> Vec<AttemptEnded> {
        let mut ended: Vec<AttemptEnded> = Vec::new();
        let mut excused = 0;
        let mut number = self.numbers.0;
        while number <= self.numbers.1 + excused {
            let attempt = self.attempt(number, number - excused);
            let is_excused = attempt.verdict.is_environment();
            let goes_on = is_excused || attempt.verdict.failure().is_some();
            ended.push(attempt);
            if !goes_on || self.runner.interrupt.get().is_some() {
                break;
            }
            if is_excused {
                if excused == self.excuses() {
                    break;
                }
                excused += 1;
                self.await_quiet();
            }
            number += 1;
        }
        ended
    }

    /// How many more attempts there may be because the machine could not carry some. nextest numbers
    /// its own, and is not to be overtaken.
    fn excuses(&self) -> u32 {
        let by_nextest = self.runner.nextest.as_ref().is_some_and(Nextest::retries);
        if by_nextest { 0 } else { self.runner.settings.watch(self.case).retries }
    }

    /// Gives the machine time to become quiet; the next attempt is made in any case.
    fn await_quiet(&self) {
        let watch = self.runner.settings.watch(self.case);
        if let Some(bounds) = &watch.bounds {
            let goes_on = || self.runner.interrupt.get().is_none();
            watch::until_quiet(bounds, watch.quiet_within, goes_on);
        }
    }

    /// Makes the attempt `number`, the `ordinal`-th of those that the machine was able to carry so far:
    /// both count from 1.
    fn attempt(&self, number: u32, ordinal: u32) -> AttemptEnded {
        let runner = self.runner;
        let timeout = runner.settings.timeout(self.case).value + for_shrinking(self.case);
        let timeout = timeout.min(LONGEST_TIMEOUT);
        let spec = Spec {
            test: self.name.to_owned(),
            attempt: number,
            seed: seeds::of_attempt(self.first_seed, ordinal),
            sizing: runner.settings.sizing(self.case),
            journal: journal(&self.directory, number),
            timeout: (!runner.in_process).then_some(timeout),
            harness: std::process::id(),
            captured: runner.capture == Capture::Files,
            check_determinism: runner.check_determinism,
        };
        let started = AttemptStarted {
            test: self.name.to_owned(),
            attempt: number,
            of: self.total() + (number - ordinal),
            waited_ms: 0,
            seed: spec.seed.0,
            unix_ms: unix_ms(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            journal: self.relative(&spec.journal),
        };
        runner.history.record_started(&started).unwrap_or_else(|error| complain(&error));
        runner.reporters.event(&RunEvent::AttemptStarted(started));
        let attempted = if runner.in_process { self.run_here(&spec) } else { self.run(&spec) };
        let verdict = self.over_attempts(number, attempted.verdict, &attempted.summary);
        let ended = AttemptEnded {
            test: self.name.to_owned(),
            attempt: number,
            seed: spec.seed.0,
            duration_ns: nanoseconds(attempted.duration),
            verdict,
            summary: attempted.summary,
            stdout: attempted.stdout.map(|path| self.relative(&path)),
            stderr: attempted.stderr.map(|path| self.relative(&path)),
            resources: attempted.resources,
        };
        runner.history.record_ended(&ended, ordinal == 1).unwrap_or_else(|error| complain(&error));
        runner.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
    }

    /// The verdict about this attempt, with what earlier ones of the run brought about: also those of
    /// another process, under nextest.
    fn over_attempts(&self, number: u32, verdict: Verdict, summary: &AttemptSummary) -> Verdict {
        if !verdict.is_passed() || summary.assertions.is_empty() {
            return verdict;
        }
        let earlier = (1..number).map(|number| {
            let lines = journal::read::<Event>(&journal(&self.directory, number));
            lines.map_or_else(|_| Vec::new(), |lines| summary::of(&lines.records).assertions)
        });
        let all: Vec<_> = earlier.chain([summary.assertions.clone()]).collect();
        assertions::over_attempts(verdict, &all)
    }

    fn run(&self, spec: &Spec) -> Attempted {
        let runner = self.runner;
        let progress = |activity: &Activity| {
            runner.reporters.event(&RunEvent::AttemptProgress(AttemptProgress {
                test: spec.test.clone(),
                phase: activity.phase.clone(),
                faults: activity.faults(),
                ok: activity.ok,
                not_ok: activity.not_ok,
            }));
        };
        let surroundings = Surroundings {
            capture: runner.capture,
            interrupt: &runner.interrupt,
            keep: runner.settings.keep().value,
            own_command_line: runner.own_command_line,
            bounds: runner.settings.watch(self.case).bounds,
            progress: runner.reporters.wants_progress().then_some(&progress),
        };
        parent::run(spec, &surroundings)
    }

    fn run_here(&self, spec: &Spec) -> Attempted {
        let began = Instant::now();
        let verdict = child::run_in_process(self.case, spec).unwrap_or_else(|error| {
            let message = format!("failed to write the journal: {error}");
            Verdict::Failed(Failure::new(FailureKind::Harness, message))
        });
        if verdict.failure().is_some() {
            parent::tell(&postgres::keep_live_databases());
        }
        Attempted::in_process(spec, verdict, began.elapsed())
    }

    /// How many attempts there may be, those that nextest makes included.
    fn total(&self) -> u32 {
        match &self.runner.nextest {
            Some(nextest) if nextest.retries() => nextest.total_attempts,
            _ => self.numbers.1,
        }
    }

    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.runner.directory.path()).unwrap_or(path);
        relative.to_string_lossy().into_owned()
    }
}

fn journal(directory: &Path, attempt: u32) -> PathBuf {
    directory.join(format!("attempt-{attempt}.jsonl"))
}

/// The time in which a failing case of a property is made smaller, which comes on top of its timeout.
#[cfg(feature = "property")]
fn for_shrinking(case: &TestCase) -> Duration {
    // The test says what is wrong with the variable.
    case.options
        .cases
        .map_or(Duration::ZERO, |_| chaos_core::property::shrinking_time().unwrap_or_default())
}

#[cfg(not(feature = "property"))]
fn for_shrinking(_: &TestCase) -> Duration {
    Duration::ZERO
}
