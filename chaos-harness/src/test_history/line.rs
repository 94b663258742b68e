//! One line of the history, as `docs/journal-format.md` describes it.
//!
//! The names come first, in this order and without blanks, so that a reader which is after one test
//! can pass over the lines of others by comparing bytes.

use std::borrow::Cow;

use chaos_core::verdict::FailureKind;
use serde::{Deserialize, Serialize};

use super::numbers::Numbers;
use super::surroundings::Surroundings;

/// The latest version of the format. It is raised when a reader of the old one would misread the new one;
/// a line bears the version that it takes to read it.
pub(super) const FORMAT_VERSION: u32 = 2;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) package: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) binary: Cow<'a, str>,
    /// Empty where the line is of all tests.
    #[serde(borrow)]
    pub(super) test: Cow<'a, str>,
    /// See [`LineEvent::version`].
    pub(super) version: u32,
    #[serde(borrow)]
    pub(super) event: LineEvent<'a>,
}

/// What a line says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineEvent<'a> {
    #[serde(borrow)]
    Started(Started<'a>),
    #[serde(borrow)]
    Ended(Ended<'a>),
    #[serde(borrow)]
    Systemic(Systemic<'a>),
    /// A process of a run begins. It stands before its attempts.
    #[serde(borrow)]
    Run(Run<'a>),
    /// The first line of a compact file.
    Names(Names),
    /// Another line of a compact file.
    Attempts(Attempts),
}

impl LineEvent<'_> {
    /// The first version that can read it.
    pub(super) const fn version(&self) -> u32 {
        match self {
            Self::Started(_) | Self::Ended(_) | Self::Systemic(_) => 1,
            Self::Run(_) | Self::Names(_) | Self::Attempts(_) => 2,
        }
    }
}

/// An attempt starts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started<'a> {
    /// What the line of its end repeats.
    pub(super) id: u64,
    /// The id of the run.
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    /// Which attempt, counted from 1.
    pub(super) attempt: u32,
    pub(super) seed: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub(super) unix_ms: u64,
    #[serde(borrow)]
    pub(super) os: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) arch: Cow<'a, str>,
}

/// An attempt ended. The line stands on its own, because the line of its start may be gone.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended<'a> {
    /// What the line of its start says.
    pub(super) id: u64,
    /// The id of the run.
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    /// Which attempt, counted from 1.
    pub(super) attempt: u32,
    pub(super) seed: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub(super) unix_ms: u64,
    pub(super) duration_ns: u64,
    pub(super) outcome: Outcome,
    /// The kind of failure: text, so that a kind which is added later costs no reader the line.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Cow<'a, str>>,
    /// What the failure is recognised by: see `signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<u64>,
    /// Its message, normalised.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<Cow<'a, str>>,
    /// Whether it counts towards the category. Decided by the writer, who knows why it ran.
    pub(super) counts: bool,
    /// The longest recovery time of its faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recovery_ns: Option<u64>,
    /// What the test was recognised by: see `TestCase`. Lines of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<u64>,
}

/// What all attempts of a run have in common.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run<'a> {
    /// The id of the run.
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    /// The commit that was checked out.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<Cow<'a, str>>,
    pub(super) surroundings: Surroundings,
}

/// So many tests failed in a run that the run itself is suspected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Systemic<'a> {
    /// The id of the run.
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    /// How many tests that were known to be stable failed at their first attempts.
    pub(super) failed: u64,
    /// How many tests that were known to be stable ran.
    pub(super) of: u64,
}

/// What the numbers in a compact file stand for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Names {
    /// The ids of the runs.
    pub(super) runs: Vec<String>,
    /// The places in `runs` of those that are suspected.
    pub(super) systemic: Vec<u32>,
    pub(super) failures: Vec<FailureName>,
    /// The commits of runs, by their places in `runs`.
    #[serde(default)]
    pub(super) commits: Vec<(u32, String)>,
    /// Where runs took place, and the places in `runs` of those that did.
    #[serde(default)]
    pub(super) surroundings: Vec<(Surroundings, Numbers)>,
}

/// A failure that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailureName {
    pub(super) signature: u64,
    pub(super) kind: String,
    pub(super) message: String,
}

/// Attempts at one test in columns, in the order of their ends.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) id: Numbers,
    /// When the first one ended, in milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    pub(super) first_unix_ms: u64,
    /// The end, in milliseconds after the one before it; of the first after `first_unix_ms`.
    pub(super) after_ms: Numbers,
    /// The place in [`Names::runs`].
    pub(super) run: Numbers,
    /// 0 passed, 1 failed, 2 skipped, 3 the machine could not carry it; and 4 more if it counts.
    pub(super) outcome: Numbers,
    /// The number of the attempt, where that is not 1, by its place.
    pub(super) attempt: Vec<(u32, u32)>,
    /// The seed, where it may still matter, by its place.
    pub(super) seed: Vec<(u32, u64)>,
    /// The place in [`Names::failures`], by its place.
    pub(super) failure: Vec<(u32, u32)>,
    /// The fingerprint of the test from a place on, 0 if it is not known, where it is another one.
    #[serde(default)]
    pub(super) fingerprint: Vec<(u32, u64)>,
    /// How many milliseconds the last ones took; 0 where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) took_ms: Vec<u32>,
    /// Ids and runs of attempts without an end.
    pub(super) open: Vec<(u64, u32)>,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
    /// The machine could not carry it.
    Environment,
    /// What a newer version may add.
    #[serde(other)]
    Other,
}

impl Outcome {
    /// As it is written in a compact file.
    pub(super) const fn code(self) -> u64 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Skipped | Self::Other => 2,
            Self::Environment => 3,
        }
    }

    /// What [`Outcome::code`] has written.
    pub(super) const fn of_code(code: u64) -> Self {
        match code {
            0 => Self::Passed,
            1 => Self::Failed,
            2 => Self::Skipped,
            3 => Self::Environment,
            _ => Self::Other,
        }
    }
}

/// The name of a kind of failure, as it is stored.
pub(super) fn name_of(kind: FailureKind) -> Cow<'static, str> {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name.into(),
        other => unreachable!("a kind is stored by its name, not as {other:?}"),
    }
}

/// Whether a failure says something of the test and the code under it, and not of the machine.
pub(super) fn is_failure_of_the_test(kind: &str) -> bool {
    !["fixture", "interrupted", "harness"].contains(&kind)
}
