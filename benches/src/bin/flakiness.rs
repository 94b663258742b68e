//! How often the judgement of flakiness is wrong, for tests whose rate is known.
//!
//! `cargo run --release -p chaos-benches --bin flakiness`
//!
//! The tables in `docs/flakiness.md` are what it prints. Draws are hashes of fixed seeds, so every
//! run prints the same figures.

use std::time::Instant;

use chaos_benches::flakiness::oracle::Oracle;
use chaos_benches::flakiness::suite::{RATES, Spread, Test};
use chaos_core::stats::{Assessor, Category, is_decided};

const HISTORIES: u64 = 4_000;
const POPULATION: u64 = 40_000;

fn main() {
    let mut assessor = Assessor::default();
    let began = Instant::now();
    constant_rates(&mut assessor);
    population(&mut assessor);
    changes(&mut assessor);
    changed_tests(&mut assessor);
    false_alarms(&mut assessor);
    sequential();
    eprintln!("took {:.1?}", began.elapsed());
}

#[derive(Default)]
struct Count {
    right: u64,
    wrong: u64,
    undecided: u64,
}

impl Count {
    fn add(&mut self, found: Category, truth: Category) {
        match found {
            Category::Undetermined => self.undecided += 1,
            found if found == truth => self.right += 1,
            _ => self.wrong += 1,
        }
    }

    fn all(&self) -> u64 {
        self.right + self.wrong + self.undecided
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn percent(part: u64, whole: u64) -> String {
    percent_of(share(part, whole))
}

fn percent_of(share: f64) -> String {
    let share = 100.0 * share;
    if share > 0.0 && share < 0.1 { format!("{share:.2} %") } else { format!("{share:.1} %") }
}

fn constant_rates(assessor: &mut Assessor) {
    println!("\n| true rate | runs | right | undetermined | wrong |\n|---|---|---|---|---|");
    for rate in RATES {
        for runs in [30, 100, 300] {
            let mut count = Count::default();
            for number in 0..HISTORIES {
                let failed = Test::new("constant", number).runs(rate, runs);
                let found = assessor.assess(&failed).classification.category;
                count.add(found, Category::of_rate(rate));
            }
            let [right, undecided, wrong] =
                [count.right, count.undecided, count.wrong].map(|part| percent(part, count.all()));
            println!("| {:.0} % | {runs} | {right} | {undecided} | {wrong} |", rate * 100.0);
        }
    }
}

/// A suite: 87.5 % of the tests are stable, 7.5 % flaky, 4 % very flaky, 1 % broken; or the five rates
/// of the table above, as many tests of each.
fn population(assessor: &mut Assessor) {
    println!(
        "\n| rates within a band | runs | right among the decided | undetermined | stable called something else | best with as many undetermined | least undetermined for 99 % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for spread in [Spread::Typical, Spread::Chromium, Spread::Even, Spread::Five] {
        let rates: Vec<f64> =
            (0..POPULATION).map(|number| Test::new("population", number).rate(spread)).collect();
        for runs in [20, 30, 100, 300] {
            let (mut count, mut slandered, mut stable) = (Count::default(), 0, 0);
            for number in 0..POPULATION {
                let mut test = Test::new("population", number);
                let rate = test.rate(spread);
                let failed = test.runs(rate, runs);
                let found = assessor.assess(&failed).classification.category;
                let truth = Category::of_rate(rate);
                count.add(found, truth);
                if truth == Category::Stable {
                    stable += 1;
                    let silent = matches!(found, Category::Stable | Category::Undetermined);
                    slandered += u64::from(!silent);
                }
            }
            let oracle = Oracle::of(&rates, runs);
            println!(
                "| {} | {runs} | {} | {} | {} | {} | {} |",
                spread.name(),
                percent(count.right, count.right + count.wrong),
                percent(count.undecided, count.all()),
                percent(slandered, stable),
                percent_of(oracle.most_right(share(count.undecided, count.all()))),
                percent_of(oracle.least_undetermined(0.99)),
            );
        }
    }
}

/// A test whose body changes after 200 runs: judged by the runs since, from the prior, as it is done; and
/// by all runs, as though nothing were known of the change.
fn changed_tests(assessor: &mut Assessor) {
    println!(
        "\n| the body changes after 200 runs | runs since | by those since: right / undetermined / wrong | by all: right / undetermined / wrong |"
    );
    println!("|---|---|---|---|");
    for (before, after) in [(0.01, 0.01), (0.10, 0.10), (0.35, 0.005), (0.10, 0.005), (0.01, 0.15)]
    {
        for since in [10, 30, 100] {
            let mut counts = [Count::default(), Count::default()];
            for number in 0..1_000 {
                let mut test = Test::new("changed", number);
                let mut failed = test.runs(before, 200);
                failed.extend(test.runs(after, since));
                for (count, judged) in counts.iter_mut().zip([&failed[200..], &failed[..]]) {
                    let found = assessor.assess(judged).classification.category;
                    count.add(found, Category::of_rate(after));
                }
            }
            let [alone, all] = counts.each_ref().map(|count| {
                [count.right, count.undecided, count.wrong]
                    .map(|part| percent(part, count.all()))
                    .join(" / ")
            });
            let (before, after) = (before * 100.0, after * 100.0);
            println!("| {before:.0} % to {after} % | {since} | {alone} | {all} |");
        }
    }
}

/// 200 runs at one rate, then up to 150 at another.
fn changes(assessor: &mut Assessor) {
    println!(
        "\n| change after 200 runs | told after (median) | not told in 150 | right 30 / 100 runs later | wrong |"
    );
    println!("|---|---|---|---|---|");
    for (before, after) in [(0.01, 0.15), (0.01, 0.40), (0.05, 0.20), (0.0, 1.0)] {
        let mut delays = Vec::new();
        let mut missed = 0;
        let mut later = [Count::default(), Count::default()];
        for number in 0..400 {
            let mut test = Test::new("change", number);
            let mut failed = test.runs(before, 200);
            failed.extend(test.runs(after, 150));
            let told =
                (201..=350).find(|runs| assessor.assess(&failed[..*runs]).regression.is_some());
            match told {
                Some(runs) => delays.push(runs - 200),
                None => missed += 1,
            }
            for (count, runs) in later.iter_mut().zip([230, 300]) {
                let found = assessor.assess(&failed[..runs]).classification.category;
                count.add(found, Category::of_rate(after));
            }
        }
        row_of_change(before, after, &mut delays, Some(missed), &later);
    }
    for (before, after) in [(0.35, 0.005), (0.10, 0.005)] {
        let mut later = [Count::default(), Count::default()];
        for number in 0..400 {
            let mut test = Test::new("fix", number);
            let mut failed = test.runs(before, 200);
            failed.extend(test.runs(after, 100));
            for (count, runs) in later.iter_mut().zip([230, 300]) {
                let found = assessor.assess(&failed[..runs]).classification.category;
                count.add(found, Category::of_rate(after));
            }
        }
        row_of_change(before, after, &mut Vec::new(), None, &later);
    }
}

fn row_of_change(
    before: f64,
    after: f64,
    delays: &mut [usize],
    missed: Option<u64>,
    later: &[Count; 2],
) {
    delays.sort_unstable();
    let delay = delays.get(delays.len() / 2).map_or("-".to_owned(), |runs| format!("{runs} runs"));
    let missed = missed.map_or("-".to_owned(), |missed| percent(missed, 400));
    let right = later.each_ref().map(|count| percent(count.right, count.all())).join(" / ");
    let wrong = later.each_ref().map(|count| percent(count.wrong, count.all())).join(" / ");
    let (before, after) = (before * 100.0, after * 100.0);
    println!("| {before:.0} % to {after} % | {delay} | {missed} | {right} | {wrong} |");
}

/// A rate that stays the same, judged after each of 200 runs.
fn false_alarms(assessor: &mut Assessor) {
    println!(
        "\n| constant rate | a change point at the end | a regression told in 200 runs |\n|---|---|---|"
    );
    for rate in [0.0, 0.02, 0.05, 0.10, 0.35] {
        let (mut split, mut told) = (0, 0);
        for number in 0..1_000 {
            let failed = Test::new("alarm", number).runs(rate, 200);
            split += u64::from(assessor.assess(&failed).segments.len() > 1);
            let mut runs = (1..=200).map(|runs| assessor.assess(&failed[..runs]));
            told += u64::from(runs.any(|found| found.regression.is_some()));
        }
        let rate = rate * 100.0;
        println!("| {rate:.0} % | {} | {} |", percent(split, 1_000), percent(told, 1_000));
    }
}

/// `--chaos-runs 300`: runs until the category is decided.
fn sequential() {
    println!(
        "\n| true rate | runs (mean) | runs (9 in 10 need at most) | right | undetermined | wrong |"
    );
    println!("|---|---|---|---|---|---|");
    for rate in RATES {
        let mut count = Count::default();
        let mut lengths: Vec<u64> = Vec::new();
        for number in 0..1_000 {
            let mut test = Test::new("sequential", number);
            let (mut runs, mut failures) = (0, 0);
            while runs < 300 && !is_decided(runs, failures) {
                runs += 1;
                failures += u64::from(test.fails(rate));
            }
            lengths.push(runs);
            let found = chaos_core::stats::FlakinessPosterior::new(runs, failures).classify();
            count.add(found.category, Category::of_rate(rate));
        }
        lengths.sort_unstable();
        let mean = lengths.iter().sum::<u64>() / lengths.len() as u64;
        let [right, undecided, wrong] =
            [count.right, count.undecided, count.wrong].map(|part| percent(part, count.all()));
        println!(
            "| {:.0} % | {mean} | {} | {right} | {undecided} | {wrong} |",
            rate * 100.0,
            lengths[lengths.len() * 9 / 10],
        );
    }
}
