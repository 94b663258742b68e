//! How often the judgement is wrong, by simulation: a small part of what
//! `cargo run --release -p chaos-benches --bin flakiness` prints, and what has to hold of it.

use super::{Assessor, Category};
use crate::seed::{Draws, Seed};

fn draws(subject: &str, number: u64) -> Draws {
    Seed(0).named(subject).numbered(number).draws()
}

fn runs(draws: &mut Draws, rate: f64, runs: usize) -> Vec<bool> {
    (0..runs).map(|_| draws.unit() < rate).collect()
}

/// A suite of the proportions that large ones report: 87.5 % of the tests are stable, and most of
/// those as good as never fail; 7.5 % are flaky, 4 % very flaky, 1 % broken.
fn rate_of_a_suite(draws: &mut Draws) -> f64 {
    match draws.below(1_000) {
        0..=699 => 0.001,
        700..=824 => 0.01,
        825..=874 => 0.03,
        875..=949 => 0.10,
        950..=989 => 0.35,
        _ => 0.60,
    }
}

#[test]
fn after_thirty_runs_of_a_suite_99_percent_of_the_decided_are_right_and_few_are_undecided() {
    let mut assessor = Assessor::default();
    let (mut right, mut wrong, mut undecided) = (0_u32, 0_u32, 0_u32);
    for number in 0..20_000 {
        let mut draws = draws("suite", number);
        let rate = rate_of_a_suite(&mut draws);
        let found = assessor.assess(&runs(&mut draws, rate, 30)).classification.category;
        match found {
            Category::Undetermined => undecided += 1,
            found if found == Category::of_rate(rate) => right += 1,
            _ => wrong += 1,
        }
    }
    let accuracy = f64::from(right) / f64::from(right + wrong);
    assert!(accuracy >= 0.99, "{accuracy}: {wrong} wrong of {}", right + wrong);
    assert!(undecided <= 20_000 / 5, "{undecided} of 20000");
}

#[test]
fn a_rate_that_stays_is_seldom_called_a_change() {
    let mut assessor = Assessor::default();
    for rate in [0.0, 0.02, 0.10, 0.35] {
        let split = (0..500)
            .filter(|number| {
                let failed = runs(&mut draws("constant", *number), rate, 200);
                assessor.assess(&failed).segments.len() > 1
            })
            .count();
        assert!(split <= 10, "{split} of 500 at a rate of {rate}");
    }
}

#[test]
fn a_rate_that_rises_is_told_within_the_next_runs() {
    let mut assessor = Assessor::default();
    for (after, within, least) in [(1.0, 5, 100), (0.40, 30, 95), (0.15, 100, 90)] {
        let told = (0..100)
            .filter(|number| {
                let mut draws = draws("rise", *number);
                let mut failed = runs(&mut draws, 0.01, 200);
                failed.extend(runs(&mut draws, after, within));
                (201..=failed.len())
                    .any(|seen| assessor.assess(&failed[..seen]).regression.is_some())
            })
            .count();
        assert!(told >= least, "{told} of 100 rises to {after}");
    }
}

#[test]
fn a_fixed_test_becomes_stable_again() {
    let mut assessor = Assessor::default();
    let stable = (0..100)
        .filter(|number| {
            let mut draws = draws("fix", *number);
            let mut failed = runs(&mut draws, 0.35, 200);
            failed.extend(runs(&mut draws, 0.005, 40));
            assessor.assess(&failed).classification.category == Category::Stable
        })
        .count();
    assert!(stable >= 85, "{stable} of 100");
}
