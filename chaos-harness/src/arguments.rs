//! The command line of a test binary.
//!
//! It accepts what libtest accepts, because `cargo test -- <arguments>` hands the same arguments to
//! every test binary of a workspace: one that refuses an argument fails the whole workspace.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::config::assignment;
use crate::environment::{OPTIONS, SettingOption};
use crate::suggestion::nearest;

pub(crate) mod combination;
mod help;

pub(crate) use self::help::HELP;

/// Stands for the run that began last.
pub(crate) const LATEST: &str = "latest";

/// What was asked for on the command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Arguments {
    /// A test is selected when any of these matches, or when there are none.
    pub(crate) filters: Vec<String>,
    /// A test is left out when any of these matches.
    pub(crate) skip: Vec<String>,
    /// Whether filters are whole names.
    pub(crate) exact: bool,
    pub(crate) ignored: IgnoredTests,
    pub(crate) exclude_should_panic: bool,
    /// Only benchmarks are wanted, of which there are none.
    pub(crate) only_benchmarks: bool,
    pub(crate) list: bool,
    pub(crate) help: bool,
    /// The run to make the report of, instead of running tests.
    pub(crate) report: Option<String>,
    /// The run whose gates and phases to judge, instead of running tests.
    pub(crate) judge: Option<String>,
    /// The run whose failures to list, instead of running tests.
    pub(crate) inventory: Option<String>,
    /// Whether to show which requirements are covered, instead of running tests.
    pub(crate) coverage: bool,
    /// The run to compare with the one that began last, or two runs with `..` between them, instead
    /// of running tests.
    pub(crate) compare: Option<String>,
    /// The test to write the text of an issue about, instead of running tests.
    pub(crate) issue: Option<String>,
    /// Whether `git bisect run` asks.
    pub(crate) bisects: bool,
    pub(crate) format: Format,
    pub(crate) color: Color,
    pub(crate) no_capture: bool,
    pub(crate) show_output: bool,
    pub(crate) test_threads: Option<NonZeroUsize>,
    pub(crate) logfile: Option<PathBuf>,
    pub(crate) shuffle: bool,
    pub(crate) shuffle_seed: Option<u64>,
    pub(crate) fail_fast: bool,
    pub(crate) in_process: bool,
    /// Whether explorations are only to compare runs without faults.
    pub(crate) check_determinism: bool,
    /// Whether the settings are to be shown, instead of running tests.
    pub(crate) show_config: bool,
    /// Whether to show what a selection chooses and leaves out, instead of running tests.
    pub(crate) show_selection: bool,
    /// Whether the filters are directories of histories to add, instead of running tests.
    pub(crate) merge: bool,
    /// The options that stand for an environment variable, with their values.
    pub(crate) settings: Vec<(SettingOption, String)>,
    /// Values of `chaos.toml` that are set for this run: `watch.starved=95%`.
    pub(crate) set: Vec<String>,
    /// Sentences about arguments that are accepted and not fully honoured.
    pub(crate) notices: Vec<String>,
}

/// What to do with tests that are marked `#[ignore]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum IgnoredTests {
    /// They are shown as ignored.
    #[default]
    Skip,
    /// They run with the others.
    Include,
    /// They run, and no others.
    Only,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines for people.
    #[default]
    Pretty,
    /// A character for each test.
    Terse,
    /// libtest's events as lines of JSON.
    Json,
}

/// Whether the output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to write instead of an option that there is not.
fn help_for(option: &str) -> String {
    let words = HELP.split_whitespace().filter(|word| word.starts_with("--"));
    let known = words.filter_map(|word| word.split('[').next());
    match nearest(option, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "`--help` lists the options".to_owned(),
    }
}

/// A mistake on the command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("there is no option `{}`; {}", .0, help_for(.0))]
    Unknown(String),
    #[error("the option `{option}` needs a value: {expected}")]
    MissingValue { option: String, expected: &'static str },
    #[error("the option `{0}` takes no value")]
    UnexpectedValue(String),
    #[error("{value:?} is no value of the option `{option}`; write {expected}")]
    InvalidValue { option: String, value: String, expected: &'static str },
    #[error(
        "the options `--ignored` and `--include-ignored` exclude one another; write one of them"
    )]
    Contradiction,
    #[error("`{first}` and `{second}` are both done instead of running tests; write one of them")]
    TwoActions { first: &'static str, second: &'static str },
    #[error(
        "`{option}` is about a whole run and takes no filter, such as `{argument}`; if that is the run, \
         write `{option}={argument}`"
    )]
    RunApart { option: &'static str, argument: String },
    #[error(
        "`--chaos-bisect` is about tests that run, and `{action}` runs none; write one of them"
    )]
    NothingToBisect { action: &'static str },
    #[error("the argument {0:?} is not valid UTF-8")]
    NotText(OsString),
}

impl Arguments {
    /// Reads the arguments that follow the name of the program.
    ///
    /// # Errors
    ///
    /// The first mistake: what follows it may be its value.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut parser = Parser { rest: arguments.into_iter(), parsed: Self::default() };
        let mut only_positional = false;
        while let Some(argument) = parser.next()? {
            if only_positional || !argument.starts_with('-') || argument == "-" {
                parser.parsed.filters.push(argument);
            } else if argument == "--" {
                only_positional = true;
            } else {
                parser.option(argument)?;
            }
        }
        combination::check(&parser.parsed)?;
        Ok(parser.parsed)
    }
}

struct Parser<I> {
    rest: I,
    parsed: Arguments,
}

impl<I: Iterator<Item = OsString>> Parser<I> {
    fn next(&mut self) -> Result<Option<String>, UsageError> {
        let argument = self.rest.next().map(OsString::into_string);
        argument.transpose().map_err(UsageError::NotText)
    }

    fn option(&mut self, argument: String) -> Result<(), UsageError> {
        // `-Zunstable-options` and `-Z unstable-options` mean the same, and there is no other.
        let (name, attached) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => match argument.strip_prefix("-Z") {
                Some(value) if !value.is_empty() => ("-Z".to_owned(), Some(value.to_owned())),
                _ => (argument, None),
            },
        };
        let option = Parsed { name, attached };
        let parsed = &mut self.parsed;
        let flag = match option.name.as_str() {
            "--include-ignored" if parsed.ignored == IgnoredTests::Only => {
                return Err(UsageError::Contradiction);
            }
            "--ignored" if parsed.ignored == IgnoredTests::Include => {
                return Err(UsageError::Contradiction);
            }
            "--include-ignored" => {
                parsed.ignored = IgnoredTests::Include;
                return option.without_value();
            }
            "--ignored" => {
                parsed.ignored = IgnoredTests::Only;
                return option.without_value();
            }
            "-q" | "--quiet" => {
                parsed.format = Format::Terse;
                return option.without_value();
            }
            // Its value is optional, and what follows without `=` is a filter.
            "--chaos-report" => {
                parsed.report = Some(option.attached.unwrap_or_else(|| LATEST.to_owned()));
                return Ok(());
            }
            "--chaos-judge" => {
                parsed.judge = Some(option.attached.unwrap_or_else(|| LATEST.to_owned()));
                return Ok(());
            }
            "--chaos-inventory" => {
                parsed.inventory = Some(option.attached.unwrap_or_else(|| LATEST.to_owned()));
                return Ok(());
            }
            "--exact" => &mut parsed.exact,
            "--list" => &mut parsed.list,
            "-h" | "--help" => &mut parsed.help,
            "--nocapture" | "--no-capture" => &mut parsed.no_capture,
            "--show-output" => &mut parsed.show_output,
            "--shuffle" => &mut parsed.shuffle,
            "--fail-fast" => &mut parsed.fail_fast,
            "--exclude-should-panic" => &mut parsed.exclude_should_panic,
            "--force-run-in-process" => &mut parsed.in_process,
            "--chaos-coverage" => &mut parsed.coverage,
            "--chaos-bisect" => &mut parsed.bisects,
            "--check-determinism" => &mut parsed.check_determinism,
            "--chaos-config" => &mut parsed.show_config,
            "--chaos-selection" => &mut parsed.show_selection,
            "--chaos-merge" => &mut parsed.merge,
            "--bench" => &mut parsed.only_benchmarks,
            // Tests are all that there is, times are always shown, and the deadline of a test is in
            // its attribute.
            "--test" | "--report-time" | "--ensure-time" => return option.without_value(),
            _ => return self.option_with_value(option),
        };
        *flag = true;
        option.without_value()
    }

    fn option_with_value(&mut self, mut option: Parsed) -> Result<(), UsageError> {
        let expected = match option.name.as_str() {
            "--skip" => "a part of the names to leave out",
            "--test-threads" => "a whole number above 0",
            "--shuffle-seed" => "a whole number",
            "--chaos-compare" => "a run, or two as `<before>..<after>`",
            "--chaos-issue" => "the name of a test, or a part that no other has",
            "--logfile" => "the path of a file",
            "--color" => "`auto`, `always` or `never`",
            "--format" => "`pretty`, `terse` or `json`",
            "-Z" => "`unstable-options`",
            assignment::OPTION => "a key of chaos.toml and its value, such as watch.starved=95%",
            name => match OPTIONS.iter().find(|option| option.name == name) {
                Some(option) => option.expected,
                None => return Err(UsageError::Unknown(option.name)),
            },
        };
        let value = match option.attached.take() {
            Some(value) => value,
            None => self.next()?.ok_or_else(|| UsageError::MissingValue {
                option: option.name.clone(),
                expected,
            })?,
        };
        let invalid = || UsageError::InvalidValue {
            option: option.name.clone(),
            value: value.clone(),
            expected,
        };
        let parsed = &mut self.parsed;
        match (option.name.as_str(), value.as_str()) {
            ("--skip", _) => parsed.skip.push(value),
            ("--test-threads", number) => {
                parsed.test_threads = Some(number.parse().map_err(|_| invalid())?);
            }
            ("--shuffle-seed", number) => {
                parsed.shuffle_seed = Some(number.parse().map_err(|_| invalid())?);
            }
            (assignment::OPTION, _) => parsed.set.push(value),
            ("--chaos-compare", _) => parsed.compare = Some(value),
            ("--chaos-issue", _) => parsed.issue = Some(value),
            ("--logfile", path) => parsed.logfile = Some(PathBuf::from(path)),
            ("--color", "auto") => parsed.color = Color::Auto,
            ("--color", "always") => parsed.color = Color::Always,
            ("--color", "never") => parsed.color = Color::Never,
            ("--format", "pretty") => parsed.format = Format::Pretty,
            ("--format", "terse") => parsed.format = Format::Terse,
            ("--format", "json") => parsed.format = Format::Json,
            ("--format", "junit") => {
                parsed.format = Format::Pretty;
                parsed.notices.push(
                    "`--format junit` is not written by chaos tests; the pretty format is used"
                        .into(),
                );
            }
            ("-Z", "unstable-options") => {}
            (name, _) => match OPTIONS.iter().find(|option| option.name == name) {
                // The value is understood together with the variables.
                Some(option) => parsed.settings.push((*option, value)),
                None => return Err(invalid()),
            },
        }
        Ok(())
    }
}

struct Parsed {
    name: String,
    attached: Option<String>,
}

impl Parsed {
    fn without_value(self) -> Result<(), UsageError> {
        match self.attached {
            None => Ok(()),
            Some(_) => Err(UsageError::UnexpectedValue(self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(OsString::from))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_libtest_accepts_is_accepted() {
        for line in [
            "--no-capture",
            "--nocapture",
            "a b c",
            "--shuffle --shuffle-seed 7",
            "--report-time --ensure-time -Z unstable-options",
            "-Zunstable-options --format=json --exact --show-output",
            "--fail-fast --exclude-should-panic --force-run-in-process",
            "--test-threads=3 --test-threads 4",
            "--logfile out.log --color never --quiet",
            "--list --format terse --ignored",
            "--exact a::b --nocapture --include-ignored --bench",
            "--skip x --skip=y -- --strange",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
        }
        let parsed = parse("a --skip x --skip=y b -- --strange").unwrap();
        assert_eq!(parsed.filters, ["a", "b", "--strange"]);
        assert_eq!(parsed.skip, ["x", "y"]);
        assert_eq!(parse("--format junit").unwrap().notices.len(), 1);
    }

    #[test]
    fn the_report_of_a_run_can_be_asked_for() {
        assert_eq!(parse("").unwrap().report, None);
        assert_eq!(parse("--chaos-report").unwrap().report.as_deref(), Some("latest"));
        assert_eq!(parse("--chaos-report=6f3d").unwrap().report.as_deref(), Some("6f3d"));
    }

    #[test]
    fn a_mistake_says_what_to_write_instead() {
        for (line, part) in [
            ("--frobnicate", "`--help`"),
            ("--test-threads 0", "a whole number above 0"),
            ("--test-threads", "needs a value"),
            ("--color blue", "`auto`, `always` or `never`"),
            ("--format xml", "`pretty`, `terse` or `json`"),
            ("--exact=yes", "takes no value"),
            ("--ignored --include-ignored", "one of them"),
            ("-Z magic", "`unstable-options`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
