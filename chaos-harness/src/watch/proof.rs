//! Which failures are findings on any machine.
//!
//! A machine that is overloaded makes everything late: bounds are missed, limits of time are reached, calls
//! fail for it. It makes no money, and loses no row. So a promise that was seen broken is broken, however slow
//! the machine was that showed it.

use chaos_core::check::Validity;
use chaos_core::event::{Event, EventKind};
use chaos_core::verdict::{Failure, FailureKind};

/// Whether a failure shows that a promise was broken: a check, a checker, an assertion in the code, or the
/// check of an exploration.
pub(super) fn is_proof(failure: &Failure, events: &[Event]) -> bool {
    match failure.kind {
        FailureKind::Check | FailureKind::Violation | FailureKind::Assertion => true,
        _ => failure.is_proof || tells_of_a_violation(failure, events),
    }
}

/// A check may come in another form: unwrapped, it is a panic; in a fixture or in a case of a property, it is
/// a part of what those say. The failure has its name then. What was violated and is not what the test
/// failed for, such as an audit that is to find something, is no proof.
fn tells_of_a_violation(failure: &Failure, events: &[Event]) -> bool {
    events.iter().any(|event| match &event.what {
        EventKind::Check { name, passed: false, .. } => has_name(&failure.message, name),
        EventKind::Judged { report } => {
            report.validity() == Validity::Violated && has_name(&failure.message, &report.checker)
        }
        EventKind::Assertion { assertion } => {
            assertion.is_violated() && has_name(&failure.message, &assertion.name)
        }
        _ => false,
    })
}

/// Whether a message has a name in whole words: a check that is called `open` is not what `reopened` tells of.
fn has_name(message: &str, name: &str) -> bool {
    let is_end = |next: Option<char>| !next.is_some_and(char::is_alphanumeric);
    !name.is_empty()
        && message.match_indices(name).any(|(at, _)| {
            let (before, behind) = (&message[..at], &message[at + name.len()..]);
            is_end(before.chars().next_back()) && is_end(behind.chars().next())
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(name: &str, passed: bool) -> Event {
        let (name, found, expected) = (name.to_owned(), None, None);
        Event::new(Duration::ZERO, EventKind::Check { name, passed, found, expected })
    }

    #[test]
    fn what_was_violated_is_a_finding_also_in_another_form() {
        let events = [check("the pool is open", true), check("money is conserved", false)];
        let proves = |kind, message: &str| is_proof(&Failure::new(kind, message), &events);
        assert!(proves(FailureKind::Check, "anything"));
        assert!(proves(FailureKind::Violation, "anything"));
        assert!(proves(FailureKind::Assertion, "anything"));
        let unwrapped =
            "called `Result::unwrap()` on an `Err` value: money is conserved: expected 1";
        assert!(proves(FailureKind::Panic, unwrapped));
        assert!(proves(FailureKind::Property, "case 2 of 9 fails: money is conserved: expected 1"));
        assert!(!proves(FailureKind::Panic, "the pool is open and has no connection"));
        for kind in [FailureKind::Timeout, FailureKind::Bound, FailureKind::Recovery] {
            assert!(!proves(kind, "it took too long"), "{kind}");
        }
    }

    #[test]
    fn a_name_within_other_words_proves_nothing() {
        let events = [check("open", false), check("", false)];
        let proves = |message: &str| is_proof(&Failure::new(FailureKind::Panic, message), &events);
        assert!(!proves("the pool was reopened too late") && !proves("it opened no connection"));
        assert!(proves("open: does not hold") && proves("case 2: `open` does not hold"));
        // `match_indices` is of bytes, and what is around it may be of several.
        assert!(proves("“open”") && !proves("éopen") && !proves("anything else"));
    }

    #[test]
    fn an_exploration_says_itself_what_it_proves() {
        let failure = Failure::new(FailureKind::Exploration, "a promise breaks at 1 of 9 points");
        assert!(!is_proof(&failure, &[]) && is_proof(&failure.proving(true), &[]));
    }
}
