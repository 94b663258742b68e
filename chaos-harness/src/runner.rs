//! Runs the selected tests, and tells the reporters.
//!
//! libtest-mimic schedules the tests and prints the format for machines. What happens in a test is
//! in [`test`](self::test): its attempts, its retries, and its answer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chaos_core::error::with_sources;
use libtest_mimic::{Completion, Trial};

use crate::arguments::{Arguments, Color, Format};
use crate::attempt::output::Capture;
use crate::baselines::Measured;
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::nextest::Nextest;
use crate::phases::Plan;
use crate::phases::progress::Progress;
use crate::registry::TestCase;
use crate::report::FanOut;
use crate::run_directory::{RunDirectory, Unwritable};
use crate::run_event::{
    FORMAT_VERSION, RunEnded, RunEvent, RunStarted, SystemicFailure, TestDescription,
};
use crate::selection::Selection;
use crate::selection::named::Named;
use crate::settings::Settings;
use crate::test_history::{self, Evidence, History, HistoryError, Suite, Surroundings};
use crate::{exit_code, revision};

mod beginning;
mod declaration;
mod elsewhere;
mod judging;
mod measure;
mod policy;
mod reporters;
mod seeds;
mod suspicion;
mod swallowed;
mod test;

use self::beginning::Budget;
use self::measure::Workload;
pub(crate) use self::policy::Policy;
use self::suspicion::Suspicion;
pub(crate) use self::test::Answer;

/// What the tests of one process have in common.
pub(crate) struct Runner {
    settings: Settings,
    nextest: Option<Nextest>,
    identity: Identity,
    /// The commit that is checked out.
    commit: Option<String>,
    directory: RunDirectory,
    history: History,
    reporters: FanOut,
    interrupt: Arc<Interrupt>,
    capture: Capture,
    /// Whether attempts run in this process.
    in_process: bool,
    /// Whether the command line is ours, and not libtest's.
    own_command_line: bool,
    fail_fast: bool,
    /// Whether `git bisect run` asks.
    bisects: bool,
    /// Whether of a test nothing is known: it did not run, or what was measured decides nothing.
    is_undecided: AtomicBool,
    /// Whether explorations only compare runs without faults.
    check_determinism: bool,
    has_failed: AtomicBool,
    /// The names of all tests of this binary.
    tests: Vec<String>,
    /// What tests measured to be compared with another day.
    measured: Measured,
    /// Whether there is a test that must pass, and that the machine could not carry.
    has_overload: AtomicBool,
    suspicion: Suspicion,
    /// How many tests failed at their first attempts.
    failures: AtomicU64,
    workload: Workload,
    phases: Progress,
    /// How long the run may take.
    budget: Option<Budget>,
    began: Instant,
}

/// The harness could not begin its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotRun {
    #[error(transparent)]
    Directory(#[from] Unwritable),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("failed to create the logfile {}", path.display())]
    Logfile { path: PathBuf, source: io::Error },
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
}

/// Where libtest-mimic prints when our own reporter shows the run.
#[cfg(unix)]
const NOWHERE: &str = "/dev/null";
#[cfg(not(unix))]
const NOWHERE: &str = "NUL";

impl Runner {
    /// Makes the directory of the run, and opens the history, unless it was opened already to choose the
    /// tests.
    ///
    /// # Errors
    ///
    /// When a directory cannot be made.
    pub(crate) fn new(
        arguments: &Arguments,
        settings: Settings,
        cases: &[&'static TestCase],
        names: &[String],
        history: Option<History>,
        own_command_line: bool,
    ) -> Result<Self, CannotRun> {
        let nextest = Nextest::detect();
        let identity = Identity::of(cases);
        let directory = RunDirectory::create(&settings, nextest.as_ref(), &identity)?;
        let commit = revision::commit();
        let suite = Suite {
            package: identity.package.clone(),
            binary: identity.target.clone(),
            run: directory.id().to_owned(),
            tests: test_history::fingerprints(cases, names),
            surroundings: Surroundings::of(&settings),
            commit: commit.clone(),
            evidence: evidence(arguments, &settings, nextest.as_ref()),
        };
        let history = match history {
            Some(history) => history.of_run(suite),
            None => History::open(&directory.root().join("history"), suite)?,
        };
        let is_inherited = arguments.no_capture || settings.environment.no_capture;
        let capture = match (is_inherited, arguments.format) {
            (false, _) => Capture::Files,
            (true, Format::Pretty | Format::Terse) => Capture::Inherited,
            (true, Format::Json) => Capture::InheritedOnStderr,
        };
        let reporters = reporters::for_run(
            arguments,
            is_inherited,
            &directory,
            &identity,
            nextest.as_ref(),
            own_command_line,
        );
        Ok(Self {
            in_process: arguments.in_process || settings.environment.in_process,
            fail_fast: arguments.fail_fast,
            bisects: arguments.bisects,
            is_undecided: AtomicBool::new(false),
            check_determinism: arguments.check_determinism,
            reporters: FanOut::new(reporters),
            settings,
            nextest,
            identity,
            commit,
            directory,
            history,
            interrupt: Arc::default(),
            capture,
            own_command_line,
            has_failed: AtomicBool::new(false),
            tests: cases.iter().map(|case| case.name()).collect(),
            measured: Measured::default(),
            has_overload: AtomicBool::new(false),
            suspicion: Suspicion::default(),
            failures: AtomicU64::new(0),
            workload: Workload::default(),
            phases: Progress::default(),
            budget: None,
            began: Instant::now(),
        })
    }

    /// Runs the selected tests, and returns the exit code of the process.
    ///
    /// # Errors
    ///
    /// When the harness cannot begin its work.
    pub(crate) fn run(
        mut self,
        arguments: &Arguments,
        selection: Selection,
        plan: Plan,
    ) -> Result<u8, CannotRun> {
        self.budget = selection.named.as_ref().and_then(Budget::of);
        // Under nextest a process knows of one test only, and has nothing to wait for.
        match self.nextest {
            None => {
                let names = selection.tests.iter().map(|test| &*test.name);
                self.phases = Progress::new(plan, names);
            }
            Some(_) if selection.tests.iter().any(|test| plan.waits(&test.name)) => {
                eprintln!(
                    "nextest runs each test by itself, so no phase of chaos.toml is locked; what they \
                     came to is told by `{}` after the run",
                    self.identity.judge(self.directory.id())
                );
            }
            Some(_) => {}
        }
        if !self.in_process {
            Interrupt::listen(Arc::clone(&self.interrupt)).map_err(CannotRun::Signals)?;
        }
        let arguments = self.mimic_arguments(arguments)?;
        self.announce(&selection, arguments.test_threads.unwrap_or(1));
        let runner = Arc::new(self);
        let mut trials = Vec::new();
        let left_out = selection.left_out();
        let not_selected = selection.named.iter().flat_map(|named| &named.left_out);
        for case in selection.filtered_out.iter().chain(not_selected) {
            // libtest-mimic counts what it leaves out: all that is not marked as ignored.
            trials.push(Trial::test(case.name(), || Ok(())));
        }
        for test in selection.tests {
            let runner = Arc::clone(&runner);
            let name = test.name.clone();
            let trial = Trial::ignorable_test(name, move || match runner.test(&test) {
                Answer::Passed => Ok(Completion::Completed),
                Answer::Ignored(reason) if reason.is_empty() => Ok(Completion::ignored()),
                Answer::Ignored(reason) => Ok(Completion::ignored_with(reason)),
                Answer::Environment(reason) => {
                    Ok(Completion::ignored_with(format!("environment: {reason}")))
                }
                Answer::Failed(text) => Err(text.into()),
            });
            trials.push(trial.with_ignored_flag(true));
        }
        if runner.bisects && trials.iter().all(|trial| !trial.has_ignored_flag()) {
            // At this commit the test is not there.
            runner.is_undecided.store(true, Ordering::Relaxed);
        }
        let conclusion = libtest_mimic::run(&arguments, trials);
        let exit_code = match runner.interrupt.get() {
            Some(interruption) => interruption.exit_code(),
            None => {
                // Each tells what it finds, also in a run that fails in any case.
                let passes_gates = runner.passes_gates(left_out);
                match conclusion.has_failed() {
                    true => exit_code::FAILED,
                    false if runner.bisects && runner.is_undecided.load(Ordering::Relaxed) => {
                        exit_code::ENVIRONMENT
                    }
                    false if runner.has_overload.load(Ordering::Relaxed) => exit_code::ENVIRONMENT,
                    false if !passes_gates => exit_code::GATE,
                    false => exit_code::PASSED,
                }
            }
        };
        let systemic = runner.suspicion.verdict();
        if let Some(SystemicFailure { failed, of }) = systemic {
            let recorded = runner.history.record_systemic(failed, of);
            recorded.unwrap_or_else(|error| eprintln!("{}", with_sources(&error)));
        }
        runner.reporters.event(&RunEvent::RunEnded(RunEnded {
            passed: conclusion.num_passed,
            failed: conclusion.num_failed,
            ignored: conclusion.num_ignored,
            duration_ns: nanoseconds(runner.began.elapsed()),
            exit_code,
            systemic,
        }));
        for problem in runner.history.take_problems() {
            eprintln!("{problem}");
        }
        Ok(exit_code)
    }

    /// What is known of a test before it runs.
    fn description(&self, case: &TestCase) -> TestDescription {
        let owner = self.settings.owner(case, &self.identity.target).map(|it| it.value);
        TestDescription { owner, ..TestDescription::of(case) }
    }

    /// Tells the reporters that the run begins.
    pub(crate) fn announce(&self, selection: &Selection, threads: usize) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = &self.settings;
        let tests = &selection.tests;
        self.reporters.event(&RunEvent::RunStarted(RunStarted {
            version: FORMAT_VERSION,
            run: self.directory.id().to_owned(),
            unix_ms: unix_ms(),
            binary: self.identity.target.clone(),
            package: self.identity.package.clone(),
            arguments: std::env::args_os()
                .skip(1)
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            selected: tests.iter().map(|test| test.name.clone()).collect(),
            tests: tests.iter().map(|test| self.description(test.case)).collect(),
            filtered_out: selection.filtered_out.len() as u64,
            selection: selection.named.as_ref().map(Named::summary),
            threads,
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores,
            ci: std::env::var_os("CI").is_some_and(|value| !value.is_empty()),
            machine: settings.machine.clone(),
            environment: Some(settings.config.environment().to_owned()),
            profile: settings.config.profile().map(str::to_owned),
            commit: self.commit.clone(),
        }));
        if self.in_process {
            eprintln!(
                "tests run in the process of the harness: nothing is captured, no deadline holds, \
                 and a test that exits, aborts or hangs takes the run with it"
            );
        }
        let retries = tests.iter().any(|test| self.settings.retries(test.case).value > 0);
        if let Some(runs) = self.settings.environment.runs {
            let tests = tests.iter().filter(|test| !test.ignored).count() as u64;
            self.workload.add(tests * u64::from(runs));
        }
        if retries && self.yields_retries() {
            eprintln!("nextest repeats failed tests, so the `retries` of chaos tests are not used");
        }
    }

    /// What libtest-mimic is told: the selection has been made, and it is to print what it has a
    /// format for.
    fn mimic_arguments(
        &self,
        arguments: &Arguments,
    ) -> Result<libtest_mimic::Arguments, CannotRun> {
        use libtest_mimic::{ColorSetting, FormatSetting};

        let (format, logfile) = match arguments.format {
            Format::Pretty => (FormatSetting::Pretty, Some(Path::new(NOWHERE))),
            Format::Terse => (FormatSetting::Terse, Some(Path::new(NOWHERE))),
            Format::Json => (FormatSetting::Json, None),
        };
        if let Some(path) = &arguments.logfile {
            std::fs::File::create(path)
                .map_err(|source| CannotRun::Logfile { path: path.clone(), source })?;
        }
        let logfile = arguments.logfile.as_deref().or(logfile);
        Ok(libtest_mimic::Arguments {
            // See `run`.
            ignored: true,
            test_threads: Some(threads(&self.settings, arguments)),
            logfile: logfile.map(|path| path.to_string_lossy().into_owned()),
            format: Some(format),
            color: Some(match arguments.color {
                Color::Auto => ColorSetting::Auto,
                Color::Always => ColorSetting::Always,
                Color::Never => ColorSetting::Never,
            }),
            ..Default::default()
        })
    }

    /// Whether nextest repeats failed tests, so that the harness does not: they would multiply.
    fn yields_retries(&self) -> bool {
        self.nextest.as_ref().is_some_and(Nextest::retries)
    }
}

/// How many tests run at once.
pub(crate) fn threads(settings: &Settings, arguments: &Arguments) -> usize {
    if arguments.in_process || settings.environment.in_process {
        // Panics of spawned tasks could not be told apart.
        return 1;
    }
    let asked_for = settings.test_threads(arguments);
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked_for.map_or_else(cores, |setting| setting.value.into())
}

fn evidence(arguments: &Arguments, settings: &Settings, nextest: Option<&Nextest>) -> Evidence {
    if arguments.bisects {
        Evidence::Bisection
    } else if nextest.is_some_and(|nextest| nextest.attempt > 1) {
        Evidence::OuterRetry
    } else if settings.has_chosen_seed() {
        Evidence::ChosenSeed
    } else if arguments.check_determinism || reporters::replay().is_some() {
        Evidence::Part
    } else {
        Evidence::Counts
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
