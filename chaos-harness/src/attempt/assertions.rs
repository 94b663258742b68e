//! What the assertions in the code under test say, in the verdict about an attempt.
//!
//! What always holds is judged by the attempt itself, with all that it saw. What has to come about at
//! least once is judged over all attempts at the test in the run, by the harness: one that did not
//! come about yet fails the attempt that would otherwise end the test.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chaos_core::assert::{Assertion, AssertionKind};
use chaos_core::verdict::{Failure, FailureKind, Verdict};

/// A failure of the test says more than what did not hold on the way, which may be its cause.
pub(super) fn with_assertions(verdict: Verdict, seen: &[Assertion]) -> Verdict {
    let violated: Vec<&Assertion> = seen.iter().filter(|it| it.is_violated()).collect();
    let Some(first) = violated.first() else { return verdict };
    match verdict {
        Verdict::Failed(mut failure) => {
            for assertion in violated {
                failure.message.push_str(&format!("\nbefore, {assertion}"));
            }
            Verdict::Failed(failure)
        }
        // Neither a machine that lacks something nor one that is too quiet makes it untrue.
        _ => {
            let lines: Vec<String> = violated.iter().map(ToString::to_string).collect();
            Verdict::Failed(at(first, Failure::new(FailureKind::Assertion, lines.join("\n"))))
        }
    }
}

/// The verdict about an attempt that passed, after all attempts of the run so far, in order: what has
/// to come about in one of them did not come about in any.
pub(crate) fn over_attempts(verdict: Verdict, attempts: &[Vec<Assertion>]) -> Verdict {
    if !verdict.is_passed() {
        return verdict;
    }
    let missing = missing(attempts);
    let Some(first) = missing.first() else { return verdict };
    let lines: Vec<String> = missing.iter().map(|it| sentence(it, attempts.len())).collect();
    Verdict::Failed(at(first, Failure::new(FailureKind::NeverHeld, lines.join("\n"))))
}

fn at(assertion: &Assertion, failure: Failure) -> Failure {
    match &assertion.location {
        Some(location) => failure.at(location),
        None => failure,
    }
}

/// What did not come about in any attempt.
fn missing(attempts: &[Vec<Assertion>]) -> Vec<Assertion> {
    let mut all: BTreeMap<(AssertionKind, &str), Assertion> = BTreeMap::new();
    for seen in attempts.iter().flatten() {
        match all.entry((seen.kind, &seen.name)) {
            Entry::Vacant(place) => drop(place.insert(seen.clone())),
            Entry::Occupied(mut known) => {
                known.get_mut().reached += seen.reached;
                known.get_mut().held += seen.held;
            }
        }
    }
    let came_about: Vec<&str> =
        all.values().filter(|it| it.held > 0).map(|it| it.name.as_str()).collect();
    // What a test has to reach may be of either kind.
    let is_missing = |it: &&Assertion| it.is_missing() && !came_about.contains(&it.name.as_str());
    all.values().filter(is_missing).cloned().collect()
}

fn sentence(assertion: &Assertion, attempts: usize) -> String {
    let Assertion { name, reached, .. } = assertion;
    let attempts = match attempts {
        1 => "in the only attempt of this run".to_owned(),
        attempts => format!("in any of the {attempts} attempts of this run"),
    };
    match assertion.kind {
        AssertionKind::Sometimes => format!(
            "sometimes! `{name}` was evaluated {reached} times and never held {attempts}: the test \
             does not bring about what it is to judge"
        ),
        _ => format!(
            "`{name}` has to be reached, and was not {attempts}: the test does not bring it about"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(kind: &str, name: &str, reached: u64, held: u64) -> Assertion {
        let json = serde_json::json!({
            "kind": kind, "name": name, "reached": reached, "held": held, "location": "src/pay.rs:7:5",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_always_holds_fails_a_passed_attempt_and_is_told_beside_another_failure() {
        let seen = [assertion("always", "small", 3, 2), assertion("sometimes", "big", 3, 0)];
        let verdict = with_assertions(Verdict::Passed, &seen);
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Assertion);
        assert_eq!(failure.location.as_deref(), Some("src/pay.rs:7:5"));
        let other = Verdict::Failed(Failure::new(FailureKind::Check, "money"));
        let verdict = with_assertions(other, &seen);
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Check);
        assert!(failure.message.contains("always! `small` did not hold 1 of 3"), "{failure}");
        assert_eq!(with_assertions(Verdict::Passed, &seen[1..]), Verdict::Passed);
        let reason = || "too few clients met".to_owned();
        for other in [
            Verdict::Skipped { reason: reason() },
            Verdict::Environment { reason: reason(), failure: None },
        ] {
            assert_eq!(with_assertions(other.clone(), &seen[1..]), other);
            let failed = with_assertions(other, &seen);
            assert_eq!(failed.failure().unwrap().kind, FailureKind::Assertion);
        }
    }

    #[test]
    fn what_comes_about_in_one_attempt_is_enough_for_all() {
        let never = vec![assertion("sometimes", "retried", 4, 0)];
        let once = vec![assertion("sometimes", "retried", 4, 1)];
        let passed = |attempts: &[Vec<Assertion>]| {
            over_attempts(Verdict::Passed, attempts).failure().map(|it| it.message.clone())
        };
        assert_eq!(passed(&[never.clone(), once.clone()]), None);
        assert_eq!(passed(&[once, never.clone()]), None);
        let message = passed(&[never.clone(), never]).unwrap();
        assert!(message.contains("evaluated 8 times and never held in any of the 2"), "{message}");
    }

    #[test]
    fn what_a_test_has_to_reach_may_be_of_either_kind() {
        let wanted = assertion("reachable", "retried", 0, 0);
        let judged = |seen| over_attempts(Verdict::Passed, &[vec![wanted.clone(), seen]]);
        assert!(judged(assertion("sometimes", "retried", 4, 1)).is_passed());
        assert!(judged(assertion("reachable", "retried", 4, 4)).is_passed());
        assert!(!judged(assertion("reachable", "other", 4, 4)).is_passed());
    }
}
