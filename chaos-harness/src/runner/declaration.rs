//! What a test says of its flakiness, beside what is measured.

use chaos_core::stats::{CONFIRMED, Category, LEAST_ATTEMPTS, WINDOW};

use crate::registry::{Declared, TestCase};
use crate::report::words;
use crate::run_event::{CategorySummary, Elsewhere, Rate, Trend};

/// So many first attempts without a change make a declaration outdated.
const LONG: u64 = 100;

/// A seed that failed so often, and never passed, is worth a sentence.
const OFTEN: u64 = 3;

/// What is to be said about the history of a test, in words.
pub(super) fn remarks(case: &TestCase, category: &CategorySummary, trend: &Trend) -> Vec<String> {
    let mut remarks = Vec::new();
    let percent = |rate: f64| format!("{:.0} %", rate * 100.0);
    let CategorySummary { n, failures, rate, low, high, confidence, .. } = category;
    let (word, flakiness) = match case.options.declared {
        Declared::Stable => ("", None),
        Declared::Flaky(flakiness) => ("flaky", Some(flakiness)),
        Declared::VeryFlaky(flakiness) => ("very_flaky", Some(flakiness)),
    };
    let is_stable = category.category == Category::Stable && *confidence >= CONFIRMED;
    if flakiness.is_some() && is_stable && *n >= LONG {
        remarks.push(format!(
            "declares `{word}` and is stable: {failures} of {n} first attempts failed; remove `{word}`"
        ));
    } else if let Some(expected) = flakiness.and_then(|flakiness| flakiness.expected_rate) {
        if *n >= LEAST_ATTEMPTS && !(*low..=*high).contains(&expected) {
            remarks.push(format!(
                "expects {} of first attempts to fail, and measured are {}",
                percent(expected),
                words::rate(&Rate {
                    n: *n,
                    failures: *failures,
                    rate: *rate,
                    low: *low,
                    high: *high
                }),
            ));
        }
    }
    let always = |seed: &&crate::run_event::KnownSeed| {
        seed.attempts >= OFTEN && seed.failures == seed.attempts
    };
    if let Some(changed) = trend.changed.as_ref().filter(|_| *n < WINDOW as u64) {
        remarks.push(words::change(changed, *n));
    }
    // What is known where others run it is better than nothing.
    let most =
        trend.elsewhere.first().filter(|it| *n < LEAST_ATTEMPTS && it.rate.n >= LEAST_ATTEMPTS);
    remarks.extend(most.map(|Elsewhere { surroundings, rate }| {
        format!("elsewhere ({surroundings}): {}", words::rate(rate))
    }));
    // Where every seed fails, one is nothing special.
    if category.category != Category::Broken {
        remarks.extend(trend.seeds.iter().find(always).map(|seed| {
            let (seed, failures, attempts) = (seed.seed, seed.failures, seed.attempts);
            format!("fails {failures}/{attempts} at seed {seed}")
        }));
    }
    remarks
}

/// How bad a test says it is.
pub(super) fn declared(case: &TestCase) -> Category {
    match case.options.declared {
        Declared::Stable => Category::Stable,
        Declared::Flaky(_) => Category::Flaky,
        Declared::VeryFlaky(_) => Category::VeryFlaky,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Flakiness, Options};
    use crate::run_event::{KnownSeed, TestChange};

    static FLAKY: TestCase = TestCase {
        module: "chaos",
        function: "flaky",
        file: "",
        line: 0,
        column: 0,
        description: "",
        fingerprint: 0,
        options: Options {
            declared: Declared::Flaky(Flakiness { reason: None, expected_rate: Some(0.1) }),
            ..Options::DEFAULT
        },
        run: |_| Box::pin(async { Ok(()) }),
    };

    fn summary(category: Category, n: u64, low: f64, high: f64) -> CategorySummary {
        CategorySummary {
            category,
            n,
            failures: 1,
            rate: f64::midpoint(low, high),
            low,
            high,
            confidence: 0.99,
            missing_ends: 0,
        }
    }

    #[test]
    fn a_declaration_that_is_outdated_or_wrong_is_told() {
        let of = |category, n, low, high| {
            remarks(&FLAKY, &summary(category, n, low, high), &Trend::default())
        };
        assert_eq!(of(Category::Flaky, 118, 0.05, 0.15), [""; 0]);
        let outdated = of(Category::Stable, 118, 0.0, 0.03);
        assert!(outdated[0].ends_with("1 of 118 first attempts failed; remove `flaky`"));
        assert!(of(Category::Stable, 60, 0.0, 0.03)[0].starts_with("expects 10 %"));
        assert!(of(Category::VeryFlaky, 60, 0.2, 0.4)[0].contains("30 % (20–40 %), n = 60"));
        assert_eq!(of(Category::Undetermined, 3, 0.2, 0.4), [""; 0]);
        assert!(of(Category::Undetermined, 60, 0.36, 0.6)[0].starts_with("expects 10 %"));
    }

    #[test]
    fn a_seed_that_always_fails_is_told() {
        let seed = |failures| KnownSeed { seed: 7, attempts: 9, failures };
        let mut trend = Trend { seeds: vec![seed(8)], ..Trend::default() };
        let summary = summary(Category::Flaky, 118, 0.05, 0.15);
        assert_eq!(remarks(&FLAKY, &summary, &trend), [""; 0]);
        trend.seeds.push(seed(9));
        assert_eq!(remarks(&FLAKY, &summary, &trend), ["fails 9/9 at seed 7"]);
    }

    #[test]
    fn a_change_of_the_test_and_what_is_known_elsewhere_are_told_while_little_is_known_here() {
        let rate = Rate { n: 118, failures: 11, rate: 0.093, low: 0.049, high: 0.15 };
        let changed = TestChange { unix_ms: 1_700_000_000_000, commit: None, before: rate };
        let surroundings = "ci, linux x86_64, debug".to_owned();
        let trend = Trend {
            changed: Some(changed),
            elsewhere: vec![Elsewhere { surroundings, rate }],
            ..Trend::default()
        };
        let of = |n| remarks(&FLAKY, &summary(Category::Undetermined, n, 0.0, 0.5), &trend);
        let changed = "the test changed on 2023-11-14; evidence since: n = ";
        assert!(of(4)[0].starts_with(changed) && of(29)[0].starts_with(changed));
        assert_eq!(of(4)[1], "elsewhere (ci, linux x86_64, debug): 9 % (5–15 %), n = 118");
        assert_eq!((of(29).len(), of(30).len()), (1, 0));
    }
}
