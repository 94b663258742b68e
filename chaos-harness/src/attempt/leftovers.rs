//! What a test left behind, in the verdict about it.

use chaos_core::Chaos;
use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use chaos_core::leftover::Leftovers;
use chaos_core::verdict::{Failure, FailureKind, Verdict};

/// What the test left behind in its databases. Its runtime still runs, and with it what the test
/// has spawned: a connection that a task holds is told from one that is idle in a pool.
pub(super) fn left_behind(cx: &Chaos, journal: &Journal) -> Leftovers {
    let looked = cx.leftovers_at_the_end().unwrap_or_else(|error| {
        let message = format!("what the test left behind could not be looked at: {error}");
        journal.record(EventKind::Note { message });
        Leftovers::default()
    });
    for note in &looked.notes {
        journal.record(EventKind::Note { message: note.clone() });
    }
    looked
}

/// A failure of the test says more than what it left behind, which may well come from it.
pub(super) fn with_leftovers(verdict: Verdict, left: Leftovers) -> Verdict {
    let Some(first) = left.left.first() else { return verdict };
    match verdict {
        Verdict::Passed => {
            let failure = Failure::new(FailureKind::Leftover, left.to_string());
            Verdict::Failed(match &first.place {
                Some(place) => failure.at(place),
                None => failure,
            })
        }
        Verdict::Failed(mut failure) => {
            for found in &left.left {
                failure.message.push_str(&format!("\nleft behind: {found}"));
            }
            Verdict::Failed(failure)
        }
        other => other,
    }
}
