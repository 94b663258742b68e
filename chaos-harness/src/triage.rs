//! Where to look first after a failure, with the evidence: the code, a bound, the machine, or the test.
//!
//! The rules are data: each names a class, says in words when it applies, and looks at the failure and at
//! the figures of its attempt. The first that applies decides. A failure to which none applies stays
//! unclassified: a wrong class is worse than none.

use std::fmt;
use std::time::Duration;

use chaos_core::verdict::Failure;
use serde::{Deserialize, Serialize};

use crate::run_event::AttemptSummary;

mod errors;
mod rules;

/// What a failure points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// The code under test did not keep a promise.
    PotentialBug,
    /// A bound of time or rate was missed by little: the code, the bound or a setting wants tuning.
    TuningNeeded,
    /// The machine, or something that it lacks.
    Environment,
    /// The test does not bring about, or does not judge, what it is for.
    TestDesign,
    /// No rule applies.
    Unclassified,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PotentialBug => "potential bug",
            Self::TuningNeeded => "tuning needed",
            Self::Environment => "environment",
            Self::TestDesign => "test design",
            Self::Unclassified => "unclassified",
        })
    }
}

/// The class of a failure, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Triage {
    /// The class.
    pub class: Class,
    /// The rule that applied; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What speaks for it.
    pub evidence: String,
}

impl fmt::Display for Triage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.evidence)
    }
}

/// What a failure points at. `deadline` is that of the attempt, since it began.
pub(crate) fn triage(
    failure: &Failure,
    summary: &AttemptSummary,
    deadline: Option<Duration>,
) -> Triage {
    let case = rules::Case { failure, summary, deadline };
    let applied = rules::RULES.iter().find_map(|rule| {
        let evidence = (rule.applies)(&case)?;
        Some(Triage { class: rule.class, rule: Some(rule.name.to_owned()), evidence })
    });
    applied.unwrap_or_else(|| Triage {
        class: Class::Unclassified,
        rule: None,
        evidence: format!("no rule says what this means: {}", failure.kind),
    })
}
