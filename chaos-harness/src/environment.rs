//! What the environment says about a run. The variables are listed in the documentation of the
//! crate.
//!
//! An option of the command line may stand for a variable, and goes before it. An empty variable is an
//! absent one. nextest's own variables are read in `nextest`.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::duration::{self, InvalidDuration};
use chaos_core::seed::{InvalidSeed, Seed};

use crate::baselines::Mode;
use crate::config::attempts::{MOST_RETRIES, TIMEOUTS};
use crate::config::load::{MULTIPLIERS, POOL_SIZES};
use crate::config::run::{FlakyResult, TraceLevel, WINDOWS};
use crate::settings::Source;

mod known;

pub(crate) use self::known::{OPTIONS, SettingOption, warnings};

/// What the environment says about a run; absent fields were not set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Environment {
    /// The options that stand in for variables, by the names of these.
    from_options: Vec<SettingOption>,
    /// Where `chaos.toml` lies.
    pub(crate) config: Option<PathBuf>,
    /// The environment of `chaos.toml`.
    pub(crate) name: Option<String>,
    /// The hardware profile.
    pub(crate) profile: Option<String>,
    /// The selection that was asked for.
    pub(crate) select: Option<String>,
    pub(crate) load_multiplier: Option<f64>,
    pub(crate) timeout_multiplier: Option<f64>,
    pub(crate) pool_size: Option<u32>,
    pub(crate) seed: Option<Seed>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) max_failures: Option<u64>,
    pub(crate) flaky_result: Option<FlakyResult>,
    /// How often each test is run to classify it.
    pub(crate) runs: Option<u32>,
    /// What is done with the baselines that tests measure.
    pub(crate) baseline: Option<Mode>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) in_process: bool,
    pub(crate) keep: Option<bool>,
    pub(crate) diagnostics: Option<Duration>,
    pub(crate) trace: Option<TraceLevel>,
    pub(crate) test_threads: Option<NonZeroUsize>,
    pub(crate) shuffle: bool,
    pub(crate) shuffle_seed: Option<u64>,
    pub(crate) no_capture: bool,
}

/// A variable whose value could not be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidVariable {
    #[error("{0} is wrong: {1}")]
    Seed(Origin, InvalidSeed),
    #[error("{0} is wrong: {1}")]
    Timeout(Origin, InvalidDuration),
    #[error("{origin} is wrong: {value:?} is not {expected}")]
    Other { origin: Origin, value: String, expected: &'static str },
    #[error("{0} is wrong: its value is not valid UTF-8")]
    NotText(Origin),
}

/// Who gave a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Option(&'static str),
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "the option `{name}`"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
        }
    }
}

impl Environment {
    /// Reads the environment of this process. `options` are those of the command line that stand for
    /// a variable, with their values.
    ///
    /// # Errors
    ///
    /// All variables whose values cannot be understood.
    pub(crate) fn read(options: &[(SettingOption, String)]) -> Result<Self, Vec<InvalidVariable>> {
        Self::from(options, |name| std::env::var_os(name))
    }

    fn from(
        options: &[(SettingOption, String)],
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Vec<InvalidVariable>> {
        let mut reader = Reader { options, variable, errors: Vec::new() };
        let factor = "a number from 0.01 to 100";
        let environment = Self {
            from_options: options.iter().map(|(option, _)| *option).collect(),
            config: reader.path("CHAOS_CONFIG"),
            name: reader.text("CHAOS_ENVIRONMENT"),
            profile: reader.text("CHAOS_PROFILE"),
            select: reader.text("CHAOS_SELECT"),
            load_multiplier: reader
                .checked("CHAOS_LOAD_MULTIPLIER", factor, |factor| MULTIPLIERS.contains(factor)),
            timeout_multiplier: reader
                .checked("CHAOS_TIMEOUT_MULTIPLIER", factor, |factor| MULTIPLIERS.contains(factor)),
            pool_size: reader.checked(
                "CHAOS_POOL_SIZE",
                "a whole number from 1 to 262143",
                |size: &u32| POOL_SIZES.contains(&u64::from(*size)),
            ),
            seed: reader.parse("CHAOS_SEED", |origin, text| {
                text.parse::<Seed>().map_err(|error| InvalidVariable::Seed(origin, error))
            }),
            timeout: reader.parse("CHAOS_TIMEOUT", |origin, text| match duration::parse(text) {
                Ok(timeout) if TIMEOUTS.contains(&timeout) => Ok(timeout),
                Ok(_) => Err(InvalidVariable::Other {
                    origin,
                    value: text.to_owned(),
                    expected: "a duration from 1ms to 365 days, such as \"30s\"",
                }),
                Err(error) => Err(InvalidVariable::Timeout(origin, error)),
            }),
            retries: reader.checked("CHAOS_RETRIES", "a whole number from 0 to 100", |retries| {
                *retries <= MOST_RETRIES
            }),
            max_failures: reader.checked("CHAOS_MAX_FAILURES", "a whole number", |_| true),
            flaky_result: reader.parse("CHAOS_FLAKY_RESULT", |origin, text| {
                let found = FlakyResult::ALL.into_iter().find(|(name, _)| *name == text);
                let (value, expected) = (text.to_owned(), "`pass` or `fail`");
                let wrong = InvalidVariable::Other { origin, value, expected };
                found.map(|(_, result)| result).ok_or(wrong)
            }),
            runs: reader.checked("CHAOS_RUNS", "a whole number from 1 to 100000", |runs| {
                (1..=100_000).contains(runs)
            }),
            baseline: reader.parse("CHAOS_BASELINE", |origin, text| {
                let (value, expected) = (text.to_owned(), "`save` or `compare`");
                Mode::parse(text).ok_or(InvalidVariable::Other { origin, value, expected })
            }),
            directory: reader.path("CHAOS_DIR"),
            in_process: reader.switch("CHAOS_IN_PROCESS").unwrap_or(false),
            keep: reader.switch("CHAOS_KEEP"),
            diagnostics: reader.parse("CHAOS_DIAGNOSTICS", |origin, text| {
                let found = duration::parse(text).ok().filter(|time| WINDOWS.contains(time));
                let expected = "a duration from 0s to 10m, such as `5s`";
                found.ok_or(InvalidVariable::Other { origin, value: text.to_owned(), expected })
            }),
            trace: reader.parse("CHAOS_TRACE", |origin, text| {
                let found = TraceLevel::ALL.into_iter().find(|(name, _)| *name == text);
                let expected = "`off`, `error`, `warn`, `info`, `debug` or `trace`";
                let wrong = InvalidVariable::Other { origin, value: text.to_owned(), expected };
                found.map(|(_, level)| level).ok_or(wrong)
            }),
            test_threads: reader.checked("RUST_TEST_THREADS", "a whole number above 0", |_| true),
            shuffle: reader.flag("RUST_TEST_SHUFFLE"),
            shuffle_seed: reader.checked("RUST_TEST_SHUFFLE_SEED", "a whole number", |_| true),
            no_capture: reader.flag("RUST_TEST_NOCAPTURE"),
        };
        if reader.errors.is_empty() { Ok(environment) } else { Err(reader.errors) }
    }

    /// Where the value of a variable came from, if it has one.
    pub(crate) fn source(&self, variable: &'static str) -> Source {
        match self.from_options.iter().find(|option| option.variable == variable) {
            Some(option) => Source::CommandLine(option.name),
            None => Source::Variable(variable),
        }
    }
}

struct Reader<'a, V> {
    options: &'a [(SettingOption, String)],
    variable: V,
    errors: Vec<InvalidVariable>,
}

impl<V: Fn(&str) -> Option<OsString>> Reader<'_, V> {
    fn raw(&self, name: &'static str) -> Option<(Origin, OsString)> {
        // Of an option that is given twice the last one counts.
        let option = self.options.iter().rev().find(|(option, _)| option.variable == name);
        let (origin, value) = match option {
            Some((option, value)) => (Origin::Option(option.name), value.into()),
            None => (Origin::Variable(name), (self.variable)(name)?),
        };
        Some((origin, value)).filter(|(_, value)| !value.is_empty())
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse(name, |_, text| Ok(text.to_owned()))
    }

    fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.raw(name).map(|(_, value)| PathBuf::from(value))
    }

    fn parse<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(Origin, &str) -> Result<T, InvalidVariable>,
    ) -> Option<T> {
        let (origin, value) = self.raw(name)?;
        let parsed = match value.into_string() {
            Ok(text) => parse(origin, &text),
            Err(_) => Err(InvalidVariable::NotText(origin)),
        };
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// A value that is of its type, and that `is_valid`.
    fn checked<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        is_valid: impl Fn(&T) -> bool,
    ) -> Option<T> {
        self.parse(name, |origin, text| match text.trim().parse() {
            Ok(value) if is_valid(&value) => Ok(value),
            _ => Err(InvalidVariable::Other { origin, value: text.to_owned(), expected }),
        })
    }

    fn switch(&mut self, name: &'static str) -> Option<bool> {
        let expected = "1 or 0";
        self.parse(name, |origin, text| match text {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(InvalidVariable::Other { origin, value: text.to_owned(), expected }),
        })
    }

    /// As libtest reads its own variables.
    fn flag(&mut self, name: &'static str) -> bool {
        self.text(name).is_some_and(|text| text != "0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, Vec<String>> {
        Environment::from(&[], |name| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some(OsString::from(value))
        })
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_mistakes_are_reported_together_with_what_to_write_instead() {
        let errors = read(&[
            ("CHAOS_SEED", "abc"),
            ("CHAOS_TIMEOUT", "5"),
            ("CHAOS_RETRIES", "-1"),
            ("CHAOS_IN_PROCESS", "yes"),
            ("CHAOS_KEEP", "maybe"),
            ("RUST_TEST_THREADS", "0"),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert!(errors[0].contains("CHAOS_SEED") && errors[0].contains("whole number"));
        assert!(errors[1].contains("CHAOS_TIMEOUT") && errors[1].contains("\"80ms\""));
        assert!(errors[4].contains("CHAOS_KEEP") && errors[4].contains("1 or 0"));
    }

    #[test]
    fn a_number_that_is_too_large_is_told_its_bounds() {
        assert_eq!(read(&[("CHAOS_RETRIES", "100")]).unwrap().retries, Some(100));
        for value in ["101", "4294967295", "99999999999"] {
            let errors = read(&[("CHAOS_RETRIES", value)]).unwrap_err();
            assert!(errors[0].contains(value) && errors[0].contains("from 0 to 100"), "{errors:?}");
        }
    }

    #[test]
    fn baselines_are_saved_or_compared_and_nothing_else() {
        let mode = |text| read(&[("CHAOS_BASELINE", text)]).map(|it| it.baseline);
        assert_eq!(mode("save"), Ok(Some(Mode::Save)));
        assert_eq!(mode("compare"), Ok(Some(Mode::Compare)));
        assert_eq!(mode(""), Ok(None));
        let errors = mode("forget").unwrap_err();
        assert!(errors[0].contains("\"forget\" is not `save` or `compare`"), "{errors:?}");
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        assert_eq!(read(&[("CHAOS_SEED", ""), ("CHAOS_DIR", "")]), Ok(Environment::default()));
    }

    #[test]
    fn values_are_read() {
        let environment = read(&[
            ("CHAOS_SEED", "42"),
            ("CHAOS_TIMEOUT", "1.5s"),
            ("CHAOS_IN_PROCESS", "1"),
            ("RUST_TEST_SHUFFLE", "0"),
            ("RUST_TEST_NOCAPTURE", "1"),
        ])
        .unwrap();
        assert_eq!(environment.seed, Some(Seed(42)));
        assert_eq!(environment.timeout, Some(Duration::from_millis(1500)));
        assert!(environment.in_process && environment.no_capture && !environment.shuffle);
    }

    #[test]
    fn an_option_goes_before_its_variable_and_is_named_when_it_is_wrong() {
        let option = |name| *OPTIONS.iter().find(|option| option.name == name).unwrap();
        let timeout = option("--chaos-timeout");
        let read = |value: &str| {
            let options = [(timeout, value.to_owned())];
            Environment::from(&options, |name| (name == "CHAOS_TIMEOUT").then(|| "9s".into()))
        };
        let environment = read("2m").unwrap();
        assert_eq!(environment.timeout, Some(Duration::from_secs(120)));
        let source = environment.source("CHAOS_TIMEOUT");
        assert_eq!(source.to_string(), "command line (--chaos-timeout)");
        assert_eq!(environment.source("CHAOS_SEED").to_string(), "variable CHAOS_SEED");
        let error = read("2").unwrap_err()[0].to_string();
        assert!(error.starts_with("the option `--chaos-timeout` is wrong: \"2\""), "{error}");
    }
}
