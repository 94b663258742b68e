//! How a test has fared over all its runs, as the history tells it.

use chaos_core::stats::Category;
use serde::{Deserialize, Serialize};

use super::is_zero;

/// The category of a test, with its evidence: a posterior over the first attempts in its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CategorySummary {
    /// The category.
    pub category: Category,
    /// How many first attempts the history has.
    pub n: u64,
    /// How many of them failed.
    pub failures: u64,
    /// The mean of the posterior of the failure rate.
    pub rate: f64,
    /// The lower end of its central 95 % interval.
    pub low: f64,
    /// The upper end of its central 95 % interval.
    pub high: f64,
    /// The posterior probability of the category; 0 when it is undetermined.
    pub confidence: f64,
    /// How many attempts of earlier runs have a beginning and no end: their harness was killed.
    /// They are not among the `n`.
    #[serde(default)]
    pub missing_ends: u64,
}

impl CategorySummary {
    /// Whether the test is worse than `declared`: its category is, or no single band holds its failure
    /// rate and all of its 95 % interval lies above the band that is declared. 30 failures of 60 may be
    /// *very flaky* or *broken*, and are not *stable*.
    pub(crate) fn is_worse_than(&self, declared: Category) -> bool {
        match self.category {
            Category::Undetermined => declared.band().is_some_and(|band| self.low >= band.end),
            category => category > declared,
        }
    }
}

/// How a test has fared over time: what [`CategorySummary`] rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trend {
    /// The latest sixty first attempts, from the oldest on: `.` passed, `F` failed.
    pub recent: String,
    /// The latest ten parts of the history in which the failure rate stayed the same, from the oldest
    /// on. The last one is what the category is about.
    pub segments: Vec<TrendSegment>,
    /// What the test was before, if it has become worse lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regression: Option<Regression>,
    /// What the first retries of failed first attempts came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetryRate>,
    /// The failures that were met, the latest first, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<KnownFailure>,
    /// The seeds that failed and were tried more than once, the latest first, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<KnownSeed>,
    /// How many first attempts are left out, because so many tests failed in their runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub systemic: u64,
    /// What the test was before its body or its options changed. All that is said of it is about what
    /// came after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<TestChange>,
    /// How the test fares elsewhere: on other systems, with other builds, in other environments. Nothing
    /// else that is said of it rests on these attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
}

/// The test itself has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestChange {
    /// When the first attempt since then ended, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// The commit of that attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What the rate was before.
    pub before: Rate,
}

/// How a test fares where this run does not take place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Elsewhere {
    /// `ci, linux x86_64, debug`: environment, system and build.
    pub surroundings: String,
    /// The rate.
    #[serde(flatten)]
    pub rate: Rate,
}

/// A failure rate, with the first attempts that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rate {
    /// How many attempts.
    pub n: u64,
    /// How many of them failed.
    pub failures: u64,
    /// The mean of the posterior of the failure rate, between 0 and 1.
    pub rate: f64,
    /// The lower end of its central 95 % interval.
    pub low: f64,
    /// The upper end of its central 95 % interval.
    pub high: f64,
}

/// A part of a history in which the failure rate stayed the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrendSegment {
    /// The rate.
    #[serde(flatten)]
    pub rate: Rate,
    /// When its first attempt ended, in milliseconds since 1970-01-01 UTC.
    pub began_unix_ms: u64,
    /// The commit of that attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A test has become worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Regression {
    /// What it was.
    pub before: Rate,
    /// The latest first attempts, at most thirty.
    pub latest: Rate,
    /// The probability that chance alone makes it look so much worse.
    pub p_value: f64,
    /// When the first of the attempts ended from which on it is worse, in milliseconds since 1970-01-01
    /// UTC. Where no change point was found yet, that is the first failure among the latest.
    #[serde(default)]
    pub began_unix_ms: u64,
    /// The commit of that attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The last commit before it that another one was tested after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_commit: Option<String>,
}

/// What the first retries of failed first attempts came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetryRate {
    /// How many there were.
    pub n: u64,
    /// How many passed. They had the seed of the first attempt, so the seed alone did not decide.
    pub passed: u64,
    /// How many failed in the same way, which makes the failure reproducible.
    pub reproduced: u64,
    /// The mean of the posterior of the rate at which they pass, between 0 and 1.
    pub rate: f64,
    /// The lower end of its central 95 % interval.
    pub low: f64,
    /// The upper end of its central 95 % interval.
    pub high: f64,
}

/// A failure that was met, over all attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KnownFailure {
    /// What it is recognised by: a hash of its kind, place, and message without numbers.
    pub signature: u64,
    /// The kind of failure.
    pub kind: String,
    /// The first line of its message, without numbers.
    pub message: String,
    /// How many attempts failed like this.
    pub count: u64,
    /// When it was met first, in milliseconds since 1970-01-01 UTC.
    pub first_unix_ms: u64,
    /// When it was met last.
    pub last_unix_ms: u64,
}

/// A seed that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KnownSeed {
    /// The seed.
    pub seed: u64,
    /// How many attempts were made with it.
    pub attempts: u64,
    /// How many of them failed.
    pub failures: u64,
}
