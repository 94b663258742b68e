//! Which tests tell most within a budget.
//!
//! Tests are taken one after the other, always the one with the most points for each second of the time
//! that it is expected to take, as long as there is room: the usual way to fill a knapsack, with gains that
//! shrink as what a test covers is covered already. It is no optimum, and it does not depend on chance.

use std::cmp::Ordering;
use std::time::Duration;

use super::score::{COVERS, MAY_FAIL, Reason};
use super::timetable::{self, Slot};
use crate::phases::Plan;

/// Times below this one are taken for it: to start a process takes as long.
const SHORTEST: Duration = Duration::from_millis(100);

/// A test that may be chosen.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) expected: Duration,
    pub(super) exclusive: bool,
    /// Whether its failure does not fail the run.
    pub(super) may_fail: bool,
    pub(super) covers: &'static [&'static str],
    pub(super) reasons: Vec<Reason>,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) expected: Duration,
    /// What its run is expected to tell.
    pub(crate) points: f64,
    /// What the points are for, in words.
    pub(crate) why: String,
}

/// The tests that were chosen, in this order, and those that were not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    pub(super) chosen: Vec<Choice>,
    pub(super) left_out: Vec<Choice>,
    /// How long the chosen ones take together.
    pub(super) expected: Duration,
}

/// Chooses for a budget.
pub(super) fn choose(
    candidates: &[Candidate],
    budget: Duration,
    threads: usize,
    plan: &Plan,
) -> Chosen {
    let mut left: Vec<&Candidate> = candidates.iter().collect();
    let (mut chosen, mut left_out): (Vec<Choice>, Vec<Choice>) = (Vec::new(), Vec::new());
    let mut taken: Vec<&Candidate> = Vec::new();
    let mut covered: Vec<&str> = Vec::new();
    let mut expected = Duration::ZERO;
    while !left.is_empty() {
        let rate = |candidate: &Candidate| rate(candidate, &covered, threads);
        let best = |a: &&(usize, f64), b: &&(usize, f64)| better(&left, **a, **b);
        let rates: Vec<(usize, f64)> =
            left.iter().enumerate().map(|(place, candidate)| (place, rate(candidate))).collect();
        let place = rates.iter().min_by(best).map_or(0, |(place, _)| *place);
        let candidate = left.remove(place);
        let choice = choice(candidate, &covered);
        taken.push(candidate);
        let with_it = length(&taken, threads, plan);
        if with_it <= budget {
            expected = with_it;
            covered.extend(new_covers(candidate, &covered));
            chosen.push(choice);
        } else {
            taken.pop();
            left_out.push(choice);
        }
    }
    Chosen { chosen, left_out, expected }
}

/// How long these tests take together, in the order in which they are going to be begun.
pub(super) fn length(tests: &[&Candidate], threads: usize, plan: &Plan) -> Duration {
    let arranged = plan.arrange(tests.to_vec(), |candidate| &candidate.name);
    let slots = arranged.into_iter().map(|candidate| {
        let phase = plan.of_test(&candidate.name);
        Slot {
            takes: candidate.expected,
            exclusive: candidate.exclusive,
            phase,
            before: phase.map_or(&[], |phase| plan.before(phase)),
        }
    });
    timetable::length(slots, threads)
}

/// The points for each second that a thread is busy with it. A test that runs alone has all threads.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 threads")]
fn rate(candidate: &Candidate, covered: &[&str], threads: usize) -> f64 {
    let busy = if candidate.exclusive { threads.max(1) as f64 } else { 1.0 };
    points(candidate, covered) / (candidate.expected.max(SHORTEST).as_secs_f64() * busy)
}

/// The better one comes first: by its rate, because it must pass, because it is shorter, by its name.
fn better(left: &[&Candidate], a: (usize, f64), b: (usize, f64)) -> Ordering {
    let ((a, a_rate), (b, b_rate)) = ((left[a.0], a.1), (left[b.0], b.1));
    b_rate
        .total_cmp(&a_rate)
        .then(a.may_fail.cmp(&b.may_fail))
        .then(a.expected.cmp(&b.expected))
        .then(a.name.cmp(&b.name))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 requirements")]
fn points(candidate: &Candidate, covered: &[&str]) -> f64 {
    let own: f64 = candidate.reasons.iter().map(|(points, _)| points).sum();
    let covers = new_covers(candidate, covered).len() as f64;
    (own + COVERS * covers) * if candidate.may_fail { MAY_FAIL } else { 1.0 }
}

fn new_covers(candidate: &Candidate, covered: &[&str]) -> Vec<&'static str> {
    candidate.covers.iter().filter(|id| !covered.contains(*id)).copied().collect()
}

fn choice(candidate: &Candidate, covered: &[&str]) -> Choice {
    let mut why: Vec<String> = candidate
        .reasons
        .iter()
        .map(|(_, why)| why.clone())
        .filter(|why| !why.is_empty())
        .collect();
    let covers = new_covers(candidate, covered);
    if !covers.is_empty() {
        why.push(format!("covers {}", covers.join(" ")));
    }
    if candidate.may_fail {
        why.push("may fail".to_owned());
    }
    if why.is_empty() {
        why.push("nothing new is expected".to_owned());
    }
    Choice {
        name: candidate.name.clone(),
        expected: candidate.expected,
        points: points(candidate, covered),
        why: why.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, seconds: u64, points: f64) -> Candidate {
        Candidate {
            name: name.to_owned(),
            expected: Duration::from_secs(seconds),
            exclusive: false,
            may_fail: false,
            covers: &[],
            reasons: vec![(points, String::new())],
        }
    }

    fn names(candidates: &[Candidate], seconds: u64, threads: usize) -> Vec<String> {
        let budget = Duration::from_secs(seconds);
        let found = choose(candidates, budget, threads, &Plan::default());
        assert!(found.expected <= budget);
        assert_eq!(found.chosen.len() + found.left_out.len(), candidates.len());
        found.chosen.into_iter().map(|choice| choice.name).collect()
    }

    #[test]
    fn what_tells_most_for_its_time_comes_first_and_what_has_no_room_is_passed_over() {
        let all =
            [candidate("dear", 60, 30.0), candidate("cheap", 2, 3.0), candidate("next", 10, 4.0)];
        assert_eq!(names(&all, 600, 1), ["cheap", "dear", "next"]);
        assert_eq!(names(&all, 20, 1), ["cheap", "next"]);
        assert_eq!(names(&all, 60, 2), ["cheap", "dear", "next"]);
        assert_eq!(names(&all, 1, 1), [""; 0]);
    }

    #[test]
    fn a_requirement_counts_once() {
        let covers = |name, points| Candidate { covers: &["N1"], ..candidate(name, 1, points) };
        let all = [covers("a", 1.1), covers("b", 1.0), candidate("c", 1, 2.0)];
        assert_eq!(names(&all, 600, 1), ["a", "c", "b"]);
        let found = choose(&all, Duration::from_secs(600), 1, &Plan::default());
        assert_eq!(found.chosen[0].why, "covers N1");
        assert_eq!(found.chosen[2].why, "nothing new is expected");
    }

    #[test]
    fn what_may_fail_counts_half_and_what_runs_alone_costs_all_threads() {
        let may_fail = Candidate { may_fail: true, ..candidate("a", 1, 2.0) };
        let alone = Candidate { exclusive: true, ..candidate("b", 1, 2.0) };
        let all = [may_fail, alone, candidate("c", 1, 1.0), candidate("d", 1, 1.1)];
        // Three of them have the same rate: what must pass comes first, and then the name decides.
        assert_eq!(names(&all, 600, 2), ["d", "b", "c", "a"]);
    }

    #[test]
    fn the_choice_is_the_same_in_any_order() {
        let mut all: Vec<Candidate> =
            (0..40).map(|n| candidate(&format!("t{n}"), 1 + n % 7, 1.0 + (n % 5) as f64)).collect();
        let expected = names(&all, 30, 3);
        assert!(expected.len() > 5 && expected.len() < 40, "{expected:?}");
        all.reverse();
        assert_eq!(names(&all, 30, 3), expected);
    }
}
