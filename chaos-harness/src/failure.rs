//! What the error of a test means.

use std::error::Error as StdError;

use chaos_core::check::CheckFailed;
use chaos_core::error::{Error, with_sources};
use chaos_core::recovery::RecoveryError;
use chaos_core::run::RunError;
use chaos_core::verdict::{Failure, FailureKind, Verdict};

/// The verdict about a test that returned this error.
///
/// The error and its sources are searched for errors of the library, so that a test may wrap them.
pub(crate) fn verdict_of(error: &(dyn StdError + 'static)) -> Verdict {
    let message = with_sources(error);
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(Error::Unavailable { reason }) = error.downcast_ref() {
            return Verdict::Skipped { reason: reason.clone() };
        }
        if let Some(check) = error.downcast_ref::<CheckFailed>() {
            let failure = Failure::new(FailureKind::Check, message);
            return Verdict::Failed(failure.at(check.location()));
        }
        if let Some(kind) = kind_of(error) {
            return Verdict::Failed(Failure::new(kind, message));
        }
        source = error.source();
    }
    Verdict::Failed(Failure::new(FailureKind::Error, message))
}

fn kind_of(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if error.is::<RecoveryError>() {
        return Some(FailureKind::Recovery);
    }
    if let Some(RunError::NoSteadyState { .. }) = error.downcast_ref() {
        return Some(FailureKind::SteadyState);
    }
    None
}
