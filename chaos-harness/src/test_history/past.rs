//! What is known of a test before it runs: how far its category is decided, when it failed last, when
//! it ran last, and how long it takes. Selections under a budget choose by it.

use std::num::NonZeroU32;
use std::time::Duration;

use chaos_core::stats::{Assessor, Category};

use super::line::Outcome;
use super::memory::{Memory, Record};
use super::trend::{self, Asked};

/// The expected time rests on so many of the latest runs.
const RUNS: usize = 20;

/// One in so many runs takes longer than expected.
const LONGER: usize = 10;

/// What is known of a test before it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Past {
    /// How many first attempts there are since its failure rate changed last.
    pub(crate) first_attempts: u64,
    pub(crate) category: Category,
    /// The probability of the category.
    pub(crate) confidence: f64,
    /// How many of the latest first attempts passed since one failed; absent if none of them did.
    pub(crate) passes_since_failure: Option<u64>,
    /// Whether it has become worse lately.
    pub(crate) has_regressed: bool,
    /// When its latest attempt ended, in milliseconds since 1970-01-01 UTC; absent if it never ran.
    pub(crate) last_unix_ms: Option<u64>,
    /// How long it takes, all its attempts together, in nine of ten runs; absent if that is not known.
    pub(crate) expected: Option<Duration>,
}

#[cfg(test)]
impl Past {
    /// Of a test that never ran.
    pub(crate) const NONE: Self = Self {
        first_attempts: 0,
        category: Category::Undetermined,
        confidence: 0.0,
        passes_since_failure: None,
        has_regressed: false,
        last_unix_ms: None,
        expected: None,
    };
}

/// What the lines say of a test.
pub(super) fn of(memory: &mut Memory, assessor: &mut Assessor, asked: &Asked<'_>) -> Past {
    let (category, trend) = trend::judge(memory, assessor, asked);
    let records = memory.records(asked.test);
    let failed = trend.recent.rfind('F');
    Past {
        first_attempts: category.n,
        category: category.category,
        confidence: category.confidence,
        passes_since_failure: failed.map(|place| (trend.recent.len() - place - 1) as u64),
        has_regressed: trend.regression.is_some(),
        last_unix_ms: records.last().map(|record| record.unix_ms),
        expected: expected(records),
    }
}

/// The nearest-rank 90th percentile of the times of the latest runs; of up to ten, the longest.
fn expected(records: &[Record]) -> Option<Duration> {
    let mut latest = times(records);
    latest.drain(..latest.len().saturating_sub(RUNS));
    latest.sort_unstable();
    let rank = latest.len() - latest.len() / LONGER;
    latest.get(rank.checked_sub(1)?).copied()
}

/// How long the test took in each run, as far as that is known: a first attempt and its retries. To be
/// measured (`--chaos-runs`) makes many first attempts, each of which is worth a run.
fn times(records: &[Record]) -> Vec<Duration> {
    let mut times: Vec<(u32, Duration)> = Vec::new();
    for record in records {
        // One that found at once that something is missing does not tell how long the test takes.
        if record.outcome == Outcome::Skipped {
            continue;
        }
        let Some(took) = record.took_ms.map(NonZeroU32::get) else { continue };
        let took = Duration::from_millis(u64::from(took));
        let is_first = record.attempt == 1 || record.counts;
        match times.iter_mut().rev().take(RUNS).find(|(run, _)| *run == record.run && !is_first) {
            Some((_, time)) => *time += took,
            None => times.push((record.run, took)),
        }
    }
    times.into_iter().map(|(_, time)| time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: u32, attempt: u32, took_ms: u32) -> Record {
        Record {
            unix_ms: 1,
            id: 1,
            seed: None,
            run,
            failure: None,
            fingerprint: None,
            attempt,
            took_ms: NonZeroU32::new(took_ms),
            outcome: Outcome::Passed,
            counts: attempt == 1,
        }
    }

    #[test]
    fn a_run_takes_as_long_as_all_its_attempts() {
        let records = [record(1, 1, 100), record(1, 2, 50), record(2, 1, 70)];
        assert_eq!(expected(&records), Some(Duration::from_millis(150)));
        assert_eq!(expected(&[]), None);
        assert_eq!(expected(&[record(1, 1, 0)]), None, "an old compact file does not tell");
    }

    #[test]
    fn one_in_ten_of_the_latest_twenty_runs_takes_longer() {
        // The first is too long ago, and two of the others are beyond the percentile.
        let times = [9_000].into_iter().chain([500; 18]).chain([800, 900]);
        let records: Vec<_> = times.zip(1..).map(|(ms, run)| record(run, 1, ms)).collect();
        assert_eq!(expected(&records), Some(Duration::from_millis(500)));
        assert_eq!(expected(&records[1..]), Some(Duration::from_millis(500)));
        assert_eq!(expected(&records[11..]), Some(Duration::from_millis(800)));
    }

    #[test]
    fn measuring_a_test_makes_many_runs_of_it() {
        let measured = |attempt| Record { counts: true, ..record(1, attempt, 100) };
        let records: Vec<_> = (1..=30).map(measured).collect();
        assert_eq!(expected(&records), Some(Duration::from_millis(100)));
    }
}
