//! One line of the journal.
//!
//! Every report is a function of these events. Times are integer nanoseconds since the attempt
//! began; durations inside faults are text (`"80ms"`), because people read and paste them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::assert::Assertion;
use crate::check::Report;
use crate::direction::Direction;
use crate::fault::FaultSpec;
use crate::metrics::{GaugeSummary, MetricsSnapshot};
use crate::outcome::Outcome;
use crate::run::{Bound, JudgedAlert, Measured, MeasuredImpact, PhaseKind};
use crate::verdict::Verdict;

/// The version of the format. It is raised when a reader of the old one would misread the new one.
pub const FORMAT_VERSION: u32 = 1;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// When, in nanoseconds since the attempt began.
    pub at: u64,
    /// What.
    pub what: EventKind,
}

impl Event {
    /// An event at this time since the attempt began.
    #[must_use]
    pub fn new(at: Duration, what: EventKind) -> Self {
        Self { at: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), what }
    }

    /// When, as a time since the attempt began.
    #[must_use]
    pub const fn time(&self) -> Duration {
        Duration::from_nanos(self.at)
    }
}

/// Identifies a fault within an attempt: the first that is injected is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// What can happen in an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// The first line: which test, and everything that it takes to repeat it.
    AttemptStarted {
        /// [`FORMAT_VERSION`].
        version: u32,
        /// The name of the test.
        test: String,
        /// Which attempt, counted from 1.
        attempt: u32,
        /// The seed.
        seed: u64,
        /// When, in milliseconds since 1970-01-01 UTC.
        unix_ms: u64,
        /// The process that runs it.
        pid: u32,
    },
    /// The test entered a phase: a step of a schedule, `settle` while the last operations of a
    /// workload end, or one that the test names.
    PhaseStarted {
        /// Its name.
        phase: String,
    },
    /// A link listens.
    LinkOpened {
        /// The name of the link.
        link: String,
        /// Where clients connect.
        listen: String,
        /// What they reach.
        upstream: String,
    },
    /// A database of its own was made for the test.
    DatabaseOpened {
        /// The name of the link to it.
        link: String,
        /// Its name on the server.
        database: String,
        /// The file to which the server writes its log; absent if the server belongs to the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// A client connected to a link.
    ConnectionOpened {
        /// The name of the link.
        link: String,
        /// Which connection of the link, counted from 1.
        connection: u64,
    },
    /// A connection ended.
    ConnectionClosed {
        /// The name of the link.
        link: String,
        /// Which connection of the link, counted from 1.
        connection: u64,
        /// How it ended.
        how: ConnectionEnd,
        /// The fault that ended it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<FaultId>,
        /// How many bytes were delivered to the server.
        upstream_bytes: u64,
        /// How many bytes were delivered to the client.
        downstream_bytes: u64,
    },
    /// A fault became active.
    FaultStarted {
        /// Which fault.
        fault: FaultId,
        /// Where: the name of the link, or of what else it was injected into.
        target: String,
        /// The fault as text, the name by which reports know it.
        label: String,
        /// The fault.
        spec: FaultSpec,
    },
    /// A fault touched a connection, a session or another thing for the first time.
    FaultHit {
        /// Which fault.
        fault: FaultId,
        /// Which connection of the link, counted from 1, or 0 for a request to cancel a query, which
        /// counts as none; of a fault in a server, which session: the
        /// number of its process.
        connection: u64,
    },
    /// A fault that waits for messages acted at one. The first thousand of each fault are told.
    MessageHit {
        /// Which fault.
        fault: FaultId,
        /// Which connection of the link, counted from 1, or 0 for a request to cancel a query.
        connection: u64,
        /// Who sent the message: upstream is the client.
        direction: Direction,
        /// Which message of this direction of the connection, counted from 1.
        nth: u64,
        /// What it is, such as `Query COMMIT` or `CommandComplete INSERT 0 1`.
        message: String,
    },
    /// A fault was cleared.
    FaultEnded {
        /// Which fault.
        fault: FaultId,
        /// How often it acted: chunks of data that it affected, connections that it ended, sessions
        /// that it met.
        hits: u64,
        /// How many connections, sessions or other things it touched.
        connections: u64,
    },
    /// A client finished an operation.
    Operation {
        /// Which client, counted from 0.
        client: u32,
        /// When it began, in nanoseconds since the attempt began.
        began: u64,
        /// What it came to.
        outcome: Outcome,
        /// The error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The SQLSTATE of the error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sqlstate: Option<String>,
    },
    /// The server was asked what became of an operation, or whether its `COMMIT` was one.
    OperationResolved {
        /// Which client, counted from 0.
        client: u32,
        /// When the operation began, in nanoseconds since the attempt began, by which it is known.
        began: u64,
        /// What its answer said.
        was: Outcome,
        /// What it came to. Both are `unknown` where that cannot be told.
        outcome: Outcome,
        /// Why.
        reason: String,
    },
    /// The system came back to its steady state after a fault, or did not.
    Recovery {
        /// The fault that had ended.
        fault: FaultId,
        /// How long after the end of the fault the first operation succeeded, in nanoseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_success: Option<u64>,
        /// The recovery time, in nanoseconds after the end of the fault: when the last operation
        /// that went wrong ended, or the first success if that is later. Absent when operations
        /// still went wrong at the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steady: Option<u64>,
    },
    /// A part of a schedule was carried through, with what the operations of the run came to in it.
    PhaseMeasured {
        /// Its name.
        phase: String,
        /// What it is.
        kind: PhaseKind,
        /// When it began, in nanoseconds since the attempt began.
        began: u64,
        /// When it ended, in nanoseconds since the attempt began.
        ended: u64,
        /// What it came to.
        figures: Measured,
        /// By how much counters of the attempt grew in it.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        counters: BTreeMap<String, u64>,
        /// The values that gauges of the attempt had in it.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        gauges: BTreeMap<String, GaugeSummary>,
    },
    /// What a fault did to the operations of a run.
    ImpactMeasured {
        /// The fault.
        fault: FaultId,
        /// What it did.
        impact: Box<MeasuredImpact>,
    },
    /// A test demanded something of a figure.
    BoundChecked {
        /// Whether the figure was on the right side.
        held: bool,
        /// The demand, and what was found.
        bound: Bound,
    },
    /// A test had an alert rule evaluated over a run.
    AlertJudged {
        /// When it fired, and for which faults.
        alert: JudgedAlert,
    },
    /// The test measured how long something takes, to be compared with another day.
    BaselineMeasured {
        /// What.
        name: String,
        /// How long it took, in nanoseconds: each value is the median of a round of runs.
        samples: Vec<u64>,
    },
    /// The test said that something noticed a fault.
    Signal {
        /// What it is called.
        name: String,
    },
    /// The figures of the test and of the library at the end of the attempt.
    MetricsMeasured {
        /// The figures.
        figures: MetricsSnapshot,
    },
    /// A test did something to a server of its own, apart from faults that end by themselves.
    ServerAction {
        /// The name of the link to the server.
        target: String,
        /// What, such as `killed: postmaster`.
        action: String,
    },
    /// A server accepted connections again.
    ServerReady {
        /// The name of the link to the server.
        target: String,
        /// How long it took, in nanoseconds: since it was started or resumed, or since one of its
        /// processes was killed.
        after: u64,
        /// Whether it recovered from a crash first.
        recovered: bool,
    },
    /// A scenario is about to be explored: it was run without faults, and this is what there is.
    ExplorationStarted {
        /// Which exploration of the attempt, counted from 1.
        exploration: u64,
        /// How many messages a run without faults exchanges; 0 where points are no messages.
        messages: u64,
        /// Over how many connections.
        connections: u64,
    },
    /// A scenario was run with a fault at a point, or with two.
    PointTried {
        /// Which exploration of the attempt, counted from 1.
        exploration: u64,
        /// What repeats it: `CHAOS_REPLAY=<token>`.
        token: String,
        /// Where the fault struck and how, in words.
        point: String,
        /// What the operation came to; absent when the fault was not met.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
        /// What was wrong afterwards, in words; empty when nothing was.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<String>,
    },
    /// An exploration is over.
    ExplorationEnded {
        /// Which exploration of the attempt, counted from 1.
        exploration: u64,
        /// How many points were tried, and met.
        tried: u64,
        /// After how many of them something was wrong.
        violated: u64,
        /// How many were not met.
        not_met: u64,
        /// What was left out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<SkippedPoints>,
    },
    /// A named check was made.
    Check {
        /// What ought to hold.
        name: String,
        /// Whether it held.
        passed: bool,
        /// What was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<String>,
        /// What was expected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
    /// A run of a case of a property began.
    CaseStarted {
        /// Which case, counted from 1; 0 for one that is kept in a file.
        case: u64,
        /// What the run is for.
        purpose: CasePurpose,
        /// How many operations it has.
        operations: u64,
        /// Its faults, as text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<String>,
    },
    /// A run of a case of a property ended.
    CaseEnded {
        /// Which case, counted from 1; 0 for one that is kept in a file.
        case: u64,
        /// What the run was for.
        purpose: CasePurpose,
        /// What it came to.
        answer: CaseAnswer,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// A property was tried, on all cases or until one failed.
    PropertyEnded {
        /// On how many new cases it was to be tried.
        wanted: u64,
        /// On how many it was tried.
        cases: u64,
        /// In how many of them no fault touched anything.
        vacuous: u64,
        /// How many kept cases were tried.
        replayed: u64,
        /// Whether one of all these failed.
        failed: bool,
        /// What the failing case was made smaller to, if it was a new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shrunk: Option<ShrunkCase>,
        /// The file that keeps it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// A checker judged what clients did and saw, or what is in a database.
    Judged {
        /// What it says, with the proofs.
        report: Report,
    },
    /// An assertion in the code was reached for the first time, came about, or was violated; at the
    /// end of the attempt, what came of it. The last line of each name counts.
    Assertion {
        /// What came of it so far.
        assertion: Assertion,
    },
    /// Something panicked.
    Panicked {
        /// The name of the thread.
        thread: String,
        /// The message.
        message: String,
        /// Where, as `file:line:column`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Whether it was the test's own thread.
        in_test: bool,
    },
    /// Something worth knowing that is no failure.
    Note {
        /// In words for a person.
        message: String,
    },
    /// The test function has ended: it returned, panicked, or was still running at its deadline. What
    /// follows is done at its end.
    TestEnded,
    /// The last line: what the attempt came to. An attempt without it failed.
    VerdictReached {
        /// What it came to.
        result: Verdict,
    },
}

/// Points of an exploration that were not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedPoints {
    /// How many.
    pub count: u64,
    /// Why.
    pub why: String,
}

impl SkippedPoints {
    pub(crate) fn new(count: usize, why: impl Into<String>) -> Self {
        Self { count: count as u64, why: why.into() }
    }
}

/// What a run of a case of a property is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CasePurpose {
    /// To see, without faults, which messages pass.
    Recording,
    /// To try it with its faults.
    Faults,
    /// To learn how often it fails.
    Confirming,
    /// To make it smaller.
    Shrinking,
    /// To try a case that is kept.
    Replay,
}

/// What a run of a case of a property came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaseAnswer {
    /// It passed.
    Passed,
    /// It passed, and no fault touched anything.
    Vacuous,
    /// It failed.
    Failed,
}

/// What a failing case was made smaller to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShrunkCase {
    /// How many operations are left.
    pub operations: u64,
    /// How many faults are left.
    pub faults: u64,
    /// How many operations there were.
    pub from_operations: u64,
    /// How many faults there were.
    pub from_faults: u64,
    /// How many runs it took.
    pub runs: u64,
    /// How many runs of what is left failed.
    pub failed: u64,
    /// Of how many.
    pub of: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// Both sides closed it.
    Closed,
    /// The client reset it.
    ResetByClient,
    /// The server reset it.
    ResetByServer,
    /// A fault ended it with FIN.
    Cut,
    /// A fault reset it.
    Reset,
    /// The server could not be reached, and the client was reset.
    Unreachable,
    /// The link itself was closed.
    LinkClosed,
}
