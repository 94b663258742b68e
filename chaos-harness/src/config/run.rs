//! `[run]`: what concerns a run as a whole.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// What a test comes to that passed on a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlakyResult {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
}

impl FlakyResult {
    /// By their names.
    pub(crate) const ALL: [(&'static str, Self); 2] = [("pass", Self::Pass), ("fail", Self::Fail)];
}

impl std::fmt::Display for FlakyResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        })
    }
}

/// What is traced where the code under test sets no subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TraceLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl TraceLevel {
    /// By their names.
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl std::fmt::Display for TraceLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Self::ALL.iter().find(|(_, level)| level == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

/// How much may be kept of what happened before a failure.
pub(crate) const WINDOWS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);

/// The settings of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Run {
    /// Where journals, history and reports go.
    pub(crate) directory: Option<Located<String>>,
    /// How many tests run at once.
    pub(crate) test_threads: Option<Located<u64>>,
    /// How many tests may fail before failed tests are no longer retried.
    pub(crate) max_failures: Option<Located<u64>>,
    /// What a test comes to that passed on a retry.
    pub(crate) flaky_result: Option<Located<FlakyResult>>,
    /// Whether the databases of attempts that failed are kept.
    pub(crate) keep: Option<Located<bool>>,
    /// How much is kept of what happened before a failure.
    pub(crate) diagnostics: Option<Located<Duration>>,
    /// What is traced where the code under test sets no subscriber.
    pub(crate) trace: Option<Located<TraceLevel>>,
}

impl Section for Run {
    const NAME: &'static str = "run";

    fn read(table: &mut Table<'_>) -> Self {
        Self {
            directory: table.text("directory"),
            test_threads: table.count("test-threads", 1..=10_000),
            max_failures: table.count("max-failures", 0..=1_000_000),
            flaky_result: table.choice("flaky-result", &FlakyResult::ALL),
            keep: table.flag("keep"),
            diagnostics: table.duration("diagnostics", WINDOWS),
            trace: table.choice("trace", &TraceLevel::ALL),
        }
    }
}
