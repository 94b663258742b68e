//! What the error of a test means.

use std::error::Error as StdError;

use chaos_core::TestError;
use chaos_core::check::{CheckFailed, NotUpheld};
use chaos_core::contention::ContentionError;
use chaos_core::error::{Error, with_sources};
use chaos_core::explore::{ExploreError, FindingKind, Point};
use chaos_core::outcome::{Cause, sqlstate};
use chaos_core::recovery::RecoveryError;
use chaos_core::run::{BoundError, RunError};
use chaos_core::verdict::{Failure, FailureKind, Verdict};

use crate::fixture_error::FixtureError;

/// The verdict about a test that returned this error.
///
/// A failure that does not say itself where it happened gets the place of the `?` that the error came
/// to first.
pub(crate) fn verdict_of(error: &TestError) -> Verdict {
    match (meaning_of(error.as_ref()), error.location()) {
        (Verdict::Failed(failure), Some(place)) if failure.location.is_none() => {
            Verdict::Failed(failure.at(place))
        }
        (verdict, _) => verdict,
    }
}

/// What an error means.
///
/// The error and its sources are searched for errors of the library, so that a test may wrap them.
fn meaning_of(error: &(dyn StdError + 'static)) -> Verdict {
    let mut failure = match verdict_by_type(error) {
        Verdict::Failed(failure) => failure,
        other => return other,
    };
    // A fixture has said already what is behind its own source, which its chain leaves out.
    failure.sqlstate = failure.sqlstate.or_else(|| sqlstate(error));
    failure.cause = failure.cause.or_else(|| Cause::of(error));
    Verdict::Failed(failure)
}

fn verdict_by_type(error: &(dyn StdError + 'static)) -> Verdict {
    let message = with_sources(error);
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(Error::Unavailable { reason }) = error.downcast_ref() {
            return Verdict::Skipped { reason: reason.clone() };
        }
        if let Some(ContentionError::OutOfReach { .. }) = error.downcast_ref() {
            return Verdict::Environment { reason: message, failure: None };
        }
        if let Some(fixture) = error.downcast_ref::<FixtureError>() {
            // Its chain leaves its own source out, because the message has it.
            return match meaning_of(fixture.source.as_ref()) {
                Verdict::Skipped { reason } => Verdict::Skipped { reason },
                Verdict::Environment { reason, failure } => {
                    Verdict::Environment { reason, failure }
                }
                verdict => {
                    let mut failure = Failure::new(FailureKind::Fixture, message);
                    if let Some(inner) = verdict.failure() {
                        failure.sqlstate.clone_from(&inner.sqlstate);
                        failure.cause = inner.cause;
                    }
                    Verdict::Failed(match fixture.source.location() {
                        Some(place) => failure.at(place),
                        None => failure,
                    })
                }
            };
        }
        if let Some(check) = error.downcast_ref::<CheckFailed>() {
            let failure = Failure::new(FailureKind::Check, message);
            return Verdict::Failed(failure.at(check.location()));
        }
        if let Some(broken) = error.downcast_ref::<NotUpheld>() {
            let failure = Failure::new(broken.kind(), message);
            return Verdict::Failed(failure.at(broken.location()));
        }
        if let Some(failure) = of_exploration(error, &message) {
            return Verdict::Failed(failure);
        }
        #[cfg(feature = "property")]
        if let Some(failure) = of_property(error, &message) {
            return Verdict::Failed(failure);
        }
        if let Some(kind) = kind_of(error) {
            return Verdict::Failed(Failure::new(kind, message));
        }
        source = error.source();
    }
    Verdict::Failed(Failure::new(FailureKind::Error, message))
}

fn of_exploration(error: &(dyn StdError + 'static), message: &str) -> Option<Failure> {
    let kind = match error.downcast_ref()? {
        ExploreError::NoMessages | ExploreError::NothingTried { .. } => FailureKind::Vacuous,
        // What is missing for the scenario skips the test, and stands in a source.
        ExploreError::Baseline { source, .. } => match meaning_of(source.as_ref()) {
            Verdict::Skipped { .. } => return None,
            _ => FailureKind::SteadyState,
        },
        ExploreError::Library(_) => return None,
        // Nothing was broken yet.
        ExploreError::Unsound { .. } => FailureKind::SteadyState,
        ExploreError::Violated(_) => FailureKind::Exploration,
        // Nothing was found out about the system: what was asked for cannot be tried.
        _ => FailureKind::Error,
    };
    let failure = Failure::new(kind, message);
    Some(match error.downcast_ref() {
        Some(ExploreError::Violated(explored)) => {
            let failure = failure.proving(explored.violated().any(shows_a_broken_promise));
            match explored.replay() {
                Some(token) => failure.replayed_by(token),
                None => failure,
            }
        }
        _ => failure,
    })
}

/// Whether something was wrong after a fault that no slow machine brings about. Operations that fail or hang,
/// and what was not yet over when it was looked at, may be late.
fn shows_a_broken_promise(point: &Point) -> bool {
    point.findings.iter().any(|finding| {
        matches!(finding.kind, FindingKind::Check | FindingKind::Divergence | FindingKind::Session)
    })
}

#[cfg(feature = "property")]
fn of_property(error: &(dyn StdError + 'static), message: &str) -> Option<Failure> {
    use chaos_core::property::PropertyError;

    Some(match error.downcast_ref()? {
        PropertyError::Failed(case) => {
            let failure = Failure::new(FailureKind::Property, message);
            let failure = match &case.location {
                Some(location) => failure.at(location),
                None => failure,
            };
            match &case.token {
                Some(token) => failure.replayed_by(token),
                None => failure,
            }
        }
        PropertyError::Vacuous { .. } => Failure::new(FailureKind::Vacuous, message),
        _ => Failure::new(FailureKind::Error, message),
    })
}

fn kind_of(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if error.is::<RecoveryError>() {
        return Some(FailureKind::Recovery);
    }
    // What could not be measured is another mistake than a bound that was missed.
    match error.downcast_ref() {
        Some(BoundError::Missed(_)) => return Some(FailureKind::Bound),
        // A bound on a phase or a fault that there is not, or that is more than one, judges nothing.
        Some(
            BoundError::NotMeasured { .. }
            | BoundError::Unknown { .. }
            | BoundError::Ambiguous { .. },
        ) => return Some(FailureKind::Unproven),
        _ => {}
    }
    if let Some(RunError::NoSteadyState { .. }) = error.downcast_ref() {
        return Some(FailureKind::SteadyState);
    }
    None
}

#[cfg(test)]
mod tests {
    use chaos_core::{Chaos, TestResult};

    use super::*;

    /// An error of a user's crate, as it wraps what it met.
    #[derive(Debug, thiserror::Error)]
    #[error("the audit failed")]
    struct Wrapped(#[source] TestError);

    fn kind(error: TestError) -> Option<FailureKind> {
        verdict_of(&error).failure().map(|failure| failure.kind)
    }

    fn missing() -> TestError {
        Error::Unavailable { reason: "no PostgreSQL".to_owned() }.into()
    }

    #[test]
    fn what_is_missing_skips_the_test_wherever_it_was_met() {
        let skipped = Verdict::Skipped { reason: "no PostgreSQL".to_owned() };
        assert_eq!(verdict_of(&missing()), skipped);
        assert_eq!(verdict_of(&Wrapped(missing()).into()), skipped);
        assert_eq!(verdict_of(&FixtureError::new("Postgres", missing()).into()), skipped);
    }

    #[test]
    fn a_broken_promise_and_an_unproven_one_are_kinds_of_their_own() {
        use chaos_core::check::{Checker, counter_bounds};
        use chaos_core::history::Recorder;
        use chaos_core::outcome::Outcome;

        let cx = Chaos::new(chaos_core::seed::Seed(1), chaos_core::journal::Journal::in_memory());
        let recorder = Recorder::new();
        let mut client = recorder.process();
        client.invoke("read", 0.into()).complete(Outcome::Ok, 1.into(), None);
        let broken = cx.judge(&counter_bounds(), &recorder.history()).unwrap_err();
        let verdict = verdict_of(&Wrapped(broken).into());
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Violation);
        assert!(failure.location.as_ref().unwrap().contains("failure.rs"));
        assert!(failure.message.contains("expected 0, found 1"), "{failure}");

        let nothing = chaos_core::history::History::empty();
        let unproven = cx.judge(&counter_bounds().may_be_vacuous(), &nothing).unwrap_err();
        assert_eq!(kind(unproven), Some(FailureKind::Unproven));
    }

    #[test]
    fn a_failed_check_keeps_its_place_also_when_it_is_wrapped() {
        let cx = Chaos::new(chaos_core::seed::Seed(1), chaos_core::journal::Journal::in_memory());
        let check = cx.check("money is conserved", 1, 2).unwrap_err();
        let verdict = verdict_of(&Wrapped(check).into());
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Check);
        assert!(failure.location.as_ref().unwrap().contains("failure.rs"));
        assert!(failure.message.starts_with("the audit failed: money is conserved"), "{failure}");
    }

    #[test]
    fn an_error_is_told_with_the_place_of_the_question_mark_that_it_came_to_first() {
        fn first() -> TestResult<u16> {
            Ok("a".parse::<u16>()?)
        }
        fn second() -> TestResult<u16> {
            let port = first()?;
            Ok(port + 1)
        }
        let verdict = verdict_of(&second().unwrap_err());
        let place = verdict.failure().unwrap().location.clone().unwrap();
        let line = line!() - 8;
        assert!(place.contains(&format!("failure.rs:{line}:")), "{place}");
        let fixture = FixtureError::new("Ledger", first().unwrap_err());
        let verdict = verdict_of(&fixture.into());
        assert_eq!(verdict.failure().unwrap().location.as_ref(), Some(&place));
    }

    #[test]
    fn other_errors_are_told_apart_by_who_made_them() {
        let late = RecoveryError::NotWatched;
        assert_eq!(kind(late.into()), Some(FailureKind::Recovery));
        let unmeasured = BoundError::NotMeasured {
            subject: "calm 1s".to_owned(),
            figure: "p99".to_owned(),
            reason: "there was no operation".to_owned(),
        };
        assert_eq!(kind(unmeasured.into()), Some(FailureKind::Unproven));
        let (wanted, names) = ("cut".to_owned(), vec!["calm 1s".to_owned(), "after".to_owned()]);
        let unknown = BoundError::Unknown { what: "phase", wanted: wanted.clone(), known: names };
        let verdict = verdict_of(&unknown.into());
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Unproven);
        assert!(failure.message.contains("`cut`; there are: `calm 1s`, `after`"), "{failure}");
        let ambiguous = BoundError::Ambiguous { what: "phase", wanted, matching: Vec::new() };
        assert_eq!(kind(ambiguous.into()), Some(FailureKind::Unproven));
        assert_eq!(kind("no answer".into()), Some(FailureKind::Error));
        let fixture = FixtureError::new("Ledger", "no table".into());
        assert_eq!(kind(fixture.into()), Some(FailureKind::Fixture));
    }
}
