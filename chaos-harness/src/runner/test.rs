//! One test: its attempts, its retries, and its answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chaos_core::postgres;
use chaos_core::seed::Seed;
use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, FailureKind, Verdict};

use super::{Runner, nanoseconds, seeds, unix_ms};
use crate::activity::Activity;
use crate::attempt::child;
use crate::attempt::output::Capture;
use crate::attempt::parent::{self, Attempted, Surroundings};
use crate::attempt::spec::Spec;
use crate::history::HistoryError;
use crate::registry::{Gate, TestCase};
use crate::run_directory::file_name;
use crate::run_event::{
    AttemptEnded, AttemptProgress, AttemptStarted, AttemptSummary, CategorySummary, RunEvent,
    TestEnded, TestOutcome,
};
use crate::selection::Selected;
use crate::{capability, exclusive, failure_text};

/// Longer times would overflow the clocks that they are added to, and nobody waits a year.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a test came to, for whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An attempt passed.
    Passed,
    /// It did not run, or its failure does not count; the reason may be empty.
    Ignored(String),
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
        };
        self.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
    }

    fn conclude(&self, test: &Selected, ended: &[AttemptEnded], took: Duration) -> Answer {
        let last = ended.last().expect("at least one attempt was made");
        let (outcome, answer) = match &last.verdict {
            Verdict::Passed if ended.len() == 1 => (TestOutcome::Passed, Answer::Passed),
            Verdict::Passed => (TestOutcome::PassedOnRetry, Answer::Passed),
            Verdict::Failed(failure) if failure.kind == FailureKind::Interrupted => {
                (TestOutcome::Skipped, Answer::Ignored(failure.message.clone()))
            }
            Verdict::Failed(failure) if test.case.options.gate == Gate::MayFail => {
                let reason = format!("failed, as it may: {}", failure.message);
                (TestOutcome::FailedAsAllowed, Answer::Ignored(reason))
            }
            Verdict::Failed(failure) => {
                let path = self.directory.path();
                let text = failure_text::of(last, failure, path, &self.identity);
                (TestOutcome::Failed, Answer::Failed(text))
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
        self.reporters.event(&RunEvent::TestEnded(TestEnded {
            test: test.name.clone(),
            outcome,
            attempts: u32::try_from(ended.len()).unwrap_or(u32::MAX),
            duration_ns: nanoseconds(took),
            category: self.category(&test.name),
        }));
        answer
    }

    fn category(&self, test: &str) -> CategorySummary {
        self.history.category(test).unwrap_or_else(|error| {
            complain(&error);
            CategorySummary {
                category: Category::Undetermined,
                n: 0,
                failures: 0,
                rate: 0.0,
                low: 0.0,
                high: 1.0,
                confidence: 0.0,
                missing_ends: 0,
            }
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
        for number in self.numbers.0..=self.numbers.1 {
            let attempt = self.attempt(number);
            let goes_on = attempt.verdict.failure().is_some();
            ended.push(attempt);
            if !goes_on || self.runner.interrupt.get().is_some() {
                break;
            }
        }
        ended
    }

    fn attempt(&self, number: u32) -> AttemptEnded {
        let runner = self.runner;
        let timeout = runner.settings.timeout(self.case).value.min(LONGEST_TIMEOUT);
        let spec = Spec {
            test: self.name.to_owned(),
            attempt: number,
            seed: seeds::of_attempt(self.first_seed, number),
            journal: journal(&self.directory, number),
            timeout: (!runner.in_process).then_some(timeout),
            harness: std::process::id(),
            captured: runner.capture == Capture::Files,
        };
        let started = AttemptStarted {
            test: self.name.to_owned(),
            attempt: number,
            of: self.total(),
            seed: spec.seed.0,
            unix_ms: unix_ms(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            journal: self.relative(&spec.journal),
        };
        runner.history.record_started(&started).unwrap_or_else(|error| complain(&error));
        runner.reporters.event(&RunEvent::AttemptStarted(started));
        let attempted = if runner.in_process { self.run_here(&spec) } else { self.run(&spec) };
        let ended = AttemptEnded {
            test: self.name.to_owned(),
            attempt: number,
            seed: spec.seed.0,
            duration_ns: nanoseconds(attempted.duration),
            verdict: attempted.verdict,
            summary: attempted.summary,
            stdout: attempted.stdout.map(|path| self.relative(&path)),
            stderr: attempted.stderr.map(|path| self.relative(&path)),
        };
        runner.history.record_ended(&ended).unwrap_or_else(|error| complain(&error));
        runner.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
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
