//! What becomes of a failed attempt: whether there is another one, when, and what a test needs to pass.

use std::time::Duration;

use chaos_core::seed::Seed;
use chaos_core::verdict::{Failure, FailureKind};
use regex_lite::Regex;

use crate::registry::{Declared, TestCase};
use crate::settings::{Settings, Source};

/// The pauses before retries double up to this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What becomes of failed attempts at one test.
#[derive(Debug)]
pub(crate) struct Policy {
    /// How many more attempts there may be.
    pub(super) retries: u32,
    only: Option<Only>,
    backoff: Option<Duration>,
    /// How many attempts have to pass.
    min_passes: u32,
    forgives_violations: bool,
}

/// Which failures are worth another attempt.
#[derive(Debug)]
enum Only {
    Sqlstates(Vec<String>),
    /// Of the kind of failure and its message.
    Matching(Regex),
}

impl Policy {
    /// The policy of a test.
    ///
    /// # Errors
    ///
    /// When `only_retry` is no regular expression.
    pub(crate) fn of(settings: &Settings, case: &TestCase) -> Result<Self, String> {
        let only = settings.only_retry(case).map(|setting| {
            Only::parse(&setting.value).map_err(|error| {
                let place = match &setting.source {
                    Source::Attribute => format!("`only_retry` of {}", case.name()),
                    source => format!("`attempts.only-retry` ({source})"),
                };
                format!(
                    "{place} is wrong: {:?} is no regular expression ({error}); write one that \
                     matches messages, or SQLSTATEs: \"40001|40P01\"",
                    setting.value
                )
            })
        });
        let declared = case.options.declared != Declared::Stable;
        let forgives = settings.forgive_violations(case);
        let only = only.transpose()?;
        Ok(Self {
            retries: settings.retries(case).value,
            // Who says which failures are retried has thought of them.
            forgives_violations: forgives.map_or(declared || only.is_some(), |it| it.value),
            only,
            backoff: settings.backoff(case).map(|setting| setting.value),
            min_passes: settings.min_passes(case).value,
        })
    }

    /// How many attempts have to pass, of as many as there may be.
    pub(super) fn passes_needed(&self) -> u32 {
        self.min_passes.clamp(1, self.retries.saturating_add(1))
    }

    /// Whether a failure is worth another attempt.
    pub(super) fn retries(&self, failure: &Failure) -> bool {
        self.only.as_ref().is_none_or(|only| only.matches(failure))
    }

    /// Whether a failure fails the test whatever later attempts come to. A violated check or promise is
    /// a proof that it can be violated; a retry only tells whether the seed reproduces it.
    pub(super) fn is_final(&self, failure: &Failure) -> bool {
        let violation = matches!(
            failure.kind,
            FailureKind::Check | FailureKind::Violation | FailureKind::Assertion
        );
        violation && !self.forgives_violations
    }

    /// How long to wait before a retry, counted from 1: doubled each time, and shortened by up to a
    /// half, so that tests which failed together do not come back together.
    pub(super) fn pause(&self, seed: Seed, retry: u32) -> Duration {
        let Some(backoff) = self.backoff else { return Duration::ZERO };
        let doubled = backoff.saturating_mul(2_u32.saturating_pow(retry.saturating_sub(1)));
        let draw = seed.named("pause before a retry").numbered(u64::from(retry)).draws().unit();
        doubled.min(LONGEST_PAUSE).mul_f64(0.5 + draw / 2.0)
    }
}

impl Only {
    fn parse(text: &str) -> Result<Self, regex_lite::Error> {
        let parts = || text.split('|').map(str::trim);
        if parts().all(is_sqlstate) {
            return Ok(Self::Sqlstates(parts().map(str::to_owned).collect()));
        }
        Regex::new(text).map(Self::Matching)
    }

    fn matches(&self, failure: &Failure) -> bool {
        match self {
            Self::Sqlstates(states) => {
                failure.sqlstate.as_ref().is_some_and(|state| states.contains(state))
            }
            Self::Matching(pattern) => {
                pattern.is_match(&format!("{}: {}", failure.kind, failure.message))
            }
        }
    }
}

/// `40001`, `40P01`: five digits and capital letters, with a digit among them.
fn is_sqlstate(text: &str) -> bool {
    text.len() == 5
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(only: &str, failure: &Failure) -> bool {
        Only::parse(only).unwrap().matches(failure)
    }

    #[test]
    fn failures_are_chosen_by_sqlstate_or_by_what_is_said_of_them() {
        let deadlock =
            Failure::new(FailureKind::Error, "db error: deadlock detected").with_sqlstate("40P01");
        assert!(matches("40001|40P01", &deadlock) && matches("40P01", &deadlock));
        assert!(!matches("40001", &deadlock) && matches("deadlock", &deadlock));
        assert!(matches("^returned an error: .*dead", &deadlock));
        let other = Failure::new(FailureKind::Timeout, "took 40P01 s");
        assert!(!matches("40P01", &other) && matches("^timed out", &other));
        assert!(Only::parse("(").is_err());
    }

    fn policy(backoff: u64, retries: u32, min_passes: u32) -> Policy {
        Policy {
            retries,
            only: None,
            backoff: Some(Duration::from_millis(backoff)),
            min_passes,
            forgives_violations: false,
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_differ_from_test_to_test() {
        let policy = policy(100, 30, 1);
        for retry in 1..=30 {
            let whole = Duration::from_millis(100 << (retry - 1)).min(LONGEST_PAUSE);
            let pause = policy.pause(Seed(1), retry);
            assert!(pause >= whole / 2 && pause <= whole, "{retry}: {pause:?}");
        }
        assert_eq!(policy.pause(Seed(1), 1), policy.pause(Seed(1), 1));
        assert_ne!(policy.pause(Seed(1), 1), policy.pause(Seed(2), 1));
    }

    #[test]
    fn as_many_passes_are_needed_as_there_can_be() {
        assert_eq!(policy(0, 3, 2).passes_needed(), 2);
        assert_eq!(policy(0, 0, 2).passes_needed(), 1);
        assert_eq!(policy(0, 3, 0).passes_needed(), 1);
    }

    #[test]
    fn no_retry_forgives_a_violation_unless_somebody_says_so() {
        let check = Failure::new(FailureKind::Check, "money is conserved");
        let policy = policy(0, 3, 1);
        assert!(policy.is_final(&check));
        assert!(!policy.is_final(&Failure::new(FailureKind::Timeout, "late")));
        assert!(!Policy { forgives_violations: true, ..policy }.is_final(&check));
    }
}
