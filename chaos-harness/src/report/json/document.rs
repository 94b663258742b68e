//! What a report consists of. `docs/report-schema.md` describes every field, and
//! `docs/report.schema.json` is its JSON Schema; the tests compare all three.

use std::collections::BTreeMap;

use chaos_core::assert::Assertion;
use chaos_core::machine::Machine;
use chaos_core::metrics::MetricsSnapshot;
use chaos_core::outcome::Cause;
use chaos_core::run::JudgedAlert;
use chaos_core::stats::Category;
use chaos_core::verdict::FailureKind;
use serde::{Deserialize, Serialize};

use crate::baselines::{BaselineFigures, Conclusion};
use crate::gate::GateJudged;
use crate::report::judgement::Judgement;
use crate::run_event::{
    BoundSummary, CategorySummary, CheckSummary, Diagnostics, FaultSummary, PhaseSummary,
    Resources, SelectionSummary, ServerReturn, SignalSummary, SkipCause, SystemicFailure, Trend,
};
use crate::run_event::{ExplorationSummary, PropertySummary};
use crate::triage::Triage;

/// The version of the format. It is raised when a reader of the old one would misread the new one;
/// fields may be added without that.
pub(super) const FORMAT_VERSION: u32 = 1;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(super) version: u32,
    pub(super) run: String,
    pub(super) directory: String,
    pub(super) began_unix_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration_ns: Option<u64>,
    pub(super) complete: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<Environment>,
    pub(super) processes: Vec<Process>,
    pub(super) totals: BTreeMap<TestAnswer, u64>,
    pub(super) filtered_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) selection: Option<Selection>,
    pub(super) categories: BTreeMap<Category, u64>,
    pub(super) slowest_recoveries: Vec<Recovery>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gates: Vec<GateJudged>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) baselines: Vec<Conclusion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) systemic: Option<SystemicFailure>,
    pub(super) tests: Vec<Test>,
    pub(super) problems: Vec<String>,
}

/// A selection that was asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Selection {
    #[serde(flatten)]
    pub(super) made: SelectionSummary,
    /// How many of the chosen tests were not begun, because the time was over.
    pub(super) out_of_time: u64,
}

/// Where it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) os: String,
    pub(super) arch: String,
    pub(super) cores: usize,
    pub(super) ci: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) machine: Option<Machine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) configured: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
}

/// A process that ran tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) package: String,
    pub(super) binary: String,
    pub(super) arguments: Vec<String>,
    pub(super) selected: usize,
    pub(super) filtered_out: u64,
    pub(super) threads: usize,
    pub(super) began_unix_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<u8>,
}

/// The longest recovery after one kind of fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Recovery {
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) target: String,
    pub(super) test: String,
    pub(super) attempt: u32,
    pub(super) recovery_ns: u64,
}

/// What an attempt measured to be compared with another day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MeasuredBaseline {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) figures: Option<BaselineFigures>,
    pub(super) samples_ns: Vec<u64>,
}

/// A test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Test {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) package: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) binary: Option<String>,
    pub(super) outcome: TestAnswer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) skip_cause: Option<SkipCause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recovery_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<CategorySummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trend: Option<Trend>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reproduce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<About>,
    pub(super) attempts: Vec<Attempt>,
}

/// What a test says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) description: String,
    pub(super) file: String,
    pub(super) line: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) covers: Vec<String>,
    pub(super) declared: Category,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) declared_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expected_rate: Option<f64>,
    pub(super) may_fail: bool,
    pub(super) retries: u32,
}

/// The answer of a test in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TestAnswer {
    Passed,
    Measured,
    PassedOnRetry,
    Failed,
    FailedAsAllowed,
    /// The machine could carry none of its attempts.
    Environment,
    /// An attempt found that something is missing here.
    Skipped,
    /// It was not attempted.
    Ignored,
    /// It began and did not end: it still runs, or the harness was killed.
    Unfinished,
}

impl TestAnswer {
    pub(super) const ALL: [Self; 9] = [
        Self::Passed,
        Self::Measured,
        Self::PassedOnRetry,
        Self::Failed,
        Self::FailedAsAllowed,
        Self::Environment,
        Self::Skipped,
        Self::Ignored,
        Self::Unfinished,
    ];
}

/// An attempt at a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) attempt: u32,
    pub(super) seed: u64,
    pub(super) verdict: AttemptVerdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<AttemptFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) triage: Option<Triage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) judgement: Option<Judgement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began_unix_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) waited_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recovery_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operations: Option<Operations>,
    pub(super) faults: Vec<FaultSummary>,
    pub(super) checks: Vec<CheckSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) assertions: Vec<Assertion>,
    pub(super) notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) returns: Vec<ServerReturn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) phases: Vec<PhaseSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bounds: Vec<BoundSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) alerts: Vec<JudgedAlert>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) baselines: Vec<MeasuredBaseline>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) signals: Vec<SignalSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<MetricsSnapshot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tried_properties: Vec<PropertySummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) explorations: Vec<ExplorationSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) journal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stdout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stderr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) diagnostics: Option<Diagnostics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resources: Option<Resources>,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttemptVerdict {
    Passed,
    Failed,
    /// The machine could not carry it.
    Environment,
    Skipped,
    /// It began and did not end: it still runs, or the harness was killed.
    MissingEnd,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AttemptFailure {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sqlstate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<Cause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<String>,
}

/// How the operations of a workload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operations {
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
}
