//! What the evidence says of a test, and how it got there.

use std::collections::HashMap;
use std::num::NonZeroU64;

use chaos_core::stats::{Assessor, Category, FlakinessPosterior, Interval, NEWS, RetryPosterior};

use super::line::Outcome;
use super::memory::{Memory, Record};
use super::surroundings::Surroundings;
use crate::run_event::{
    CategorySummary, Elsewhere, KnownFailure, KnownSeed, Rate, Regression, RetryRate, TestChange,
    Trend, TrendSegment,
};

/// How many outcomes the strip of a trend shows.
const STRIP: usize = 60;
const MOST_SEGMENTS: usize = 10;
const MOST_FAILURES: usize = 10;
const MOST_SEEDS: usize = 5;
const MOST_ELSEWHERE: usize = 10;

/// As many runs after one that was suspected are taken for what they are. Three failures in a row are enough
/// for a regression of what was stable, and then nobody takes it for stable any more.
const AFTER_SUSPICION: usize = 3;

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) test: &'a str,
    /// The run that asks.
    pub(super) run: &'a str,
    /// What the test is recognised by now; absent where that is not known.
    pub(super) fingerprint: Option<u64>,
    /// Where the run takes place.
    pub(super) surroundings: &'a Surroundings,
}

/// The first attempts at a test, by what they are evidence for.
#[derive(Debug, Default)]
struct FirstAttempts {
    /// At the test as it is, where this run takes place.
    here: Vec<Record>,
    /// At the test as it was before that.
    before: Vec<Record>,
    /// Where other runs took place.
    elsewhere: HashMap<Surroundings, (u64, u64)>,
    /// In runs that are suspected.
    systemic: u64,
}

impl FirstAttempts {
    fn of(memory: &mut Memory, asked: &Asked<'_>) -> Self {
        // Lines of older versions tell no fingerprint. What wrote them knew the test that was met first
        // afterwards, as far as anybody can say.
        let mut fingerprint = memory.records(asked.test).iter().find_map(|it| it.fingerprint);
        let records = memory.records(asked.test).to_vec();
        let now = asked.fingerprint.and_then(NonZeroU64::new);
        let mut found = Self::default();
        for record in records {
            fingerprint = record.fingerprint.or(fingerprint);
            if !is_first_attempt(&record) {
                continue;
            }
            let surroundings = memory.surroundings(record.run);
            let is_here =
                surroundings.is_none_or(|surroundings| surroundings == asked.surroundings);
            if memory.is_systemic(record.run) {
                found.systemic += u64::from(is_here);
            } else if !is_here {
                let surroundings = surroundings.cloned().unwrap_or_default();
                let (n, failures) = found.elsewhere.entry(surroundings).or_default();
                *n += 1;
                *failures += u64::from(has_failed(&record));
            } else if now.is_none() || fingerprint.is_none() || fingerprint == now {
                found.here.push(record);
            } else {
                found.before.push(record);
            }
        }
        found
    }

    /// What the test was before it changed, unless so much was seen of it since that nobody asks.
    fn change(&self, memory: &Memory) -> Option<TestChange> {
        let first = self.here.first()?;
        let before: Vec<&Record> =
            self.before.iter().filter(|record| record.unix_ms <= first.unix_ms).collect();
        if before.is_empty() || self.here.len() as u64 > NEWS {
            return None;
        }
        let failures = before.iter().filter(|record| has_failed(record)).count();
        Some(TestChange {
            unix_ms: first.unix_ms,
            commit: memory.commit(first.run).map(str::to_owned),
            before: rate_of(&FlakinessPosterior::new(before.len() as u64, failures as u64)),
        })
    }

    fn elsewhere(&self) -> Vec<Elsewhere> {
        let mut elsewhere: Vec<Elsewhere> = self
            .elsewhere
            .iter()
            .map(|(surroundings, (n, failures))| Elsewhere {
                surroundings: surroundings.to_string(),
                rate: rate_of(&FlakinessPosterior::new(*n, *failures)),
            })
            .collect();
        elsewhere.sort_by(|one, other| {
            other.rate.n.cmp(&one.rate.n).then_with(|| one.surroundings.cmp(&other.surroundings))
        });
        elsewhere.truncate(MOST_ELSEWHERE);
        elsewhere
    }
}

/// The category of a test and its trend.
pub(super) fn judge(
    memory: &mut Memory,
    assessor: &mut Assessor,
    asked: &Asked<'_>,
) -> (CategorySummary, Trend) {
    let missing_ends = memory.missing_ends(asked.test, asked.run);
    let attempts = FirstAttempts::of(memory, asked);
    let evidence = &attempts.here;
    let failed: Vec<bool> = evidence.iter().map(has_failed).collect();
    let found = assessor.assess(&failed);
    let Rate { n, failures, rate, low, high } = rate_of(&found.current().posterior);
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
    let changed = attempts.change(memory);
    let records = memory.records(asked.test).to_vec();
    let commit = |place: usize| memory.commit(evidence.get(place)?.run).map(str::to_owned);
    let began = |place: usize| evidence.get(place).map_or(0, |record| record.unix_ms);
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
                began_unix_ms: began(segment.start),
                commit: commit(segment.start),
            })
            .collect(),
        regression: found.regression.zip(found.worse_since).map(|(change, place)| {
            let worse = commit(place);
            let last_good_commit = (0..place)
                .rev()
                .find_map(|place| commit(place).filter(|it| Some(it) != worse.as_ref()));
            Regression {
                before: rate_of(&change.before),
                latest: rate_of(&change.latest),
                p_value: change.p_value,
                began_unix_ms: began(place),
                commit: worse,
                last_good_commit,
            }
        }),
        retries: retries(&records),
        failures: failures_of(&records, memory),
        seeds: seeds(&records),
        systemic: attempts.systemic,
        changed,
        elsewhere: attempts.elsewhere(),
    };
    (category, trend)
}

/// The category of a test by what other runs say.
pub(super) fn category_before(
    memory: &mut Memory,
    assessor: &mut Assessor,
    asked: &Asked<'_>,
) -> Category {
    let run = memory.run(asked.run);
    let attempts = FirstAttempts::of(memory, asked);
    let earlier = attempts.here.iter().filter(|record| record.run != run);
    let failed: Vec<bool> = earlier.map(has_failed).collect();
    assessor.assess(&failed).classification.category
}

/// Whether one of the latest other runs that made a first attempt at the test here was suspected.
pub(super) fn was_suspected(memory: &mut Memory, asked: &Asked<'_>) -> bool {
    let run = memory.run(asked.run);
    let records = memory.records(asked.test).to_vec();
    let is_here = |record: &&Record| {
        let surroundings = memory.surroundings(record.run);
        surroundings.is_none_or(|surroundings| surroundings == asked.surroundings)
    };
    let earlier = records.iter().rev().filter(|it| it.run != run && is_first_attempt(it));
    let mut runs: Vec<u32> = earlier.filter(is_here).map(|record| record.run).collect();
    // A run that measures makes many first attempts.
    runs.dedup();
    runs.iter().take(AFTER_SUSPICION).any(|run| memory.is_systemic(*run))
}

fn is_first_attempt(record: &Record) -> bool {
    record.counts && matches!(record.outcome, Outcome::Passed | Outcome::Failed)
}

fn has_failed(record: &Record) -> bool {
    record.outcome == Outcome::Failed
}

/// The rate of so many attempts, of which so many failed.
fn rate_of(posterior: &FlakinessPosterior) -> Rate {
    let Interval { low, high } = posterior.interval();
    let (n, failures) = (posterior.attempts(), posterior.failures());
    Rate { n, failures, rate: posterior.mean(), low, high }
}

/// Each first retry, which had the seed of the first attempt, beside that attempt.
fn retries(records: &[Record]) -> Option<RetryRate> {
    let mut firsts: HashMap<u32, &Record> = HashMap::new();
    let (mut n, mut passed, mut reproduced) = (0, 0, 0);
    for record in records {
        match record.attempt {
            1 if has_failed(record) => {
                firsts.insert(record.run, record);
            }
            1 => {}
            // A second attempt that counts was made to classify the test, and follows no failure.
            2 if !record.counts => {
                let Some(first) = firsts.remove(&record.run) else { continue };
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
    (n > 0).then(|| {
        let posterior = RetryPosterior::new(n, passed);
        let Interval { low, high } = posterior.interval();
        RetryRate { n, passed, reproduced, rate: posterior.mean(), low, high }
    })
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
