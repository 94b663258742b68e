//! The effective value of every setting, and where it comes from.
//!
//! What goes before what, from first to last:
//!
//! 1. an option of the command line: `--chaos-timeout 2m`;
//! 2. an environment variable: `CHAOS_TIMEOUT=2m`;
//! 3. `chaos.toml`: see [`config`](crate::config) for the order within it;
//! 4. the attribute of the test: `#[chaos_test(timeout = "2m")]`;
//! 5. what was found out about the machine;
//! 6. the default.
//!
//! A function of [`Settings`] for each value is the only place where this order is applied to it.
//! [`listing`] prints them all for `--chaos-config`.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::error::with_sources;
use chaos_core::machine::Machine;
use chaos_core::seed::Seed;
use chaos_core::sizing::Sizing;

use crate::arguments::{Arguments, combination};
use crate::config::assignment::{self, Assignment, SetBy};
use crate::config::attempts::MOST_RETRIES;
use crate::config::profile::Hardware;
use crate::config::run::{FlakyResult, TraceLevel};
use crate::config::selections::NamedSelection;
use crate::config::size::Size;
use crate::config::{Config, FilePlace, Found, Located, Place, Sections, find};
use crate::environment::Environment;
use crate::identity::Identity;
use crate::nextest::Nextest;
use crate::quarantine::{self, Date, Quarantine};
use crate::registry::{self, TestCase};
use crate::run_directory;

mod baselines;
pub(crate) mod listing;
mod watch;

/// The environment in which a test gets exactly what it asks for.
const VALIDATION: &str = "validation";

/// How long an attempt may take where nobody says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How much is kept of what happened before a failure where nobody says otherwise.
const DEFAULT_DIAGNOSTICS: Duration = Duration::from_secs(5);

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// An option of the command line.
    CommandLine(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// `chaos.toml`.
    File(FilePlace),
    /// This line of the quarantine.
    Quarantine(usize),
    /// The attribute of the test.
    Attribute,
    /// What was found out about this machine or about who runs the tests, in words.
    Detected(String),
    /// Nobody says anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(option) => write!(f, "command line ({option})"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(place) => write!(f, "{place}"),
            Self::Quarantine(line) => write!(f, "{}:{line}", quarantine::NAME),
            Self::Attribute => f.write_str("attribute"),
            Self::Detected(what) => write!(f, "detected: {what}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Everything that is set for the tests of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) environment: Environment,
    pub(crate) config: Config,
    pub(crate) quarantine: Quarantine,
    /// What machine this is.
    pub(crate) machine: Option<Machine>,
    environment_source: Option<Source>,
}

/// What `chaos.toml`, a variable or an attribute says of retries is meant for other runs; who asks for them in
/// the command line means this one.
fn refuse_retries_of_measured_tests(
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Vec<String>> {
    let Some(retries) = combination::asks_for_retries(arguments) else { return Ok(()) };
    let Some(runs) = environment.runs else { return Ok(()) };
    let by = match environment.source("CHAOS_RUNS") {
        Source::CommandLine(option) => format!("`{option} {runs}`"),
        _ => format!("CHAOS_RUNS={runs}"),
    };
    Err(vec![format!(
        "{by} measures how often tests fail at first attempts, and no retries are made, which \
         `{retries}` asks for; leave one of them out"
    )])
}

impl Settings {
    /// Reads the command line and the variables alone, which are the same whatever commit is checked out.
    ///
    /// # Errors
    ///
    /// Everything that could not be understood.
    pub(crate) fn check_command(arguments: &Arguments) -> Result<(), Vec<String>> {
        environment(arguments)?;
        assignments(arguments).map(drop)
    }

    /// Reads variables, the file and the machine.
    ///
    /// # Errors
    ///
    /// Everything that could not be understood, in words.
    pub(crate) fn read(
        arguments: &Arguments,
        nextest: Option<&Nextest>,
    ) -> Result<Self, Vec<String>> {
        let environment = environment(arguments)?;
        let package = run_directory::package().unwrap_or_default();
        let workspace = run_directory::workspace(nextest);
        // Of all files and options the mistakes are told at once.
        let mut mistakes = Vec::new();
        let read = find::read(environment.config.as_deref(), &package, &workspace);
        let beside = match &read {
            Ok(file) => file.as_ref().and_then(|file| file.path.parent()),
            Err(error) => error.directory(),
        };
        let beside = beside.map(Path::to_owned);
        let directories: Vec<&Path> =
            beside.iter().map(PathBuf::as_path).chain([&*package, &*workspace]).collect();
        let file = read.unwrap_or_else(|error| tell(&mut mistakes, &error));
        let quarantine =
            Quarantine::read(&directories).unwrap_or_else(|error| tell(&mut mistakes, &error));
        let assignments = assignments(arguments).unwrap_or_else(|wrong| {
            mistakes.extend(wrong);
            Vec::new()
        });
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let chosen = environment.name.clone().map(|name| {
            let source = environment.source("CHAOS_ENVIRONMENT");
            Setting { value: name, source }
        });
        let chosen = chosen.unwrap_or_else(detected_environment);
        let profile = environment.profile.as_deref();
        let machine = Machine::detect();
        let hardware = Hardware { cores: Some(machine.cores), memory: machine.memory };
        let binary = Identity::of(&registry::all()).target;
        let file = file.map(|file| file.for_binary(&binary));
        let config = Config::new(file, &chosen.value, profile, hardware)
            .map_err(|error| vec![error.to_string()])?
            .with(assignments);
        if let Some(name) = &environment.select {
            config.selection(name).map_err(|error| vec![error.to_string()])?;
        }
        let (machine, environment_source) = (Some(machine), Some(chosen.source));
        Ok(Self { environment, config, quarantine, machine, environment_source })
    }

    /// The environment, such as `ci`.
    pub(crate) fn environment(&self) -> Setting<String> {
        Setting {
            value: self.config.environment().to_owned(),
            source: self.environment_source.clone().unwrap_or(Source::Default),
        }
    }

    /// The hardware profile, if one applies.
    pub(crate) fn profile(&self) -> Setting<Option<String>> {
        let value = self.config.profile().map(str::to_owned);
        let source = match (&self.environment.profile, &value) {
            (Some(_), _) => self.environment.source("CHAOS_PROFILE"),
            (None, Some(_)) => Source::Detected("its conditions are met".to_owned()),
            (None, None) => Source::Default,
        };
        Setting { value, source }
    }

    /// The selection that was asked for, if one was.
    pub(crate) fn selection(&self) -> Option<Setting<NamedSelection>> {
        // That there is one of that name was found out when the settings were read.
        let named = self.environment.select.as_ref().and_then(|it| self.config.selection(it).ok());
        self.given("CHAOS_SELECT", named)
    }

    /// What names the file that lists the requirements, as it is written there.
    fn requirements_setting(&self) -> Option<Setting<String>> {
        self.found_for_all(|sections| sections.coverage.requirements.as_ref())
    }

    /// The file that lists the requirements, if `chaos.toml` names one.
    pub(crate) fn requirements(&self) -> Option<PathBuf> {
        let found = self.config.get(None, |sections| sections.coverage.requirements.as_ref())?;
        let beside_file = || self.config.file().and_then(Path::parent).unwrap_or(Path::new(""));
        Some(match found.place {
            Place::File(_) => beside_file().join(found.value),
            Place::Set(_) => run_directory::workspace(None).join(found.value),
        })
    }

    /// How long an attempt at the test may take.
    pub(crate) fn timeout(&self, case: &TestCase) -> Setting<Duration> {
        let in_file = self.found(case, |sections| sections.attempts.timeout.as_ref());
        first(self.given("CHAOS_TIMEOUT", self.environment.timeout), in_file)
            .or_else(|| attribute(case.options.timeout))
            .unwrap_or(Setting { value: DEFAULT_TIMEOUT, source: Source::Default })
    }

    /// How many more attempts the test gets when it failed.
    pub(crate) fn retries(&self, case: &TestCase) -> Setting<u32> {
        let found = self.found(case, |sections| sections.attempts.retries.as_ref());
        let in_file = found.map(|found| found.map(|n| u32::try_from(n).unwrap_or(MOST_RETRIES)));
        first(self.given("CHAOS_RETRIES", self.environment.retries), in_file)
            .or_else(|| attribute(Some(case.options.retries).filter(|retries| *retries > 0)))
            .unwrap_or(Setting { value: 0, source: Source::Default })
    }

    /// Which failures of the test get another attempt; absent for all.
    pub(crate) fn only_retry(&self, case: &TestCase) -> Option<Setting<String>> {
        self.found(case, |sections| sections.attempts.only_retry.as_ref())
            .or_else(|| attribute(case.options.only_retry.map(str::to_owned)))
    }

    /// How long to wait before the first retry of the test; absent for not at all.
    pub(crate) fn backoff(&self, case: &TestCase) -> Option<Setting<Duration>> {
        self.found(case, |sections| sections.attempts.backoff.as_ref())
            .or_else(|| attribute(case.options.backoff))
    }

    /// How many attempts at the test have to pass.
    pub(crate) fn min_passes(&self, case: &TestCase) -> Setting<u32> {
        let declared = Some(case.options.min_passes).filter(|passes| *passes > 1);
        self.found(case, |sections| sections.attempts.min_passes.as_ref())
            .map(|found| found.map(|passes| u32::try_from(passes).unwrap_or(u32::MAX)))
            .or_else(|| attribute(declared))
            .unwrap_or(Setting { value: 1, source: Source::Default })
    }

    /// Whether a retry forgives a violated check; absent if nobody says.
    pub(crate) fn forgive_violations(&self, case: &TestCase) -> Option<Setting<bool>> {
        self.found(case, |sections| sections.attempts.forgive_violations.as_ref())
    }

    /// Who sees to the failures of the test: whoever has taken it into the quarantine, or who the file
    /// names.
    pub(crate) fn owner(&self, case: &TestCase, binary: &str) -> Option<Setting<String>> {
        let entry = self.quarantine.entry(binary, &case.name(), Date::today());
        let of_quarantine = entry.map(|entry| Setting {
            value: entry.owner.clone(),
            source: Source::Quarantine(entry.line),
        });
        let in_file = || self.found(case, |sections| sections.triage.owner.as_ref());
        of_quarantine.or_else(in_file)
    }

    /// How many tests may fail before failed tests are no longer retried; absent for any number.
    pub(crate) fn max_failures(&self) -> Option<Setting<u64>> {
        let in_file = self.found_for_all(|sections| sections.run.max_failures.as_ref());
        first(self.given("CHAOS_MAX_FAILURES", self.environment.max_failures), in_file)
    }

    /// What a test comes to that passed on a retry.
    pub(crate) fn flaky_result(&self) -> Setting<FlakyResult> {
        let in_file = self.found_for_all(|sections| sections.run.flaky_result.as_ref());
        first(self.given("CHAOS_FLAKY_RESULT", self.environment.flaky_result), in_file)
            .unwrap_or(Setting { value: FlakyResult::Pass, source: Source::Default })
    }

    /// The seed of the first attempt at the test; random if there is none.
    pub(crate) fn seed(&self, case: &TestCase) -> Option<Setting<Seed>> {
        let in_file = self.found(case, |sections| sections.attempts.seed.as_ref());
        let in_file = in_file.map(|found| found.map(Seed));
        first(self.given("CHAOS_SEED", self.environment.seed), in_file)
            .or_else(|| attribute(case.options.seed.map(Seed)))
    }

    /// Whether somebody has chosen a seed for this run alone, by whichever option or variable.
    pub(crate) fn has_chosen_seed(&self) -> bool {
        let in_sections = self.config.get(None, |sections| sections.attempts.seed.as_ref());
        self.environment.seed.is_some()
            || in_sections.is_some_and(|found| matches!(found.place, Place::Set(_)))
    }

    /// What `cx.load(..)` multiplies numbers of clients with.
    pub(crate) fn load_multiplier(&self, case: &TestCase) -> Setting<f64> {
        let in_file = self.found(case, |sections| sections.load.multiplier.as_ref());
        first(self.given("CHAOS_LOAD_MULTIPLIER", self.environment.load_multiplier), in_file)
            .unwrap_or_else(|| self.fitted(Machine::load_multiplier))
    }

    /// What `cx.timeout(..)` multiplies times with.
    pub(crate) fn timeout_multiplier(&self, case: &TestCase) -> Setting<f64> {
        let in_file = self.found(case, |sections| sections.load.timeout_multiplier.as_ref());
        first(self.given("CHAOS_TIMEOUT_MULTIPLIER", self.environment.timeout_multiplier), in_file)
            .unwrap_or_else(|| self.fitted(Machine::timeout_multiplier))
    }

    /// What `cx.pool_size(..)` answers, whatever it is asked for; absent if nobody says.
    pub(crate) fn pool_size(&self, case: &TestCase) -> Option<Setting<u32>> {
        let found = self.found(case, |sections| sections.load.pool_size.as_ref());
        let in_file = found.map(|it| it.map(|size| u32::try_from(size).unwrap_or(u32::MAX)));
        first(self.given("CHAOS_POOL_SIZE", self.environment.pool_size), in_file)
    }

    /// How loads, times and pools of the test are fitted to the machine.
    pub(crate) fn sizing(&self, case: &TestCase) -> Sizing {
        Sizing {
            load_multiplier: self.load_multiplier(case).value,
            timeout_multiplier: self.timeout_multiplier(case).value,
            pool_size: self.pool_size(case).map(|size| size.value),
        }
    }

    /// What the machine suggests, except where a validation wants full loads wherever it runs.
    fn fitted(&self, of: impl Fn(&Machine) -> f64) -> Setting<f64> {
        match &self.machine {
            Some(machine) if self.config.environment() != VALIDATION => {
                let (cores, memory) = (machine.cores, machine.memory.map(Size));
                let noun = if cores == 1.0 { "core" } else { "cores" };
                let memory = memory.map_or_else(String::new, |memory| format!(", {memory}"));
                let load = machine
                    .load_average
                    .map_or_else(String::new, |[minute, ..]| format!(", load {minute:.1}"));
                let source = Source::Detected(format!("{cores} {noun}{memory}{load}"));
                Setting { value: of(machine), source }
            }
            _ => Setting { value: 1.0, source: Source::Default },
        }
    }

    /// Where journals, history and reports go; absent for the target directory.
    pub(crate) fn directory(&self) -> Option<Setting<PathBuf>> {
        let in_file = self.found_for_all(|sections| sections.run.directory.as_ref());
        let in_file = in_file.map(|found| found.map(PathBuf::from));
        first(self.given("CHAOS_DIR", self.environment.directory.clone()), in_file)
    }

    /// How many tests run at once; absent for one on each processor.
    pub(crate) fn test_threads(&self, arguments: &Arguments) -> Option<Setting<NonZeroUsize>> {
        let in_file = || {
            let found = self.found_for_all(|sections| sections.run.test_threads.as_ref())?;
            let value = NonZeroUsize::new(usize::try_from(found.value).ok()?)?;
            Some(Setting { value, source: found.source })
        };
        let option = |value| Setting { value, source: Source::CommandLine("--test-threads") };
        let given = self.given("RUST_TEST_THREADS", self.environment.test_threads);
        first(arguments.test_threads.map(option).or(given), in_file())
    }

    /// Whether the databases of attempts that failed are kept.
    pub(crate) fn keep(&self) -> Setting<bool> {
        let in_file = self.found_for_all(|sections| sections.run.keep.as_ref());
        first(self.given("CHAOS_KEEP", self.environment.keep), in_file)
            .unwrap_or(Setting { value: false, source: Source::Default })
    }

    /// How much is kept of what happened before a failure; nothing for none.
    pub(crate) fn diagnostics(&self) -> Setting<Duration> {
        let in_file = self.found_for_all(|sections| sections.run.diagnostics.as_ref());
        first(self.given("CHAOS_DIAGNOSTICS", self.environment.diagnostics), in_file)
            .unwrap_or(Setting { value: DEFAULT_DIAGNOSTICS, source: Source::Default })
    }

    /// What is traced where the code under test sets no subscriber.
    pub(crate) fn trace(&self) -> Setting<TraceLevel> {
        let in_file = self.found_for_all(|sections| sections.run.trace.as_ref());
        first(self.given("CHAOS_TRACE", self.environment.trace), in_file)
            .unwrap_or(Setting { value: TraceLevel::Info, source: Source::Default })
    }

    /// What an option or a variable says.
    fn given<T>(&self, variable: &'static str, value: Option<T>) -> Option<Setting<T>> {
        Some(Setting { value: value?, source: self.environment.source(variable) })
    }

    /// What the file says for a test.
    fn found<T: Clone>(
        &self,
        case: &TestCase,
        pick: impl Fn(&Sections) -> Option<&Located<T>>,
    ) -> Option<Setting<T>> {
        self.config.get(Some(&case.name()), pick).map(Setting::from)
    }

    /// What the file says for the suite as a whole.
    fn found_for_all<T: Clone>(
        &self,
        pick: impl Fn(&Sections) -> Option<&Located<T>>,
    ) -> Option<Setting<T>> {
        self.config.get(None, pick).map(Setting::from)
    }
}

impl<T> Setting<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), source: self.source }
    }
}

impl<T> From<Found<T>> for Setting<T> {
    fn from(found: Found<T>) -> Self {
        let source = match found.place {
            Place::Set(SetBy::Option) => Source::CommandLine(assignment::OPTION),
            Place::Set(SetBy::Variable) => Source::Variable(assignment::VARIABLE),
            Place::File(place) => Source::File(place),
        };
        Self { value: found.value, source }
    }
}

/// What goes before the other: an option or a variable of its own, or what the sections say, which may
/// come from an option or a variable too.
fn first<T>(given: Option<Setting<T>>, in_sections: Option<Setting<T>>) -> Option<Setting<T>> {
    let is_option = |it: &Setting<T>| matches!(it.source, Source::CommandLine(_));
    if !given.as_ref().is_some_and(is_option) && in_sections.as_ref().is_some_and(is_option) {
        return in_sections;
    }
    given.or(in_sections)
}

fn attribute<T>(value: Option<T>) -> Option<Setting<T>> {
    Some(Setting { value: value?, source: Source::Attribute })
}

/// Adds what an error says, which may be several lines, and goes on without what could not be read.
fn tell<T: Default>(mistakes: &mut Vec<String>, error: &(dyn std::error::Error + 'static)) -> T {
    mistakes.extend(with_sources(error).lines().map(str::to_owned));
    T::default()
}

/// What variables and options say.
fn environment(arguments: &Arguments) -> Result<Environment, Vec<String>> {
    let environment = Environment::read(&arguments.settings)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    refuse_retries_of_measured_tests(arguments, &environment)?;
    Ok(environment)
}

/// What the variable and the options set in the words of the file.
fn assignments(arguments: &Arguments) -> Result<Vec<Assignment>, Vec<String>> {
    let variable = std::env::var(assignment::VARIABLE).unwrap_or_default();
    let (mut set, mut mistakes) = match Assignment::of_variable(&variable) {
        Ok(set) => (set, Vec::new()),
        Err(mistakes) => (Vec::new(), mistakes),
    };
    for text in &arguments.set {
        match Assignment::parse(SetBy::Option, text) {
            Ok(assignment) => set.push(assignment),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(set) } else { Err(mistakes) }
}

fn detected_environment() -> Setting<String> {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let (name, why) = if is_ci { ("ci", "CI is set") } else { ("local", "CI is not set") };
    Setting { value: name.to_owned(), source: Source::Detected(why.to_owned()) }
}

/// For messages: the file that was read, from the root of the workspace where it lies in it.
pub(crate) fn shown(path: &Path, workspace: &Path) -> String {
    path.strip_prefix(workspace).unwrap_or(path).display().to_string()
}
