//! One test: its attempts, its retries, and its answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chaos_core::event::Event;
use chaos_core::seed::Seed;
use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, FailureKind, Verdict};
use chaos_core::{journal, postgres};

use super::beginning::Reason;
use super::measure::{self, Series};
use super::{Policy, Runner, declaration, elsewhere, nanoseconds, seeds, swallowed, unix_ms};
use crate::activity::Activity;
use crate::attempt::output::Capture;
use crate::attempt::parent::{self, Attempted, Surroundings};
use crate::attempt::spec::Spec;
use crate::attempt::{assertions, child};
use crate::config::run::FlakyResult;
use crate::nextest::Nextest;
use crate::quarantine::Date;
use crate::registry::{Gate, TestCase};
use crate::run_directory::file_name;
use crate::run_event::{
    AttemptEnded, AttemptProgress, AttemptStarted, AttemptSummary, CategorySummary, Measuring,
    RunEvent, TestEnded, TestOutcome, Trend,
};
use crate::selection::Selected;
use crate::test_history::HistoryError;
use crate::{exclusive, failure_text, summary, watch};

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
    policy: Policy,
}

/// The attempts that were made, and what they come to together.
struct Made {
    ended: Vec<AttemptEnded>,
    /// Whether enough of them passed.
    passed: bool,
    /// Whether they were made to measure the test.
    measured: bool,
    /// Why they fail although they passed.
    refused: Option<String>,
    remarks: Vec<String>,
}

impl Made {
    fn begun(measured: bool) -> Self {
        Self { ended: Vec::new(), passed: false, measured, refused: None, remarks: Vec::new() }
    }
}

impl Runner {
    /// Runs a test, or skips it, and tells the reporters.
    pub(crate) fn test(&self, test: &Selected) -> Answer {
        // To whatever end it comes, also by a panic, those that wait for it go on.
        let turn = self.phases.turn(&test.name);
        if let Some(reason) = self.not_begun_because(test, &turn) {
            return self.skip(&test.name, reason);
        }
        let permit = exclusive::wait(self.directory.root(), test.case.options.exclusive);
        // It may have taken a while to get here.
        if let Some(reason) = self.stopped() {
            return self.skip(&test.name, reason);
        }
        let began = Instant::now();
        let made = match permit.and_then(|permit| Ok((Attempts::of(self, test)?, permit))) {
            Ok((attempts, _permit)) => match self.settings.environment.runs {
                Some(runs) => attempts.measure(runs),
                None => attempts.make(),
            },
            Err(error) => {
                Made { ended: vec![self.not_begun(&test.name, &error)], ..Made::begun(false) }
            }
        };
        self.conclude(test, made, began.elapsed())
    }

    fn skip(&self, test: &str, reason: Reason) -> Answer {
        let Reason { text: reason, cause } = reason;
        self.is_undecided.store(true, Ordering::Relaxed);
        let (test, told) = (test.to_owned(), reason.clone());
        self.reporters.event(&RunEvent::TestSkipped { test, reason: told, cause });
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
            diagnostics: None,
        };
        self.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
    }

    fn conclude(&self, test: &Selected, made: Made, took: Duration) -> Answer {
        let Made { ended, passed, measured, refused, mut remarks } = made;
        remarks.extend(refused.clone());
        // Where the machine could carry some attempts, those decide.
        let mut carried = ended.iter().filter(|attempt| !attempt.verdict.is_environment());
        let last = carried.next_back().or(ended.last()).expect("at least one attempt was made");
        let quarantined = self.quarantined(&test.name);
        let failure = ended.iter().rev().find_map(|it| Some((it, it.verdict.failure()?)));
        let fails_if_flaky = self.settings.flaky_result().value == FlakyResult::Fail;
        let (outcome, answer) = match (&last.verdict, failure) {
            (Verdict::Failed(failure), _) if failure.kind == FailureKind::Interrupted => {
                (TestOutcome::Skipped, Answer::Ignored(failure.message.clone()))
            }
            (Verdict::Passed | Verdict::Skipped { .. }, None) if refused.is_some() => {
                let why = refused.unwrap_or_default();
                match quarantined.is_some() || test.case.options.gate == Gate::MayFail {
                    true => (TestOutcome::FailedAsAllowed, Answer::Ignored(why)),
                    false => (TestOutcome::Failed, Answer::Failed(why)),
                }
            }
            // What is missing at a retry takes no failure back that was there before it.
            (Verdict::Skipped { reason }, None) => {
                (TestOutcome::Skipped, Answer::Ignored(reason.clone()))
            }
            _ if passed && measured => (TestOutcome::Measured, Answer::Passed),
            (_, None) if passed => (TestOutcome::Passed, Answer::Passed),
            _ if passed && !fails_if_flaky => (TestOutcome::PassedOnRetry, Answer::Passed),
            (_, Some((attempt, failure))) => {
                if passed {
                    remarks.push(format!(
                        "passed on attempt {} and fails all the same (flaky-result is `fail`)",
                        last.attempt
                    ));
                }
                let may_fail = quarantined.is_some() || test.case.options.gate == Gate::MayFail;
                // Whoever looks for the commit at which it began to fail wants to hear of it.
                if may_fail && !self.bisects {
                    let why = quarantined.as_deref().unwrap_or("as it may");
                    let reason = format!("failed, {why}: {}", failure.message);
                    (TestOutcome::FailedAsAllowed, Answer::Ignored(reason))
                } else {
                    let path = self.directory.path();
                    let mut text = failure_text::of(attempt, failure, path, &self.identity);
                    for remark in &remarks {
                        text.push_str(&format!("\n{remark}"));
                    }
                    (TestOutcome::Failed, Answer::Failed(text))
                }
            }
            (Verdict::Environment { reason, .. }, _) => {
                if test.case.options.gate == Gate::MustPass {
                    self.has_overload.store(true, Ordering::Relaxed);
                }
                (TestOutcome::Environment, Answer::Environment(reason.clone()))
            }
            (other, None) => {
                let text = format!("the harness does not know the verdict {other:?}");
                (TestOutcome::Failed, Answer::Failed(text))
            }
        };
        if matches!(outcome, TestOutcome::Skipped | TestOutcome::Environment) {
            self.is_undecided.store(true, Ordering::Relaxed);
        }
        if outcome == TestOutcome::Failed {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        let must_pass = quarantined.is_none() && test.case.options.gate == Gate::MustPass;
        if !matches!(outcome, TestOutcome::Skipped | TestOutcome::Environment) {
            self.phases.judged(&test.name, must_pass, answer == Answer::Passed);
        }
        if last.verdict.is_passed() && answer == Answer::Passed {
            self.measured.add(last);
            remarks.extend(swallowed::remark(&last.summary));
        }
        if !measured {
            remarks.extend(self.suspect(&test.name, &ended));
        }
        let (category, trend) = self.judge(&test.name);
        remarks.extend(quarantined);
        remarks.extend(declaration::remarks(test.case, &category, &trend));
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

    /// Counts the test if it was known to be stable, and says what a first failure of it asks for.
    /// Under nextest no process knows of the others.
    fn suspect(&self, test: &str, ended: &[AttemptEnded]) -> Option<String> {
        let failed = match ended.first().map(|first| (first.attempt, &first.verdict)) {
            Some((1, Verdict::Passed)) => false,
            Some((1, Verdict::Failed(failure))) => failure.kind != FailureKind::Interrupted,
            _ => return None,
        };
        match self.history.category_before(test) {
            Ok(Category::Stable) => {
                // What lasts is no bad day of the machine, but a change.
                if self.nextest.is_none() && !self.history.was_suspected(test).unwrap_or(false) {
                    self.suspicion.saw(failed);
                }
                failed.then(|| {
                    "was stable and failed now; `--chaos-runs 100` tells a regression from chance"
                        .to_owned()
                })
            }
            Ok(_) => None,
            Err(error) => {
                complain(&error);
                None
            }
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
        let policy = Policy::of(&runner.settings, test.case).map_err(std::io::Error::other)?;
        let mut numbers = (1, 1 + policy.retries);
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
        let (case, name) = (test.case, test.name.as_str());
        Ok(Self { runner, case, name, directory, first_seed, numbers, policy })
    }

    /// Makes attempts until enough have passed or no more are worth it.
    fn make(&self) -> Made {
        let (first, last) = self.numbers;
        // Under nextest, whose retries are processes of their own, each passes or fails alone.
        let needed = if first == last { 1 } else { self.policy.passes_needed() };
        let mut made = Made::begun(false);
        let (mut passes, mut is_lost) = (0, false);
        let mut waited = Duration::ZERO;
        let mut excused = 0;
        let mut number = first;
        while number <= last + excused {
            let ordinal = number - excused;
            let seed = seeds::of_attempt(self.first_seed, ordinal, passes > 0);
            let attempt = self.attempt(number, ordinal, seed, waited);
            waited = Duration::ZERO;
            let is_excused = attempt.verdict.is_environment();
            let failure = attempt.verdict.failure().cloned();
            let passed = attempt.verdict.is_passed();
            made.ended.push(attempt);
            passes += u32::from(passed);
            made.passed = passes >= needed && !is_lost;
            number += 1;
            if is_excused {
                if excused == self.excuses() || self.runner.interrupt.get().is_some() {
                    break;
                }
                excused += 1;
                self.await_quiet();
                continue;
            }
            let left = last - ordinal;
            let Some(failure) = failure else {
                if !passed || made.passed || is_lost || passes + left < needed {
                    break;
                }
                continue;
            };
            if ordinal == 1 {
                self.runner.failures.fetch_add(1, Ordering::Relaxed);
            }
            if left == 0 || self.runner.interrupt.get().is_some() || is_lost {
                break;
            }
            if self.policy.is_final(&failure) {
                is_lost = true;
                made.remarks.push(format!(
                    "{}, which no retry forgives: the next attempt only tells whether the seed \
                     reproduces it",
                    failure.kind
                ));
            } else if passes + left < needed {
                break;
            }
            if let Some(remark) = self.not_worth_a_retry(&failure) {
                made.remarks.push(remark);
                break;
            }
            waited = self.pause(ordinal + 1 - first);
        }
        let is_skipped =
            made.ended.last().is_some_and(|it| matches!(it.verdict, Verdict::Skipped { .. }));
        if first > 1 && (made.passed || is_skipped) {
            let Self { runner, name, policy, .. } = &self;
            made.refused = elsewhere::refusal(runner, name, first, made.passed, policy);
        }
        made
    }

    /// Why a failure gets no further attempt, if that is so.
    fn not_worth_a_retry(&self, failure: &Failure) -> Option<String> {
        if !self.policy.retries(failure) {
            return Some("not retried: the failure is none that `only_retry` names".to_owned());
        }
        let most = self.runner.settings.max_failures()?.value;
        let failures = self.runner.failures.load(Ordering::Relaxed);
        (failures > most).then(|| {
            let have = if failures == 1 { "test has" } else { "tests have" };
            format!("not retried: {failures} {have} failed (max-failures is {most})")
        })
    }

    /// Waits before a retry, as long as the policy says and the run is not interrupted.
    fn pause(&self, retry: u32) -> Duration {
        let pause = self.policy.pause(self.first_seed, retry);
        let began = Instant::now();
        while began.elapsed() < pause && self.runner.interrupt.get().is_none() {
            std::thread::sleep((pause - began.elapsed().min(pause)).min(Duration::from_millis(20)));
        }
        began.elapsed().min(pause)
    }

    /// Runs the test until its category is decided, at most so often.
    fn measure(&self, most: u32) -> Made {
        let runner = self.runner;
        let mut series = Series::default();
        let mut made = Made::begun(true);
        let mut heard_of = Instant::now();
        let has_seed = runner.settings.seed(self.case).is_some();
        for number in 1..=most {
            // With a seed of its own every first attempt has that one.
            let seed = if has_seed { 1 } else { number };
            let seed = seeds::of_run(self.first_seed, seed);
            let mut attempt = self.attempt(number, number, seed, Duration::ZERO);
            measure::tidy(&self.directory, &mut attempt);
            let is_skipped = matches!(attempt.verdict, Verdict::Skipped { .. });
            let is_interrupted = runner.interrupt.get().is_some();
            if attempt.verdict.is_environment() {
                self.await_quiet();
            } else if !is_skipped && !is_interrupted {
                series.add(&attempt);
            }
            made.ended.push(attempt);
            runner.workload.ran();
            let over = self.runner.out_of_time();
            if is_skipped || is_interrupted || series.is_decided() || over.is_some() {
                made.remarks.extend(over.map(|over| format!("not measured to the end: {over}")));
                runner.workload.skip(u64::from(most - number));
                break;
            }
            if heard_of.elapsed() >= measure::HEARD_OF {
                heard_of = Instant::now();
                let left = runner.workload.left(runner.began).unwrap_or_default();
                runner.reporters.event(&RunEvent::Measuring(Measuring {
                    test: self.name.to_owned(),
                    runs: series.runs,
                    most: u64::from(most),
                    failures: series.failures,
                    left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                }));
            }
        }
        let is_worse = series.is_worse_than(declaration::declared(self.case));
        // What could not be run at all was not measured either.
        made.passed = !is_worse && series.runs > 0;
        if !is_worse && !series.is_decided() {
            self.runner.is_undecided.store(true, Ordering::Relaxed);
        }
        let judgement = if is_worse { "; it fails, as it is worse than it declares" } else { "" };
        made.remarks.push(series.text() + judgement);
        made
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
    fn attempt(&self, number: u32, ordinal: u32, seed: Seed, waited: Duration) -> AttemptEnded {
        let runner = self.runner;
        let timeout = runner.settings.timeout(self.case).value + for_shrinking(self.case);
        let timeout = timeout.min(LONGEST_TIMEOUT);
        let spec = Spec {
            test: self.name.to_owned(),
            attempt: number,
            seed,
            sizing: runner.settings.sizing(self.case),
            journal: journal(&self.directory, number),
            timeout: (!runner.in_process).then_some(timeout),
            harness: std::process::id(),
            captured: runner.capture == Capture::Files,
            check_determinism: runner.check_determinism,
            diagnostics: runner.settings.diagnostics().value,
            trace: runner.settings.trace().value,
        };
        let started = AttemptStarted {
            test: self.name.to_owned(),
            attempt: number,
            of: self.total() + (number - ordinal),
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
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
            diagnostics: attempted.diagnostics.map(|kept| kept.told(|it| self.relative(it))),
        };
        let is_fresh = ordinal == 1 || runner.settings.environment.runs.is_some();
        runner.history.record_ended(&ended, is_fresh).unwrap_or_else(|error| complain(&error));
        runner.reporters.event(&RunEvent::AttemptEnded(ended.clone()));
        ended
    }

    /// The verdict about this attempt, with what earlier ones of the run brought about: also those of
    /// another process, under nextest.
    fn over_attempts(&self, number: u32, verdict: Verdict, summary: &AttemptSummary) -> Verdict {
        if !verdict.is_passed() || summary.assertions.is_empty() {
            return verdict;
        }
        // Each run of a test that is measured stands for a run of the suite.
        let first = if self.runner.settings.environment.runs.is_some() { number } else { 1 };
        let earlier = (first..number).map(|number| {
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
        let (runner, began) = (self.runner, Instant::now());
        let verdict = child::run_in_process(self.case, spec).unwrap_or_else(|error| {
            let message = format!("failed to write the journal: {error}");
            Verdict::Failed(Failure::new(FailureKind::Harness, message))
        });
        if verdict.failure().is_some() {
            parent::tell(&postgres::keep_live_databases());
        }
        let keep = runner.settings.keep().value;
        Attempted::in_process(spec, verdict, began.elapsed(), keep)
    }

    /// How many attempts there may be, those that nextest makes included.
    fn total(&self) -> u32 {
        if let Some(runs) = self.runner.settings.environment.runs {
            return runs;
        }
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
