//! What the environment says about a run. The variables are listed in the documentation of the
//! crate.
//!
//! An empty variable is an absent one. nextest's own variables are read in `nextest`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::duration::{self, InvalidDuration};
use chaos_core::seed::{InvalidSeed, Seed};

/// As many as the attribute takes.
const MOST_RETRIES: u32 = 100;

/// What the environment says about a run; absent fields were not set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Environment {
    pub(crate) seed: Option<Seed>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) in_process: bool,
    pub(crate) keep: bool,
    pub(crate) test_threads: Option<NonZeroUsize>,
    pub(crate) shuffle: bool,
    pub(crate) shuffle_seed: Option<u64>,
    pub(crate) no_capture: bool,
}

/// A variable whose value could not be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidVariable {
    #[error("the environment variable CHAOS_SEED is wrong: {0}")]
    Seed(#[from] InvalidSeed),
    #[error("the environment variable CHAOS_TIMEOUT is wrong: {0}")]
    Timeout(#[from] InvalidDuration),
    #[error(
        "the environment variable CHAOS_TIMEOUT is wrong: an attempt needs some time; write for example \"30s\""
    )]
    NoTime,
    #[error("the environment variable {name} is wrong: {value:?} is not {expected}")]
    Other { name: &'static str, value: String, expected: &'static str },
    #[error("the environment variable {name} is wrong: its value is not valid UTF-8")]
    NotText { name: &'static str },
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// All variables whose values cannot be understood.
    pub(crate) fn read() -> Result<Self, Vec<InvalidVariable>> {
        Self::from(|name| std::env::var_os(name))
    }

    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Vec<InvalidVariable>> {
        let mut reader = Reader { variable, errors: Vec::new() };
        let environment = Self {
            seed: reader.parse("CHAOS_SEED", |text| Ok(text.parse::<Seed>()?)),
            timeout: reader.parse("CHAOS_TIMEOUT", |text| match duration::parse(text)? {
                Duration::ZERO => Err(InvalidVariable::NoTime),
                timeout => Ok(timeout),
            }),
            retries: reader.retries(),
            directory: (reader.variable)("CHAOS_DIR")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            in_process: reader.switch("CHAOS_IN_PROCESS"),
            keep: reader.switch("CHAOS_KEEP"),
            test_threads: reader.number("RUST_TEST_THREADS", "a whole number above 0"),
            shuffle: reader.flag("RUST_TEST_SHUFFLE"),
            shuffle_seed: reader.number("RUST_TEST_SHUFFLE_SEED", "a whole number"),
            no_capture: reader.flag("RUST_TEST_NOCAPTURE"),
        };
        if reader.errors.is_empty() { Ok(environment) } else { Err(reader.errors) }
    }
}

struct Reader<V> {
    variable: V,
    errors: Vec<InvalidVariable>,
}

impl<V: Fn(&str) -> Option<OsString>> Reader<V> {
    fn text(&mut self, name: &'static str) -> Option<String> {
        match (self.variable)(name)?.into_string() {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(text),
            Err(_) => {
                self.errors.push(InvalidVariable::NotText { name });
                None
            }
        }
    }

    fn parse<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, InvalidVariable>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|error| self.errors.push(error)).ok()
    }

    fn retries(&mut self) -> Option<u32> {
        let (name, expected) = ("CHAOS_RETRIES", "a whole number from 0 to 100");
        self.parse(name, |text| match text.trim().parse() {
            Ok(retries) if retries <= MOST_RETRIES => Ok(retries),
            _ => Err(InvalidVariable::Other { name, value: text.to_owned(), expected }),
        })
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Option<T> {
        self.parse(name, |text| {
            text.trim().parse().map_err(|_| InvalidVariable::Other {
                name,
                value: text.to_owned(),
                expected,
            })
        })
    }

    fn switch(&mut self, name: &'static str) -> bool {
        let expected = "1 or 0";
        self.parse(name, |text| match text {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(InvalidVariable::Other { name, value: text.to_owned(), expected }),
        })
        .unwrap_or(false)
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
        Environment::from(|name| {
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
}
