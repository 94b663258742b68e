//! What a whole history says of a test: its segments, its category, and whether it got worse.

use std::collections::HashMap;

use super::change_point::ChangePoints;
use super::rate_change::{LEAST_BEFORE, WINDOW};
use super::{Category, Classification, FlakinessPosterior, LEAST_ATTEMPTS, RateChange};

/// For how many first attempts after a change a rise is told. Then it is what the test is like now.
pub const NEWS: u64 = 100;

/// More attempts than these, counted from the latest, are not looked at.
pub const LOOKED_AT: usize = 2_000;

/// What a history of first attempts says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Assessment {
    /// The parts of the history in which the rate was the same, from the oldest on. There is one at
    /// least.
    pub segments: Vec<Segment>,
    /// The category of the latest segment, and how sure it is.
    pub classification: Classification,
    /// What the test was before, if it has become worse lately: a regression.
    pub regression: Option<RateChange>,
    /// The place in the history from which on it is worse, if it is: where the latest segment begins, or
    /// the first failure among the latest attempts while they are no segment of their own yet.
    pub worse_since: Option<usize>,
}

/// A part of a history in which the failure rate stayed the same.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Segment {
    /// The place of its first attempt in the history, from 0.
    pub start: usize,
    /// What is known of its rate.
    pub posterior: FlakinessPosterior,
}

impl Assessment {
    /// The latest segment: what the test is like now.
    ///
    /// # Panics
    ///
    /// Never: there is one at least.
    #[must_use]
    pub fn current(&self) -> &Segment {
        self.segments.last().expect("an assessment has a segment")
    }
}

/// Judges histories. One that judges many is faster than one for each.
///
/// ```
/// use chaos_core::stats::{Assessor, Category};
///
/// let mut assessor = Assessor::default();
/// // 100 runs without a failure, then a change that made it fail every third time.
/// let history: Vec<bool> = (0..160).map(|run| run >= 100 && run % 3 == 0).collect();
/// let found = assessor.assess(&history);
/// assert_eq!(found.segments.len(), 2);
/// assert_eq!(found.classification.category, Category::VeryFlaky);
/// assert!(found.regression.is_some());
/// ```
#[derive(Debug, Default, Clone)]
pub struct Assessor {
    change_points: ChangePoints,
    /// What the evidence alone carries, by attempts and failures: most tests share these.
    likeliest: HashMap<(u64, u64), Classification>,
}

impl Assessor {
    /// Judges a history: whether each first attempt failed, from the oldest to the latest.
    ///
    /// Only the latest [`LOOKED_AT`] are looked at.
    pub fn assess(&mut self, failed: &[bool]) -> Assessment {
        let skipped = failed.len().saturating_sub(LOOKED_AT);
        let failed = &failed[skipped..];
        let mut starts = self.change_points.starts(failed);
        if starts.is_empty() {
            starts.push(0);
        }
        let ends = starts.iter().skip(1).copied().chain([failed.len()]);
        let segments: Vec<Segment> = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| Segment {
                start: skipped + start,
                posterior: posterior(&failed[start..end]),
            })
            .collect();
        let current = &failed[starts[starts.len() - 1]..];
        let (earlier, latest) = current.split_at(current.len().saturating_sub(WINDOW));
        let rise = RateChange::between(posterior(earlier), posterior(latest));
        // What rose lately and is no change point yet is not to be judged by what it was before.
        let judged = if rise.is_rise() { latest } else { current };
        let classification = self.classify(judged);
        let change = since_change(&segments, posterior(latest)).filter(RateChange::is_rise);
        let first_failure = latest.iter().position(|failed| *failed);
        let worse_since = match change {
            Some(_) => segments.last().map(|segment| segment.start),
            None => first_failure.map(|place| skipped + failed.len() - latest.len() + place),
        };
        let regression = change.or_else(|| rise.is_rise().then_some(rise));
        let worse_since = worse_since.filter(|_| regression.is_some());
        Assessment { segments, classification, regression, worse_since }
    }

    /// The category of a segment. What another band is likely for is `undetermined` once a band has
    /// been held, until the other one is confirmed: so a test at the edge of two bands does not
    /// change from one to the other at every run.
    fn classify(&mut self, failed: &[bool]) -> Classification {
        const UNDETERMINED: Classification =
            Classification { category: Category::Undetermined, confidence: 0.0 };
        let mut at = Vec::new();
        let mut failures = failed.iter().filter(|failed| **failed).count() as u64;
        // Back to where the evidence alone decides, whatever was held before.
        let mut held = None;
        for attempts in (1..=failed.len()).rev() {
            if (attempts as u64) < LEAST_ATTEMPTS {
                break;
            }
            let likeliest = self.likeliest(attempts as u64, failures);
            failures -= u64::from(failed[attempts - 1]);
            if likeliest.is_confirmed() {
                held = Some(likeliest.category);
                if at.is_empty() {
                    return likeliest;
                }
                break;
            }
            at.push(likeliest);
        }
        let mut now = UNDETERMINED;
        for found in at.into_iter().rev() {
            now = match held {
                _ if found.category == Category::Undetermined => UNDETERMINED,
                Some(held) if held != found.category => UNDETERMINED,
                _ => found,
            };
            if now.category != Category::Undetermined {
                held = Some(now.category);
            }
        }
        now
    }

    fn likeliest(&mut self, attempts: u64, failures: u64) -> Classification {
        *self
            .likeliest
            .entry((attempts, failures))
            .or_insert_with(|| FlakinessPosterior::new(attempts, failures).classify())
    }
}

/// Whether the evidence of a series of first attempts, made one after another to classify a test,
/// is enough to stop: a category has a posterior probability of 0.99.
///
/// That is more than [`CONFIRMED`](super::CONFIRMED) asks for, as whoever may stop at any time stops
/// at the luckiest one: with 0.95, one in twelve tests of 10 % would be called something else. The
/// rates of errors are in `docs/flakiness.md`.
#[must_use]
pub fn is_decided(attempts: u64, failures: u64) -> bool {
    attempts >= LEAST_ATTEMPTS
        && FlakinessPosterior::new(attempts, failures).classify().confidence >= 0.99
}

fn posterior(failed: &[bool]) -> FlakinessPosterior {
    let failures = failed.iter().filter(|failed| **failed).count();
    FlakinessPosterior::new(failed.len() as u64, failures as u64)
}

/// The latest attempts beside what was before the last change point, if that is recent: the last
/// segment before it that says something.
fn since_change(segments: &[Segment], latest: FlakinessPosterior) -> Option<RateChange> {
    let (current, preceding) = segments.split_last()?;
    let before = preceding
        .iter()
        .rev()
        .map(|segment| segment.posterior)
        .find(|posterior| posterior.attempts() >= LEAST_BEFORE)?;
    (current.posterior.attempts() <= NEWS).then(|| RateChange::between(before, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assess(failed: &[bool]) -> Assessment {
        Assessor::default().assess(failed)
    }

    fn every(nth: usize, runs: usize) -> Vec<bool> {
        (0..runs).map(|run| run % nth == nth - 1).collect()
    }

    #[test]
    fn a_history_without_a_change_is_judged_as_one() {
        let found = assess(&every(10, 118));
        assert_eq!(found.segments.len(), 1);
        assert_eq!(found.current().posterior, FlakinessPosterior::new(118, 11));
        assert_eq!(found.classification.category, Category::Flaky);
        assert_eq!(found.regression, None);
        let nothing = assess(&[]);
        assert_eq!(nothing.current().posterior.attempts(), 0);
        assert_eq!(nothing.classification.category, Category::Undetermined);
    }

    #[test]
    fn a_fixed_test_is_judged_by_what_it_is_now() {
        let mut failed = every(3, 120);
        failed.extend([false; 60]);
        let found = assess(&failed);
        assert_eq!(found.classification.category, Category::Stable);
        assert!(found.classification.is_confirmed());
        assert_eq!(found.regression, None);
    }

    #[test]
    fn a_stable_test_that_breaks_is_a_regression_after_three_runs() {
        let mut failed = vec![false; 100];
        failed.push(true);
        assert_eq!(assess(&failed).regression, None);
        failed.extend([true, true]);
        let regression = assess(&failed).regression.unwrap();
        assert_eq!(regression.before, FlakinessPosterior::new(100, 0));
        assert_eq!(regression.latest, FlakinessPosterior::new(3, 3));
        assert_eq!(assess(&failed).worse_since, Some(100));
    }

    #[test]
    fn a_rise_that_is_no_change_point_yet_is_told() {
        // Four of the last thirty, after a hundred without a failure.
        let mut failed = vec![false; 100];
        failed.extend((0..30).map(|run| run % 8 == 2));
        let found = assess(&failed);
        assert_eq!(found.segments.len(), 1);
        assert_eq!(found.regression.unwrap().latest, FlakinessPosterior::new(30, 4));
        assert_eq!(found.worse_since, Some(102));
    }

    #[test]
    fn a_regression_is_news_for_a_hundred_runs() {
        let mut failed = vec![false; 100];
        failed.extend(every(3, 90));
        assert!(assess(&failed).regression.is_some());
        failed.extend(every(3, 30));
        assert_eq!(assess(&failed).regression, None);
        assert_eq!(assess(&failed).classification.category, Category::VeryFlaky);
    }

    #[test]
    fn the_next_band_is_entered_when_it_is_confirmed() {
        // 25 clean runs confirm `stable`; 8 of 50 alone would be `likely flaky`.
        let mut held = vec![false; 25];
        held.extend([false, false, true].repeat(8));
        held.push(false);
        let alone = FlakinessPosterior::new(50, 8).classify();
        assert!(alone.category == Category::Flaky && !alone.is_confirmed());
        let mut assessor = Assessor::default();
        assert_eq!(assessor.classify(&held).category, Category::Undetermined);
        // As many, and nothing was held before them.
        let spread: Vec<bool> = (0..50).map(|run| run % 6 == 5).collect();
        assert_eq!(assessor.classify(&spread).category, Category::Flaky);
    }

    #[test]
    fn a_very_long_history_is_cut_and_still_has_the_right_places() {
        let mut failed = vec![false; 4_000];
        failed.extend(every(2, 60));
        let found = assess(&failed);
        assert_eq!(found.segments[0].start, 2_060);
        assert!((3_990..4_003).contains(&found.current().start), "{found:?}");
    }

    #[test]
    fn a_series_is_decided_when_more_runs_would_not_change_the_answer() {
        assert!(!is_decided(19, 0) && !is_decided(25, 0) && is_decided(50, 0));
        assert!(!is_decided(100, 10) && is_decided(200, 20));
        assert!(is_decided(20, 20));
    }
}
