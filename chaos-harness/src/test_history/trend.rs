//! What the evidence says of a test, and how it got there.

use std::collections::HashMap;

use chaos_core::stats::{
    Assessor, Category, FlakinessPosterior, Interval, RateChange, RetryPosterior,
};

use super::line::Outcome;
use super::memory::{Memory, Record};
use crate::run_event::{
    CategorySummary, KnownFailure, KnownSeed, Rate, Regression, RetryRate, Trend, TrendSegment,
};

/// How many outcomes the strip of a trend shows.
const STRIP: usize = 60;
const MOST_SEGMENTS: usize = 10;
const MOST_FAILURES: usize = 10;
const MOST_SEEDS: usize = 5;

/// The category of a test and its trend; `run` is the run that asks.
pub(super) fn judge(
    memory: &mut Memory,
    assessor: &mut Assessor,
    test: &str,
    run: &str,
) -> (CategorySummary, Trend) {
    let missing_ends = memory.missing_ends(test, run);
    let records = memory.records(test).to_vec();
    let (evidence, systemic): (Vec<&Record>, Vec<&Record>) = records
        .iter()
        .filter(|record| is_first_attempt(record))
        .partition(|record| !memory.is_systemic(record.run));
    let failed: Vec<bool> = evidence.iter().map(|record| has_failed(record)).collect();
    let found = assessor.assess(&failed);
    let current = found.current().posterior;
    let Rate { n, failures, rate, low, high } = rate_of(&current);
    let category = CategorySummary {
        category: found.classification.category,
        n,
        failures,
        rate,
        low,
        high,
        confidence: found.classification.confidence,
        missing_ends,
    };
    let latest_segments = found.segments.len().saturating_sub(MOST_SEGMENTS);
    let trend = Trend {
        recent: failed[failed.len().saturating_sub(STRIP)..]
            .iter()
            .map(|failed| if *failed { 'F' } else { '.' })
            .collect(),
        segments: found.segments[latest_segments..]
            .iter()
            .map(|segment| TrendSegment {
                rate: rate_of(&segment.posterior),
                began_unix_ms: evidence.get(segment.start).map_or(0, |record| record.unix_ms),
            })
            .collect(),
        regression: found.regression.as_ref().map(regression),
        retries: retries(&records),
        failures: failures_of(&records, memory),
        seeds: seeds(&records),
        systemic: systemic.len() as u64,
    };
    (category, trend)
}

/// The category of a test by what other runs say.
pub(super) fn category_before(
    memory: &mut Memory,
    assessor: &mut Assessor,
    test: &str,
    run: &str,
) -> Category {
    let run = memory.run(run);
    let records = memory.records(test).to_vec();
    let failed: Vec<bool> = records
        .iter()
        .filter(|record| is_first_attempt(record) && record.run != run)
        .filter(|record| !memory.is_systemic(record.run))
        .map(has_failed)
        .collect();
    assessor.assess(&failed).classification.category
}

fn is_first_attempt(record: &Record) -> bool {
    record.counts && matches!(record.outcome, Outcome::Passed | Outcome::Failed)
}

fn has_failed(record: &Record) -> bool {
    record.outcome == Outcome::Failed
}

fn rate_of(posterior: &FlakinessPosterior) -> Rate {
    let Interval { low, high } = posterior.interval();
    let (n, failures) = (posterior.attempts(), posterior.failures());
    Rate { n, failures, rate: posterior.mean(), low, high }
}

fn regression(change: &RateChange) -> Regression {
    Regression {
        before: rate_of(&change.before),
        latest: rate_of(&change.latest),
        p_value: change.p_value,
    }
}

/// Each first retry, which had the seed of the first attempt, beside that attempt.
fn retries(records: &[Record]) -> Option<RetryRate> {
    let mut firsts: HashMap<u32, &Record> = HashMap::new();
    let (mut n, mut passed, mut reproduced) = (0, 0, 0);
    for record in records {
        match record.attempt {
            1 => {
                firsts.insert(record.run, record);
            }
            // A second attempt that counts was made to classify the test, and follows no failure.
            2 if !record.counts => {
                let Some(first) = firsts.remove(&record.run).filter(|first| has_failed(first))
                else {
                    continue;
                };
                match record.outcome {
                    Outcome::Passed => passed += 1,
                    Outcome::Failed => reproduced += u64::from(record.failure == first.failure),
                    Outcome::Skipped | Outcome::Environment | Outcome::Other => continue,
                }
                n += 1;
            }
            _ => {}
        }
    }
    let posterior = RetryPosterior::new(n, passed);
    let Interval { low, high } = posterior.interval();
    (n > 0).then(|| RetryRate { n, passed, reproduced, rate: posterior.mean(), low, high })
}

fn failures_of(records: &[Record], memory: &Memory) -> Vec<KnownFailure> {
    let mut known: HashMap<u32, KnownFailure> = HashMap::new();
    for record in records {
        let Some(place) = record.failure else { continue };
        let Some(name) = memory.failure(place) else { continue };
        let failure = known.entry(place).or_insert_with(|| KnownFailure {
            signature: name.signature,
            kind: name.kind.clone(),
            message: name.message.clone(),
            count: 0,
            first_unix_ms: record.unix_ms,
            last_unix_ms: record.unix_ms,
        });
        failure.count += 1;
        failure.last_unix_ms = record.unix_ms;
    }
    let mut known: Vec<KnownFailure> = known.into_values().collect();
    known.sort_by_key(|failure| (std::cmp::Reverse(failure.last_unix_ms), failure.signature));
    known.truncate(MOST_FAILURES);
    known
}

fn seeds(records: &[Record]) -> Vec<KnownSeed> {
    let mut known: HashMap<u64, (usize, KnownSeed)> = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        let Some(seed) = record.seed else { continue };
        if !matches!(record.outcome, Outcome::Passed | Outcome::Failed) {
            continue;
        }
        let start = (place, KnownSeed { seed, attempts: 0, failures: 0 });
        let (latest, counts) = known.entry(seed).or_insert(start);
        *latest = place;
        counts.attempts += 1;
        counts.failures += u64::from(has_failed(record));
    }
    let mut known: Vec<_> =
        known.into_values().filter(|(_, seed)| seed.attempts > 1 && seed.failures > 0).collect();
    known.sort_by_key(|(latest, _)| std::cmp::Reverse(*latest));
    known.into_iter().map(|(_, seed)| seed).take(MOST_SEEDS).collect()
}
