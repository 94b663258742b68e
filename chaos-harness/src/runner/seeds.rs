//! Which seed an attempt gets.
//!
//! The second attempt repeats the seed of a first that failed: if it fails again, the seed reproduces the
//! failure; if it passes, something beside the seed decides. Later attempts get fresh seeds, and so does
//! the second where more passes are needed than the first.

use std::path::Path;

use chaos_core::event::{Event, EventKind};
use chaos_core::journal;
use chaos_core::seed::Seed;

/// The seed of the first attempt: the one that somebody chose, else a random one.
pub(super) fn first(chosen: Option<Seed>) -> Seed {
    chosen.unwrap_or_else(Seed::random)
}

/// The seed of attempt `number`, counted from 1; `has_passed` says whether one has passed before.
pub(super) fn of_attempt(first: Seed, number: u32, has_passed: bool) -> Seed {
    match number {
        0 | 1 => first,
        2 if !has_passed => first,
        // 48 bits, as random seeds have, which every reader of JSON can hold.
        _ => Seed(first.numbered(u64::from(number)).0 >> 16),
    }
}

/// The seed of the run of this number, counted from 1, where each is a first attempt.
pub(super) fn of_run(first: Seed, number: u32) -> Seed {
    match number {
        0 | 1 => first,
        _ => Seed(first.named("run").numbered(u64::from(number)).0 >> 16),
    }
}

/// The seed of an attempt that another process made, from its journal.
pub(super) fn recorded(journal: &Path) -> Option<Seed> {
    let events = journal::read::<Event>(journal).ok()?.records;
    events.iter().find_map(|event| match event.what {
        EventKind::AttemptStarted { seed, .. } => Some(Seed(seed)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_attempt_repeats_the_first_and_later_ones_do_not() {
        let seeds: Vec<_> = (1..=5).map(|number| of_attempt(Seed(42), number, false)).collect();
        assert_eq!(seeds[..2], [Seed(42), Seed(42)]);
        let distinct: std::collections::HashSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), 4);
        assert!(seeds.iter().all(|seed| seed.0 < 1 << 53));
    }

    #[test]
    fn after_a_pass_there_is_no_failure_to_reproduce() {
        assert_eq!(of_attempt(Seed(42), 1, false), Seed(42));
        assert_ne!(of_attempt(Seed(42), 2, true), Seed(42));
    }

    #[test]
    fn a_seed_that_nobody_chose_differs_every_time() {
        assert_eq!(first(Some(Seed(1))), Seed(1));
        assert_ne!(first(None), first(None));
    }
}
