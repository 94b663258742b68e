//! One line of the journal of a run.
//!
//! The runner emits these events, once, in order. They are written to `run.jsonl` of the run and
//! handed to the reporters; whatever a reporter shows is a function of them. What happens *inside*
//! an attempt is in the attempt's own journal, as [`chaos_core::event::Event`]; its figures are
//! repeated in [`AttemptSummary`], so that a report need not read every journal.

use std::collections::BTreeMap;

use chaos_core::assert::Assertion;
use chaos_core::check::Report;
use chaos_core::fault::Effect;
use chaos_core::machine::Machine;
use chaos_core::machine::counters::{GroupUsage, Usage};
use chaos_core::metrics::{GaugeSummary, MetricsSnapshot};
use chaos_core::run::{Bound, JudgedAlert, Measured, MeasuredImpact, PhaseKind};
use chaos_core::stats::Category;
use chaos_core::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::baselines::Conclusion;
use crate::gate::GateJudged;
use crate::registry::{Declared, Flakiness, Gate, TestCase};

mod exploration;
mod measured;
mod property;
mod selection;
mod trend;

pub use self::exploration::{BrokenPoint, ExplorationSummary};
pub use self::measured::{BaselineSummary, ServerReturn, SignalSummary};
pub use self::property::PropertySummary;
pub use self::selection::{SelectionSummary, SkipCause};
pub use self::trend::{
    CategorySummary, Elsewhere, KnownFailure, KnownSeed, Rate, Regression, RetryRate, TestChange,
    Trend, TrendSegment,
};

/// The version of the format. It is raised when a reader of the old one would misread the new one.
pub const FORMAT_VERSION: u32 = 1;

/// One line of `run.jsonl`: an event, and the process that it happened in.
///
/// Under nextest several processes write to the file at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunLine {
    /// The id of the process that wrote the line. A later [`RunStarted`] with the same id is
    /// another process.
    pub process: u32,
    /// What happened.
    pub event: RunEvent,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "an event is made, written down and shown, and few are kept"
)]
pub enum RunEvent {
    /// The first line of a process that runs tests. Under nextest a run has one for each test.
    RunStarted(RunStarted),
    /// A test was not run.
    TestSkipped {
        /// The name of the test.
        test: String,
        /// Why.
        reason: String,
        /// What kind of reason that is, if it has to do with the run and not with the test.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<SkipCause>,
    },
    /// An attempt begins. A missing end means that the harness was killed.
    AttemptStarted(AttemptStarted),
    /// What a running attempt does just now. It is shown, and not written.
    AttemptProgress(AttemptProgress),
    /// How far the measuring of a test has come. It is shown, and not written.
    Measuring(Measuring),
    /// An attempt ended.
    AttemptEnded(AttemptEnded),
    /// The last attempt at a test ended.
    TestEnded(TestEnded),
    /// All tests have ended, and what they measured was saved or compared.
    BaselinesConcluded(Conclusion),
    /// All tests have ended, and a gate was judged.
    GateJudged(GateJudged),
    /// The last line of a process that runs tests.
    RunEnded(RunEnded),
    /// The run was judged when it was over (`--chaos-judge`): what it says of gates goes before what any
    /// line above says.
    RunJudged(RunJudged),
}

/// What a run is, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunStarted {
    /// [`FORMAT_VERSION`].
    pub version: u32,
    /// The id of the run: nextest's, or one of our own.
    pub run: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// The name of the test binary, without its hash.
    pub binary: String,
    /// The name of the package that it belongs to.
    pub package: String,
    /// The arguments of the test binary.
    pub arguments: Vec<String>,
    /// The names of the tests that are going to run, the ignored ones included.
    pub selected: Vec<String>,
    /// What the attributes of the selected tests say.
    #[serde(default)]
    pub tests: Vec<TestDescription>,
    /// How many tests the filters left out.
    pub filtered_out: u64,
    /// The selection that was asked for by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionSummary>,
    /// How many tests run at once.
    pub threads: usize,
    /// `linux`, `macos`, `windows`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// How many processors may be used.
    pub cores: usize,
    /// Whether `CI` is set.
    pub ci: bool,
    /// The machine, as far as the process may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The environment of `chaos.toml`, such as `ci`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The hardware profile of `chaos.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The commit that was checked out, with `-dirty` after it where files differ from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What is known of a test before it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestDescription {
    /// The name of the test.
    pub test: String,
    /// The documentation of the function: the risk that the test covers.
    pub description: String,
    /// The file, as `file!()` gives it.
    pub file: String,
    /// The line of the function's name.
    pub line: u32,
    /// The domain that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Who sees to its failures: of the quarantine, or `triage.owner` of `chaos.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The ids of the requirements that it covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    /// How flaky it says it is; what its history says is in [`CategorySummary`].
    pub declared: Category,
    /// Why it is flaky.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_reason: Option<String>,
    /// Which share of its first attempts it expects to fail, between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_rate: Option<f64>,
    /// Whether its failure does not fail the run.
    pub may_fail: bool,
    /// How many more attempts a failure gets.
    pub retries: u32,
}

impl TestDescription {
    /// The description of a registered test.
    #[must_use]
    pub fn of(case: &TestCase) -> Self {
        let (declared, flakiness) = match case.options.declared {
            Declared::Stable => (Category::Stable, Flakiness::UNEXPLAINED),
            Declared::Flaky(flakiness) => (Category::Flaky, flakiness),
            Declared::VeryFlaky(flakiness) => (Category::VeryFlaky, flakiness),
        };
        Self {
            test: case.name(),
            description: case.description.trim().to_owned(),
            file: case.file.to_owned(),
            line: case.line,
            domain: case.options.domain.map(str::to_owned),
            owner: None,
            covers: case.options.covers.iter().map(|id| (*id).to_owned()).collect(),
            declared,
            declared_reason: flakiness.reason.map(str::to_owned),
            expected_rate: flakiness.expected_rate,
            may_fail: case.options.gate == Gate::MayFail,
            retries: case.options.retries,
        }
    }
}

/// The beginning of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptStarted {
    /// The name of the test.
    pub test: String,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// How many attempts there may be.
    pub of: u32,
    /// How long the harness waited before it, in milliseconds, because the one before it failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u64,
    /// The seed.
    pub seed: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// The deadline of the attempt, in milliseconds after its start.
    pub timeout_ms: u64,
    /// The journal of the attempt, relative to the directory of the run.
    pub journal: String,
}

/// What a running attempt does just now.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptProgress {
    /// The name of the test.
    pub test: String,
    /// The phase that the test is in.
    pub phase: Option<String>,
    /// The labels of the active faults, each with its target: `postgres: cut`.
    pub faults: Vec<String>,
    /// How many operations succeeded so far.
    pub ok: u64,
    /// How many operations did not.
    pub not_ok: u64,
}

/// How far the measuring of a test by `--chaos-runs` has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measuring {
    /// The name of the test.
    pub test: String,
    /// How many runs were made.
    pub runs: u64,
    /// How many runs there are at most.
    pub most: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How long the rest of all tests takes at most, in milliseconds, at the pace so far.
    pub left_ms: u64,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptEnded {
    /// The name of the test.
    pub test: String,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// The seed.
    pub seed: u64,
    /// How long it took, in nanoseconds, its process included.
    pub duration_ns: u64,
    /// What it came to.
    pub verdict: Verdict,
    /// Its figures.
    pub summary: AttemptSummary,
    /// What it wrote to its standard output, relative to the directory of the run, unless it wrote
    /// nothing or was not captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// The same for its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// What was used meanwhile, unless the attempt ran in the process of the harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// What happened around its failure, if it failed and that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
}

/// What was kept of the last seconds before a failure: see `docs/failures.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// The file, relative to the directory of the run: events, traces and server logs, in order.
    pub file: String,
    /// How long before the failure it begins, in milliseconds.
    pub window_ms: u64,
    /// How many lines it has.
    pub lines: u64,
    /// The last of them before the failure, some of each source: the time in seconds since the attempt
    /// began, the source, and the line.
    pub shown: Vec<String>,
}

/// What the machine and the processes of an attempt used while it ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resources {
    /// What the machine used, by whomever.
    pub machine: Usage,
    /// What the processes of the attempt used.
    pub processes: GroupUsage,
    /// How often a probe beside the attempt was to be woken.
    pub probes: u64,
    /// How late it was woken, in microseconds: 19 of 20 times it was earlier.
    pub delay_p95_us: u64,
    /// The longest of these delays, in microseconds.
    pub longest_delay_us: u64,
    /// A clause for each bound of the resource watch that the machine was beyond.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond: Vec<String>,
}

/// The figures of an attempt, taken from its journal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptSummary {
    /// How many operations succeeded.
    pub ok: u64,
    /// How many operations failed for certain.
    pub failed: u64,
    /// How many operations may or may not have taken effect.
    pub unknown: u64,
    /// The faults that were injected, in order.
    pub faults: Vec<FaultSummary>,
    /// The checks that were made, in order.
    pub checks: Vec<CheckSummary>,
    /// What came of the assertions in the code, and of what has to be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Assertion>,
    /// The notes that the test or the library left.
    pub notes: Vec<String>,
    /// Each time that a server of the test's own came back, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<ServerReturn>,
    /// The phases of its runs, in order, with what the operations came to in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseSummary>,
    /// The demands that were made on figures, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<BoundSummary>,
    /// The alert rules that were evaluated, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<JudgedAlert>,
    /// What was measured to be compared with another day, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineSummary>,
    /// The signals that were given, in order. The first hundred are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalSummary>,
    /// What the test and the library counted and timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsSnapshot>,
    /// What its properties came to, in order. Faults, checks and notes of their cases are not among
    /// those above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_properties: Vec<PropertySummary>,
    /// What its explorations came to, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explorations: Vec<ExplorationSummary>,
}

/// A phase of a run: a step of its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PhaseSummary {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PhaseKind,
    /// When it began, in nanoseconds since the attempt began.
    pub began_ns: u64,
    /// When it ended, in nanoseconds since the attempt began.
    pub ended_ns: u64,
    /// What the operations came to.
    pub figures: Measured,
    /// By how much counters of the attempt grew in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// The values that gauges of the attempt had in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gauges: BTreeMap<String, GaugeSummary>,
}

/// A demand on a figure, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BoundSummary {
    /// Whether it held.
    pub held: bool,
    /// The demand, and what was found.
    #[serde(flatten)]
    pub bound: Bound,
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FaultSummary {
    /// The fault as text.
    pub label: String,
    /// The name of the link.
    pub target: String,
    /// When it began, in nanoseconds since the attempt began.
    pub began_ns: u64,
    /// When it was cleared; absent if the attempt ended first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<u64>,
    /// How often it acted.
    pub hits: u64,
    /// How many connections it touched.
    pub connections: u64,
    /// How long after its end the first operation succeeded, in nanoseconds, if a workload ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_success_ns: Option<u64>,
    /// The recovery time, in nanoseconds after its end, if a workload ran and recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ns: Option<u64>,
    /// Which errors of clients it may be behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Set where it cannot be known whether it touched anything.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unobservable: bool,
    /// What it did to the operations of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<MeasuredImpact>,
}

/// A check and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckSummary {
    /// What ought to hold.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What a checker says, with its proofs, if one judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What a test came to, over all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestEnded {
    /// The name of the test.
    pub test: String,
    /// Its answer in this run.
    pub outcome: TestOutcome,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long they took together, in nanoseconds.
    pub duration_ns: u64,
    /// What its history says of it.
    pub category: CategorySummary,
    /// How it has fared over time.
    #[serde(default)]
    pub trend: Trend,
    /// What is to be said about the answer or the history, in words for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The answer of a test in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TestOutcome {
    /// The first attempt passed.
    Passed,
    /// It was run many times by `--chaos-runs`, and is not worse than it says.
    Measured,
    /// A later attempt passed.
    PassedOnRetry,
    /// No attempt passed.
    Failed,
    /// No attempt passed, and the test is declared `may_fail`.
    FailedAsAllowed,
    /// An attempt found that something is missing here.
    Skipped,
    /// The machine could carry none of its attempts, so nothing is known of the test.
    Environment,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunEnded {
    /// How many tests passed, those that passed on a retry included.
    pub passed: u64,
    /// How many tests failed.
    pub failed: u64,
    /// How many tests were ignored, skipped, or failed as allowed.
    pub ignored: u64,
    /// How long the run took, in nanoseconds.
    pub duration_ns: u64,
    /// The exit code of the process.
    pub exit_code: u8,
    /// Set when so many tests failed that the run itself is suspected, and is no evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemic: Option<SystemicFailure>,
}

/// What a run came to that was judged when it was over, as far as it is of this test binary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunJudged {
    /// When it was judged, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// The gates and phases, in order.
    pub gates: Vec<GateJudged>,
    /// The tests that began and did not come to an end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
    /// What the whole run came to: see [`exit_code`](crate::exit_code).
    pub exit_code: u8,
}

/// So many tests failed at their first attempts that the run itself is suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemicFailure {
    /// How many tests that were known to be stable failed.
    pub failed: u64,
    /// How many tests that were known to be stable ran.
    pub of: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
