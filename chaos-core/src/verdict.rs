//! What an attempt came to, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Cause;

/// What one attempt at a test came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
#[non_exhaustive]
pub enum Verdict {
    /// The test returned, and every check held.
    Passed,
    /// Something is wrong.
    Failed(Failure),
    /// The test could not run here.
    Skipped {
        /// What is missing.
        reason: String,
    },
    /// The machine could not carry the test, so that the attempt says nothing of it.
    Environment {
        /// What was wrong with the machine.
        reason: String,
        /// How the attempt failed, if it did: on such a machine that proves nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

impl Verdict {
    /// Whether the attempt passed.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    /// The failure, if the attempt failed. One that the machine is to be blamed for is none.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl Verdict {
    /// Whether the attempt says nothing of the test, because the machine could not carry it.
    #[must_use]
    pub const fn is_environment(&self) -> bool {
        matches!(self, Self::Environment { .. })
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// What was wrong, in words for a person. Several lines are allowed.
    pub message: String,
    /// Where, as `file:line:column`, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The SQLSTATE, where an answer of the server is among the sources of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What went wrong below the code, where an error of I/O, of the driver or of a pool is among the
    /// sources of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When the test had ended, in nanoseconds since the attempt began: what it owned was dropped by
    /// then, faults included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ns: Option<u64>,
    /// What shows it again (`CHAOS_REPLAY`): a point of an exploration, or a case of a property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Whether an exploration shows that a promise was broken, and not only that something took too
    /// long, or the process was ended for what only its own code does, such as a stack overflow: a proof
    /// that no overloaded machine excuses, as [`FailureKind::Check`] is one by its kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_proof: bool,
}

impl Failure {
    /// A failure of this kind without a location.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let (location, sqlstate, cause, at_ns, replay, is_proof) = Default::default();
        Self { kind, message, location, sqlstate, cause, at_ns, replay, is_proof }
    }

    /// Adds the SQLSTATE of the server's answer.
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// Adds what went wrong below the code.
    #[must_use]
    pub fn caused_by(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Adds the point of an exploration, or the case of a property, that shows it.
    #[must_use]
    pub fn replayed_by(mut self, token: impl fmt::Display) -> Self {
        self.replay = Some(token.to_string());
        self
    }

    /// Says whether it shows that a promise was broken.
    #[must_use]
    pub fn proving(mut self, is_proof: bool) -> Self {
        self.is_proof = is_proof;
        self
    }

    /// Adds where it happened.
    #[must_use]
    pub fn at(mut self, location: impl fmt::Display) -> Self {
        self.location = Some(location.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The test returned an error.
    Error,
    /// The test panicked.
    Panic,
    /// A task or thread that the test had spawned panicked.
    BackgroundPanic,
    /// The test was to panic and did not, or panicked with another message.
    MissingPanic,
    /// A named check did not hold.
    Check,
    /// A checker found that a promise was broken.
    Violation,
    /// A checker could not say whether a promise was kept, or nothing had put it to the test; or there was
    /// nothing that a figure could be taken from on which there is a bound, as no phase of that name.
    Unproven,
    /// An `always!` in the code did not hold, or an `unreachable!` was reached.
    Assertion,
    /// A `sometimes!` in the code never held, or what has to be reached never was, in any attempt of
    /// the run.
    NeverHeld,
    /// A case of a property failed.
    Property,
    /// The system was not in its steady state before the first fault.
    SteadyState,
    /// The system did not recover, or not in time.
    Recovery,
    /// A promise breaks at some points of an exploration, or its scenario cannot be explored.
    Exploration,
    /// A figure, such as a latency or an error rate, is on the wrong side of a bound.
    Bound,
    /// A fault was injected and touched nothing.
    Vacuous,
    /// The test passed and left something behind in a database, such as an open transaction.
    Leftover,
    /// The test was still running at its deadline, and stopped when it was told to.
    Timeout,
    /// The test was still running after its deadline, and had to be killed.
    Hang,
    /// The process exited in the midst of the test, without a verdict.
    Exit,
    /// The process was ended by a signal, as `abort` and a stack overflow do.
    Signal,
    /// The test passed and left a process running.
    LeakedProcess,
    /// What the test needs could not be set up.
    Fixture,
    /// The run was interrupted, which says nothing about the test.
    Interrupted,
    /// The harness itself could not do its work.
    Harness,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "returned an error",
            Self::Panic => "panicked",
            Self::BackgroundPanic => "a spawned task panicked",
            Self::MissingPanic => "did not panic as declared",
            Self::Check => "a check failed",
            Self::Violation => "broke a promise",
            Self::Unproven => "proved nothing",
            Self::Assertion => "an assertion in the code did not hold",
            Self::NeverHeld => "did not bring about what it is for",
            Self::Property => "a property does not hold",
            Self::SteadyState => "no steady state before the fault",
            Self::Recovery => "did not recover",
            Self::Exploration => "a promise breaks at a point",
            Self::Bound => "missed a bound",
            Self::Vacuous => "a fault touched nothing",
            Self::Leftover => "left something behind in a database",
            Self::Timeout => "timed out",
            Self::Hang => "hung and was killed",
            Self::Exit => "exited without a verdict",
            Self::Signal => "ended by a signal",
            Self::LeakedProcess => "left a process running",
            Self::Fixture => "could not be set up",
            Self::Interrupted => "was interrupted",
            Self::Harness => "the harness failed",
        })
    }
}
