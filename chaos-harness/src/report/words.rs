//! How figures are written for people: times, rates and categories.

use std::time::Duration;

use chaos_core::stats::{CONFIRMED, Category, LEAST_ATTEMPTS};

use crate::quarantine::Date;
use crate::run_event::{CategorySummary, Rate, Regression, SelectionSummary, TestChange};

/// A time with the digits that matter: `3.1 ms`, `0.21 s`, `12.0 s`, `2 min 05 s`.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // The bounds are where the form before them would round up to another digit.
    if seconds < 0.009_95 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round();
        format!("{} min {:02} s", (whole / 60.0).floor(), whole % 60.0)
    }
}

/// A rate between 0 and 1 as a number of percent, without the sign.
fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    if percent < 0.05 {
        "0".to_owned()
    } else if percent < 0.95 {
        format!("{percent:.1}")
    } else {
        format!("{percent:.0}")
    }
}

/// A rate with its evidence: `9 % (5–15 %), n = 118`.
pub(crate) fn rate(rate: &Rate) -> String {
    let Rate { n, rate, low, high, .. } = rate;
    format!("{} % ({}–{} %), n = {n}", percent(*rate), percent(*low), percent(*high))
}

/// A category with its evidence: `likely flaky 9 % (5–15 %), n = 118`.
pub(crate) fn category(summary: &CategorySummary) -> String {
    let CategorySummary { category, n, failures, rate, low, high, confidence, missing_ends } =
        summary.clone();
    let evidence = Rate { n, failures, rate, low, high };
    let mut text = match category {
        // An interval of so little evidence is as wide as the scale.
        Category::Undetermined if n < LEAST_ATTEMPTS => format!("undetermined, n = {n}"),
        Category::Undetermined => {
            format!("undetermined {}–{} %, n = {n}", percent(low), percent(high))
        }
        category if confidence < CONFIRMED => {
            format!("likely {category} {}", self::rate(&evidence))
        }
        category => format!("{category} {}", self::rate(&evidence)),
    };
    if missing_ends > 0 {
        text.push_str(&format!(", {missing_ends} killed"));
    }
    text
}

/// What shows that a test has become worse, in a few words:
/// `4 of the latest 30 failed (4–26 %), 1 of 100 before (0.1–4 %)`.
pub(crate) fn regression(regression: &Regression) -> String {
    let Regression { latest, before, .. } = regression;
    let interval = |rate: &Rate| format!("{}–{} %", percent(rate.low), percent(rate.high));
    format!(
        "{} of the latest {} failed ({}), {} of {} before ({})",
        latest.failures,
        latest.n,
        interval(latest),
        before.failures,
        before.n,
        interval(before)
    )
}

/// How sure that is, and since when: `p = 0.0004, since 2026-11-18 at 0a1b2c3d4e5f, last good
/// ffeeddccbbaa`.
pub(crate) fn since(regression: &Regression) -> String {
    let Regression { p_value, began_unix_ms, commit, last_good_commit, .. } = regression;
    let mut text =
        if *p_value < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p_value:.4}") };
    if *began_unix_ms > 0 {
        text.push_str(&format!(", since {}", Date::of_unix_ms(*began_unix_ms)));
    }
    if let Some(commit) = commit {
        text.push_str(&format!(" at {commit}"));
    }
    if let Some(commit) = last_good_commit {
        text.push_str(&format!(", last good {commit}"));
    }
    text
}

/// That the test itself has changed: `the test changed on 2026-11-18 at 0a1b2c3d4e5f; evidence since:
/// n = 4; before 9 % (5–15 %), n = 118`.
pub(crate) fn change(change: &TestChange, since: u64) -> String {
    let TestChange { unix_ms, commit, before } = change;
    let at = commit.as_ref().map_or_else(String::new, |commit| format!(" at {commit}"));
    let day = Date::of_unix_ms(*unix_ms);
    format!("the test changed on {day}{at}; evidence since: n = {since}; before {}", rate(before))
}

/// What a test says of itself, where its history says something else: `declared flaky`.
pub(crate) fn other_declaration(measured: &CategorySummary, declared: Category) -> Option<String> {
    let is_determined = measured.category != Category::Undetermined;
    let is_worse = measured.n >= LEAST_ATTEMPTS && measured.is_worse_than(declared);
    let differs = is_worse || (is_determined && measured.category != declared);
    differs.then(|| match declared {
        // That is what an attribute says that says nothing.
        Category::Stable => "undeclared".to_owned(),
        declared => format!("declared {declared}"),
    })
}

/// A selection by name: `smoke: 12 of 40 tests, expected to take 4 min 20 s of 5 min 00 s on 2 threads; 28
/// left out, which would take 31 min 00 s`.
pub(crate) fn selection(summary: &SelectionSummary, threads: usize) -> String {
    let SelectionSummary { name, budget_ms, chosen, not_selected, .. } = summary;
    let time_of = |ms: u64| time(Duration::from_millis(ms));
    let total = counted(chosen + not_selected, "test");
    let expected = time_of(summary.expected_ms);
    let of = budget_ms.map_or_else(String::new, |budget| format!(" of {}", time_of(budget)));
    let threads = counted(threads as u64, "thread");
    let mut text =
        format!("{name}: {chosen} of {total}, expected to take {expected}{of} on {threads}");
    if *not_selected > 0 {
        let takes = time_of(summary.not_selected_ms);
        text.push_str(&format!("; {not_selected} left out, which would take {takes}"));
    }
    text
}

/// `1 test`, `2 tests`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The first of some names, and how many more there are: `a, b and 3 more`.
pub(crate) fn first_of(names: &[String], most: usize) -> String {
    let named = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The text without ends of lines.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// The text with at most `width` characters; `…` stands for what was cut off.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_digits_that_matter() {
        for (micros, text) in [
            (400, "0.4 ms"),
            (9_940, "9.9 ms"),
            (9_960, "0.01 s"),
            (210_000, "0.21 s"),
            (996_000, "1.0 s"),
            (12_040_000, "12.0 s"),
            (59_960_000, "1 min 00 s"),
            (125_000_000, "2 min 05 s"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn a_declaration_is_told_where_the_history_does_not_bear_it_out() {
        let measured = |category, low| CategorySummary {
            category,
            n: 60,
            failures: 20,
            rate: low + 0.1,
            low,
            high: low + 0.2,
            confidence: 0.97,
            missing_ends: 0,
        };
        let other = |category, low| other_declaration(&measured(category, low), Category::Flaky);
        assert_eq!(other(Category::Broken, 0.6).as_deref(), Some("declared flaky"));
        assert_eq!(other(Category::Stable, 0.0).as_deref(), Some("declared flaky"));
        assert_eq!(other(Category::Flaky, 0.06), None);
        assert_eq!(other(Category::Undetermined, 0.15), None);
        // Very flaky or broken: in any case not what it says.
        assert_eq!(other(Category::Undetermined, 0.36).as_deref(), Some("declared flaky"));
        let silent = other_declaration(&measured(Category::Flaky, 0.06), Category::Stable);
        assert_eq!(silent.as_deref(), Some("undeclared"));
    }

    #[test]
    fn a_category_names_its_evidence_and_says_when_it_is_only_likely() {
        let summary = CategorySummary {
            category: Category::Flaky,
            n: 118,
            failures: 11,
            rate: 0.093,
            low: 0.049,
            high: 0.15,
            confidence: 0.97,
            missing_ends: 0,
        };
        assert_eq!(category(&summary), "flaky 9 % (5–15 %), n = 118");
        let likely = CategorySummary { confidence: 0.9, ..summary.clone() };
        assert_eq!(category(&likely), "likely flaky 9 % (5–15 %), n = 118");
        let little =
            CategorySummary { category: Category::Undetermined, n: 3, missing_ends: 2, ..summary };
        assert_eq!(category(&little), "undetermined, n = 3, 2 killed");
        let unclear = CategorySummary { n: 24, missing_ends: 0, ..little };
        assert_eq!(category(&unclear), "undetermined 5–15 %, n = 24");
    }

    #[test]
    fn a_regression_says_what_was_how_sure_it_is_and_since_when() {
        let rate = |n, failures, rate, low, high| Rate { n, failures, rate, low, high };
        let mut found = Regression {
            before: rate(100, 1, 0.013, 0.001, 0.04),
            latest: rate(30, 4, 0.13, 0.04, 0.26),
            p_value: 0.0021,
            began_unix_ms: 1_700_000_000_000,
            commit: Some("0a1b2c3d4e5f".to_owned()),
            last_good_commit: Some("ffeeddccbbaa".to_owned()),
        };
        assert_eq!(
            regression(&found),
            "4 of the latest 30 failed (4–26 %), 1 of 100 before (0.1–4 %)"
        );
        assert_eq!(
            since(&found),
            "p = 0.0021, since 2023-11-14 at 0a1b2c3d4e5f, last good ffeeddccbbaa"
        );
        (found.commit, found.last_good_commit, found.p_value) = (None, None, 1e-9);
        assert_eq!(since(&found), "p < 0.0001, since 2023-11-14");
        let changed = TestChange { unix_ms: 1_700_000_000_000, commit: None, before: found.before };
        assert_eq!(
            change(&changed, 4),
            "the test changed on 2023-11-14; evidence since: n = 4; before 1 % (0.1–4 %), n = 100"
        );
    }
}
