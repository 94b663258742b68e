//! How much a run of a test is expected to tell, in points.
//!
//! What failed lately, is new, or was not run for long goes first, as Elbaum, Rothermel and Penix found
//! for Google's tests (*Techniques for Improving Regression Testing in Continuous Integration Development
//! Environments*, FSE 2014); what decides a category goes before what only confirms one. The points are
//! divided by the expected time, so cheap tests go before dear ones that tell as much (Elbaum, Malishevsky
//! and Rothermel, ICSE 2001). The weights are a matter of judgement; `docs/selections.md` has them as a
//! table, and a test holds that table to this file.

use chaos_core::stats::{CONFIRMED, Category, LEAST_ATTEMPTS};

use crate::report::words;
use crate::test_history::Past;

/// Every test.
const BASE: f64 = 0.2;
/// It never ran here.
const NEW: f64 = 10.0;
/// It has no first attempt; with each of [`LEAST_ATTEMPTS`] that is less.
const LITTLE_EVIDENCE: f64 = 5.0;
/// There are attempts enough, and no band is confirmed.
const UNDECIDED: f64 = 2.0;
/// Its latest first attempt failed; with each that passed since then that is a fifth less.
const FAILED: f64 = 8.0;
const FAILED_FADES: f64 = 0.8;
/// It has become worse.
const REGRESSED: f64 = 4.0;
/// For each week that the latest attempt at it is older than the latest of all tests.
const WEEK: f64 = 1.0;
const MOST_WEEKS: f64 = 4.0;
/// `HEAD` moved since it ran.
const OTHER_COMMIT: f64 = 3.0;
/// It covers a requirement that nothing chosen before it covers.
pub(super) const COVERS: f64 = 3.0;
/// What a test counts that may fail, or is in quarantine.
pub(super) const MAY_FAIL: f64 = 0.5;

const WEEK_MS: f64 = 7.0 * 24.0 * 3600.0 * 1000.0;

/// What the ages of attempts are measured by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// When the latest attempt of all tests ended, in milliseconds since 1970-01-01 UTC. Not the time of
    /// the day: the choice is a function of the history.
    pub(super) latest: u64,
    /// When `HEAD` moved last.
    pub(super) head_moved: Option<u64>,
}

/// Something that a run of a test is expected to tell: its points, and why.
pub(super) type Reason = (f64, String);

/// What a run of a test is expected to tell, whatever else is chosen.
#[expect(clippy::cast_precision_loss, reason = "counts and ages are far below 2^52")]
pub(super) fn reasons(past: &Past, times: Times) -> Vec<Reason> {
    let Past { first_attempts: n, category, confidence, .. } = *past;
    let mut reasons = Vec::new();
    let mut add = |points: f64, why: String| {
        if points > 0.0 {
            reasons.push((points, why));
        }
    };
    add(BASE, String::new());
    let Some(last) = past.last_unix_ms else {
        add(NEW, "never ran".to_owned());
        return reasons;
    };
    if n < LEAST_ATTEMPTS {
        let missing = 1.0 - n as f64 / LEAST_ATTEMPTS as f64;
        add(LITTLE_EVIDENCE * missing, words::counted(n, "first attempt"));
    } else if category == Category::Undetermined {
        add(UNDECIDED, "undetermined".to_owned());
    } else if confidence < CONFIRMED {
        add(UNDECIDED, format!("only likely {category}"));
    }
    if let Some(passes) = past.passes_since_failure {
        let points = FAILED * FAILED_FADES.powi(i32::try_from(passes).unwrap_or(i32::MAX));
        let why = match passes {
            0 => "failed last time".to_owned(),
            // What is worth less than every test is not worth a word.
            _ if points < BASE => String::new(),
            _ => format!("failed {} runs ago", passes + 1),
        };
        add(points, why);
    }
    if past.has_regressed {
        add(REGRESSED, "has become worse".to_owned());
    }
    let weeks = times.latest.saturating_sub(last) as f64 / WEEK_MS;
    let days = (weeks * 7.0).floor();
    let why = if days < 1.0 { String::new() } else { format!("not run for {days} days") };
    add(WEEK * weeks.min(MOST_WEEKS), why);
    if times.head_moved.is_some_and(|moved| last < moved) {
        add(OTHER_COMMIT, "not run since the commit".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(past: &Past, times: Times) -> f64 {
        reasons(past, times).iter().map(|(points, _)| points).sum()
    }

    const STABLE: Past = Past {
        first_attempts: 100,
        category: Category::Stable,
        confidence: 0.99,
        last_unix_ms: Some(1_000_000_000_000),
        ..Past::NONE
    };

    #[test]
    #[expect(clippy::float_cmp, reason = "sums of these numbers are exact")]
    fn what_is_known_least_tells_most() {
        let now = Times { latest: 1_000_000_000_000, head_moved: None };
        assert_eq!(points(&STABLE, now), BASE);
        assert_eq!(points(&Past::NONE, now), BASE + NEW);
        assert_eq!(points(&Past { first_attempts: 5, ..STABLE }, now), BASE + 3.75);
        assert_eq!(points(&Past { confidence: 0.9, ..STABLE }, now), BASE + UNDECIDED);
        assert_eq!(points(&Past { passes_since_failure: Some(0), ..STABLE }, now), BASE + FAILED);
        assert_eq!(points(&Past { has_regressed: true, ..STABLE }, now), BASE + REGRESSED);
        let said = |passes| {
            let past = Past { passes_since_failure: Some(passes), ..STABLE };
            reasons(&past, now)[1].clone()
        };
        assert_eq!(said(2), (8.0 * 0.8_f64.powi(2), "failed 3 runs ago".to_owned()));
        assert_eq!(said(40).1, "");
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "sums of these numbers are exact")]
    fn a_test_that_was_not_run_for_long_or_since_the_commit_is_worth_more() {
        let week: u64 = 7 * 24 * 3600 * 1000;
        let at =
            |weeks: u64, head_moved| Times { latest: 1_000_000_000_000 + weeks * week, head_moved };
        assert_eq!(points(&STABLE, at(2, None)), BASE + 2.0);
        assert_eq!(points(&STABLE, at(200, None)), BASE + MOST_WEEKS);
        assert_eq!(points(&STABLE, at(0, Some(1_000_000_000_001))), BASE + OTHER_COMMIT);
        assert_eq!(points(&STABLE, at(0, Some(1_000_000_000_000))), BASE);
        assert_eq!(reasons(&STABLE, at(2, None))[1].1, "not run for 14 days");
    }

    #[test]
    fn the_documentation_has_the_same_points() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/selections.md");
        // A published crate is without it.
        let Ok(documentation) = std::fs::read_to_string(path) else { return };
        let rows = [
            ("every test", format!("{BASE}")),
            ("it never ran here", format!("{NEW}")),
            (
                "it has `n` first attempts, fewer than 20",
                format!("{LITTLE_EVIDENCE} × (1 − n / {LEAST_ATTEMPTS})"),
            ),
            ("its category is undetermined, or only likely", format!("{UNDECIDED}")),
            (
                "a first attempt failed, and `k` passed since then",
                format!("{FAILED} × {FAILED_FADES}^k"),
            ),
            ("it has become worse: `[REGRESSION]`", format!("{REGRESSED}")),
            (
                "its latest attempt is older than the latest of all tests",
                format!("{WEEK} a week, at most {MOST_WEEKS}"),
            ),
            ("`HEAD` of the repository moved since it ran", format!("{OTHER_COMMIT}")),
            (
                "it covers a requirement that no test chosen before it covers",
                format!("{COVERS} for each"),
            ),
            ("it may fail, or is in quarantine", format!("× {MAY_FAIL}")),
        ];
        for (what, points) in rows {
            let row = format!("| {what} | {points} |");
            assert!(documentation.contains(&row), "{row} is not in {path}");
        }
    }
}
