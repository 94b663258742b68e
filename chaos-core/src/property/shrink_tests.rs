//! The shrinker against failures that are simulated: which elements are needed, and how often a run
//! that has them all fails.

use super::*;
use crate::probability::Probability;
use crate::seed::{Draws, Seed};

/// What a number of searches came to.
#[derive(Debug)]
struct Figures {
    size: f64,
    minimal: f64,
    runs: f64,
    /// The rate of what was found, as a share of that at the beginning.
    rate: f64,
}

/// `trials` searches among `elements`, of which `needed` are needed. Each of the others halves the
/// rate, once it is gone, with the chance `halves`.
fn simulate(elements: usize, needed: usize, rate: f64, trials: u32, halves: f64) -> Figures {
    let mut sum = Figures { size: 0.0, minimal: 0.0, runs: 0.0, rate: 0.0 };
    for trial in 0..trials {
        let mut draws = Seed(7).numbered(u64::from(trial)).draws();
        let core = chosen(elements, needed, &mut draws);
        let halving: Vec<usize> = (0..elements)
            .filter(|it| !core.contains(it) && draws.hits(Probability::new(halves).unwrap()))
            .collect();
        let rate_of = |kept: &[usize]| {
            let has_all = core.iter().all(|it| kept.contains(it));
            let gone = halving.iter().filter(|it| !kept.contains(it)).count();
            if has_all { rate * 0.5_f64.powi(i32::try_from(gone).unwrap()) } else { 0.0 }
        };
        let mut runs = 0;
        let fails = async |kept: &[usize]| {
            runs += 1;
            ControlFlow::Continue(draws.unit() < rate_of(kept))
        };
        let estimate = FailureRate(rate);
        let found = finish(minimise(elements, estimate, fails));
        assert!(found.is_complete);
        sum.size += found.kept.len() as f64;
        sum.minimal += f64::from(u8::from(found.kept == core));
        sum.runs += f64::from(runs);
        sum.rate += rate_of(&found.kept) / rate;
    }
    let trials = f64::from(trials);
    Figures {
        size: sum.size / trials,
        minimal: sum.minimal / trials,
        runs: sum.runs / trials,
        rate: sum.rate / trials,
    }
}

fn chosen(elements: usize, needed: usize, draws: &mut Draws) -> Vec<usize> {
    let mut chosen = Vec::new();
    while chosen.len() < needed {
        let element = usize::try_from(draws.below(elements as u64)).unwrap();
        if !chosen.contains(&element) {
            chosen.push(element);
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Nothing in a search waits for anything but for the oracle, which is at once.
fn finish<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn what_always_fails_is_found_exactly_in_few_runs() {
    let figures = simulate(60, 3, 1.0, 400, 0.0);
    assert_eq!((figures.size, figures.minimal), (3.0, 1.0), "{figures:?}");
    // The prototype took 26 runs, and had no greedy pass at its end, which takes 3.
    assert!(figures.runs < 29.0, "{figures:?}");
}

/// The prototype of this search, with 5 repeats: 3.1 elements, 92 % minimal, 96 runs.
#[test]
fn what_fails_every_other_time_is_found_in_fewer_than_a_hundred_runs() {
    let figures = simulate(60, 3, 0.5, 400, 0.0);
    assert!(figures.size < 3.1, "{figures:?}");
    assert!(figures.minimal > 0.96, "{figures:?}");
    assert!(figures.runs < 96.0, "{figures:?}");
}

/// The prototype, with 14 repeats: 3.1 elements, 89 % minimal, 259 runs.
#[test]
fn what_fails_one_time_in_five_is_found_too() {
    let figures = simulate(60, 3, 0.2, 400, 0.0);
    assert!(figures.size < 3.1 && figures.minimal > 0.95, "{figures:?}");
    assert!(figures.runs < 259.0, "{figures:?}");
}

/// Without the guard, the same searches leave 0.59 of the rate where 2 % halve it, and 0.28 where 5 % do.
#[test]
fn a_failure_that_gets_rarer_is_given_up_for_one_that_does_not() {
    let figures = simulate(60, 3, 0.5, 400, 0.02);
    assert!(figures.rate > 0.62, "{figures:?}");
    let figures = simulate(60, 3, 0.5, 400, 0.05);
    assert!(figures.rate > 0.40, "{figures:?}");
}

#[test]
fn nothing_is_needed_where_everything_fails_and_everything_where_all_are_needed() {
    let found =
        finish(minimise(9, FailureRate::ALWAYS, async |_: &[usize]| ControlFlow::Continue(true)));
    assert!(found.kept.is_empty());
    let found = finish(minimise(9, FailureRate::ALWAYS, async |kept: &[usize]| {
        ControlFlow::Continue(kept.len() == 9)
    }));
    assert_eq!(found.kept.len(), 9);
    let found =
        finish(minimise(0, FailureRate::ALWAYS, async |_: &[usize]| ControlFlow::Continue(true)));
    assert!(found.kept.is_empty());
}

#[test]
fn a_search_that_is_stopped_keeps_the_best_so_far() {
    let mut runs = 0;
    let found = finish(minimise(40, FailureRate::ALWAYS, async |kept: &[usize]| {
        runs += 1;
        match runs {
            1..=6 => ControlFlow::Continue(kept.contains(&39)),
            _ => ControlFlow::Break(()),
        }
    }));
    assert!(!found.is_complete && found.kept.contains(&39), "{found:?}");
    assert!(found.kept.len() < 20, "{found:?}");
}

#[test]
fn a_change_is_kept_only_if_the_failure_stays_as_frequent() {
    let mut draws = Seed(3).draws();
    let mut accepted = |rate: f64| {
        let mut count = 0;
        for _ in 0..200 {
            let fails = async || ControlFlow::Continue(draws.unit() < rate);
            let answer = finish(still_fails(FailureRate(0.5), fails));
            count += u32::from(answer == ControlFlow::Continue(true));
        }
        count
    };
    assert!(accepted(0.5) > 170);
    assert!(accepted(0.1) < 30);
    assert_eq!(accepted(0.0), 0);
}
