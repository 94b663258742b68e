//! What an attempt says beside the ones before it.
//!
//! The second attempt at a test repeats the seed of the first. If it fails again in the same way the
//! failure is reproducible, which points at the code; if it passes, the seed alone did not decide.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::AttemptRecord;
use crate::signature::Signature;

/// What an attempt says beside the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judgement {
    /// It is the first, or the first with its seed.
    FreshSeed,
    /// An earlier attempt with the same seed failed in the same way: kind, place, and message but
    /// for its numbers.
    Reproduced,
    /// An earlier attempt with the same seed failed in another way.
    FailedDifferently,
    /// An earlier attempt with the same seed failed, and this one passed.
    NotReproduced,
    /// It did not end, was skipped, or only attempts that passed had its seed before.
    None,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FreshSeed => "fresh seed",
            Self::Reproduced => "same seed, same failure: reproducible",
            Self::FailedDifferently => "same seed, another failure",
            Self::NotReproduced => "same seed, passed: noise, not the seed alone",
            Self::None => "",
        })
    }
}

/// Judges the attempt at `place` among all attempts at a test, which are in order.
pub(crate) fn judge(attempts: &[AttemptRecord], place: usize) -> Judgement {
    let attempt = &attempts[place];
    let Some(verdict) = attempt.verdict() else { return Judgement::None };
    let with_its_seed = attempts[..place].iter().filter(|earlier| earlier.seed == attempt.seed);
    if with_its_seed.clone().next().is_none() {
        return Judgement::FreshSeed;
    }
    let mut earlier = with_its_seed.filter_map(AttemptRecord::failure).peekable();
    if earlier.peek().is_none() {
        return Judgement::None;
    }
    match verdict.failure() {
        Some(failure)
            if earlier.any(|earlier| Signature::of(earlier) == Signature::of(failure)) =>
        {
            Judgement::Reproduced
        }
        Some(_) => Judgement::FailedDifferently,
        None if verdict.is_passed() => Judgement::NotReproduced,
        None => Judgement::None,
    }
}

/// The seed to repeat a failure with: one that failed twice in the same way, else the one of the
/// last failure.
pub(crate) fn seed_to_repeat(attempts: &[AttemptRecord]) -> Option<u64> {
    let reproduced =
        (0..attempts.len()).find(|place| judge(attempts, *place) == Judgement::Reproduced);
    let last_failed = || attempts.iter().rposition(|attempt| attempt.failure().is_some());
    reproduced.or_else(last_failed).map(|place| attempts[place].seed)
}
