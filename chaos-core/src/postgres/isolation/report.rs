//! What came of an interleaving.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of an interleaving, step by step. Steps are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterleavingReport {
    pub(super) steps: Vec<StepReport>,
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Which step, counted from 1.
    pub step: usize,
    /// Its session.
    pub session: String,
    /// What it did.
    pub what: String,
    /// Whom it waited for, if it blocked: sessions by name, others by process.
    pub blocked_by: Vec<String>,
    /// The step after which it went on, if it blocked. Absent too where only the end of all
    /// transactions, after the last step, let it go on.
    pub released_by: Option<usize>,
    /// What came of it in the end.
    pub outcome: StepOutcome,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It succeeded.
    Done(Reading),
    /// It was a commit, and the server rolled back instead: the transaction had failed before.
    RolledBack,
    /// It failed.
    Failed {
        /// The SQLSTATE, if the server answered.
        sqlstate: Option<String>,
        /// What was said.
        message: String,
    },
}

/// What a step has read and changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reading {
    /// The rows that it returned, as text.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many rows its last statement returned or changed.
    pub affected: u64,
}

impl Reading {
    pub(super) fn of_value(value: String) -> Self {
        Self { rows: vec![vec![Some(value)]], affected: 1 }
    }
}

impl InterleavingReport {
    /// All steps, in the order in which they began.
    #[must_use]
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// A step, counted from 1.
    #[must_use]
    pub fn step(&self, step: usize) -> Option<&StepReport> {
        step.checked_sub(1).and_then(|index| self.steps.get(index))
    }

    /// Whether a step blocked.
    #[must_use]
    pub fn blocked(&self, step: usize) -> bool {
        self.step(step).is_some_and(|step| !step.blocked_by.is_empty())
    }

    /// The SQLSTATE of a step that failed.
    #[must_use]
    pub fn sqlstate(&self, step: usize) -> Option<&str> {
        match &self.step(step)?.outcome {
            StepOutcome::Failed { sqlstate, .. } => sqlstate.as_deref(),
            _ => None,
        }
    }

    /// The rows that a step returned; none if it failed.
    #[must_use]
    pub fn rows(&self, step: usize) -> &[Vec<Option<String>>] {
        match self.step(step).map(|step| &step.outcome) {
            Some(StepOutcome::Done(reading)) => &reading.rows,
            _ => &[],
        }
    }

    /// The first value that a step returned.
    #[must_use]
    pub fn value(&self, step: usize) -> Option<&str> {
        self.rows(step).first()?.first()?.as_deref()
    }

    /// Whether a session committed: its last step was a commit, and the server carried it out.
    #[must_use]
    pub fn committed(&self, session: &str) -> bool {
        let last = self.steps.iter().rfind(|step| step.session == session);
        last.is_some_and(|step| {
            step.what.eq_ignore_ascii_case("COMMIT") && matches!(step.outcome, StepOutcome::Done(_))
        })
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledBack => f.write_str("rolled back instead"),
            Self::Failed { sqlstate: Some(sqlstate), message } => {
                write!(f, "failed: {message} (SQLSTATE {sqlstate})")
            }
            Self::Failed { sqlstate: None, message } => write!(f, "failed: {message}"),
            Self::Done(Reading { rows, affected }) if rows.is_empty() => {
                write!(f, "{affected} rows")
            }
            Self::Done(Reading { rows, .. }) => {
                let value = |value: &Option<String>| value.clone().unwrap_or("null".to_owned());
                let row = |row: &Vec<_>| row.iter().map(value).collect::<Vec<_>>().join(", ");
                write!(f, "({})", rows.iter().map(row).collect::<Vec<_>>().join("), ("))
            }
        }
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, session, what, blocked_by, released_by, outcome } = self;
        write!(f, "{step} {session}: {what}: ")?;
        if !blocked_by.is_empty() {
            write!(f, "waited for {} ", blocked_by.join(", "))?;
            match released_by {
                Some(step) => write!(f, "until step {step}, then ")?,
                None => f.write_str("until the end, then ")?,
            }
        }
        write!(f, "{outcome}")
    }
}

impl fmt::Display for InterleavingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}
