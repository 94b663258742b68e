//! What a part of a run came to: how many operations, how they ended, and how long they took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Operation;
use super::bound::{BoundError, Side, Subject, Unit};
use crate::journal::Journal;
use crate::metrics::{nanos, nanoseconds};
use crate::outcome::Outcome;
use crate::probability::Probability;
use crate::stats::quantile;

/// How many kinds of errors are told apart in one part of a run; the rest is `other`.
const MOST_ERRORS: usize = 20;

/// How many characters of an error's text tell it from others.
const ERROR_TEXT: usize = 160;

/// What a part of a run came to.
///
/// Quantiles are those of the operations that *succeeded*, at the nearest rank: an error that comes
/// at once would make a system look fast. What callers waited for in vain is
/// [`longest_wait`](Self::longest_wait). Clients of a run wait for each answer before they ask again,
/// so a quantile is of what they experienced, and not of what requests at a constant rate would.
#[derive(Debug, Clone)]
#[must_use = "figures prove nothing until something is demanded of them: `.p99_at_most(200.ms())?`"]
pub struct Figures {
    subject: Subject,
    measured: Measured,
}

/// The numbers of [`Figures`], as the journal and the report have them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// How many operations.
    pub n: u64,
    /// How many of them succeeded.
    pub ok: u64,
    /// How many of them failed for certain.
    pub failed: u64,
    /// How many of them may or may not have taken effect.
    pub unknown: u64,
    /// How long the part of the run was, in nanoseconds.
    pub length_ns: u64,
    /// How many operations ended in it with success.
    pub completed: u64,
    /// The quantiles of those that succeeded; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The longest that an operation took, in nanoseconds, whatever it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_wait_ns: Option<u64>,
    /// The errors by kind, the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorCount>,
}

/// How long the operations took that succeeded. In JSON its durations are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them took no longer.
    #[serde(rename = "p50_ns", with = "nanoseconds")]
    pub p50: Duration,
    /// 95 % of them took no longer.
    #[serde(rename = "p95_ns", with = "nanoseconds")]
    pub p95: Duration,
    /// 99 % of them took no longer.
    #[serde(rename = "p99_ns", with = "nanoseconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(rename = "max_ns", with = "nanoseconds")]
    pub max: Duration,
}

/// One kind of error and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorCount {
    /// Whether the operations failed for certain.
    pub outcome: Outcome,
    /// The SQLSTATE, if the server sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The text, with `#` in the place of numbers, so that one mistake is one kind.
    pub kind: String,
    /// How many operations.
    pub n: u64,
}

impl Measured {
    /// The share of operations that did not succeed, between 0 and 1; nothing if there were none.
    #[must_use]
    pub fn error_rate(&self) -> Option<f64> {
        (self.n > 0).then(|| count(self.failed + self.unknown) / count(self.n))
    }

    /// How many operations ended with success in a second; nothing if it took no time.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = Duration::from_nanos(self.length_ns).as_secs_f64();
        (seconds > 0.0).then(|| count(self.completed) / seconds)
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53")]
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

impl Figures {
    /// The figures of these operations. `length` is how long the part of the run was, and
    /// `completed` how many operations ended in it with success.
    pub(super) fn of<'a>(
        name: String,
        journal: &Journal,
        operations: impl IntoIterator<Item = &'a Operation>,
        length: Duration,
        completed: u64,
    ) -> Self {
        let mut measured = Measured { length_ns: nanos(length), completed, ..Measured::default() };
        let mut latencies = Vec::new();
        let mut errors = Errors::default();
        for operation in operations {
            let took = operation.ended.saturating_sub(operation.began);
            measured.n += 1;
            measured.longest_wait_ns = measured.longest_wait_ns.max(Some(nanos(took)));
            match operation.outcome {
                Outcome::Ok => {
                    measured.ok += 1;
                    latencies.push(took);
                }
                Outcome::Failed => measured.failed += 1,
                Outcome::Unknown => measured.unknown += 1,
            }
            errors.add(operation);
        }
        latencies.sort_unstable();
        let at = |percent: f64| {
            let share = Probability::new(percent / 100.0).expect("a percentage");
            quantile(&latencies, share)
        };
        measured.latency = match (at(50.0), at(95.0), at(99.0), latencies.last()) {
            (Some(p50), Some(p95), Some(p99), Some(&max)) => Some(Latency { p50, p95, p99, max }),
            _ => None,
        };
        measured.errors = errors.most_frequent_first();
        Self { subject: Subject { name, journal: journal.clone() }, measured }
    }

    /// What the figures are of.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.subject.name
    }

    /// The numbers.
    #[must_use]
    pub fn measured(&self) -> &Measured {
        &self.measured
    }

    /// How long the operations took that succeeded; nothing if none did.
    #[must_use]
    pub fn latency(&self) -> Option<Latency> {
        self.measured.latency
    }

    /// The longest that an operation took, whatever it came to.
    #[must_use]
    pub fn longest_wait(&self) -> Option<Duration> {
        self.measured.longest_wait_ns.map(Duration::from_nanos)
    }

    /// Demands that half of the operations that succeeded took no longer than `bound`.
    ///
    /// # Errors
    ///
    /// When they did, or none succeeded.
    pub fn p50_at_most(&self, bound: Duration) -> Result<(), BoundError> {
        self.latency_at_most("p50", |latency| latency.p50, bound)
    }

    /// Demands that 95 % of the operations that succeeded took no longer than `bound`.
    ///
    /// # Errors
    ///
    /// When they did, or none succeeded.
    pub fn p95_at_most(&self, bound: Duration) -> Result<(), BoundError> {
        self.latency_at_most("p95", |latency| latency.p95, bound)
    }

    /// Demands that 99 % of the operations that succeeded took no longer than `bound`.
    ///
    /// # Errors
    ///
    /// When they did, or none succeeded.
    pub fn p99_at_most(&self, bound: Duration) -> Result<(), BoundError> {
        self.latency_at_most("p99", |latency| latency.p99, bound)
    }

    /// Demands that no operation took longer than `bound`, whatever it came to.
    ///
    /// # Errors
    ///
    /// When one did, or there was none.
    pub fn longest_wait_at_most(&self, bound: Duration) -> Result<(), BoundError> {
        let longest = self.longest_wait().ok_or_else(|| self.no_operation("longest wait"))?;
        self.subject.within("longest wait", longest, bound, self.measured.n)
    }

    /// Demands that no greater share of the operations than `bound` did not succeed: those of which
    /// nobody knows count with those that failed.
    ///
    /// # Errors
    ///
    /// When a greater one did not, or there was no operation.
    pub fn error_rate_at_most(&self, bound: Probability) -> Result<(), BoundError> {
        let figure = "error rate";
        let found = self.measured.error_rate().ok_or_else(|| self.no_operation(figure))?;
        let n = self.measured.n;
        self.subject.demand(figure, Unit::Share, Side::AtMost, found, bound.get(), n)
    }

    /// Demands that at least `per_second` operations ended with success in each second, on average.
    ///
    /// # Errors
    ///
    /// When fewer did.
    pub fn rate_at_least(&self, per_second: f64) -> Result<(), BoundError> {
        let found = self.measured.rate().ok_or_else(|| self.no_operation("rate"))?;
        let n = self.measured.completed;
        self.subject.demand("rate", Unit::PerSecond, Side::AtLeast, found, per_second, n)
    }

    fn latency_at_most(
        &self,
        figure: &str,
        which: impl Fn(Latency) -> Duration,
        bound: Duration,
    ) -> Result<(), BoundError> {
        let Some(latency) = self.measured.latency else {
            let reason = match self.measured.errors.first() {
                None => return Err(self.no_operation(figure)),
                Some(error) => format!(
                    "none of {} operations succeeded; the most frequent error was: {}",
                    self.measured.n, error.kind
                ),
            };
            return Err(self.subject.not_measured(figure, reason));
        };
        self.subject.within(figure, which(latency), bound, self.measured.ok)
    }

    fn no_operation(&self, figure: &str) -> BoundError {
        self.subject
            .not_measured(figure, "there was no operation; make that part of the run longer")
    }
}

/// The kinds of errors, as they are met.
#[derive(Default)]
struct Errors {
    kinds: BTreeMap<(Outcome, Option<String>, String), u64>,
}

impl Errors {
    fn add(&mut self, operation: &Operation) {
        if operation.outcome == Outcome::Ok {
            return;
        }
        let kind = operation.error.as_deref().map_or_else(String::new, without_numbers);
        let key = (operation.outcome, operation.sqlstate.clone(), kind);
        if self.kinds.len() < MOST_ERRORS || self.kinds.contains_key(&key) {
            *self.kinds.entry(key).or_default() += 1;
        } else {
            *self.kinds.entry((operation.outcome, None, "other".to_owned())).or_default() += 1;
        }
    }

    fn most_frequent_first(self) -> Vec<ErrorCount> {
        let kind = |((outcome, sqlstate, kind), n)| ErrorCount { outcome, sqlstate, kind, n };
        let mut kinds: Vec<_> = self.kinds.into_iter().map(kind).collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.n));
        kinds
    }
}

/// The text of an error with `#` in the place of each number, and not much of it.
fn without_numbers(text: &str) -> String {
    let mut kind = String::new();
    let mut in_number = false;
    for character in text.chars().take(ERROR_TEXT) {
        let is_digit = character.is_ascii_digit();
        match (is_digit, in_number) {
            (true, true) => {}
            (true, false) => kind.push('#'),
            (false, _) => kind.push(character),
        }
        in_number = is_digit;
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{DurationUnits, PercentUnits};

    fn operation(took: Duration, error: Option<&str>) -> Operation {
        let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Ok };
        Operation {
            client: 0,
            began: 1.secs(),
            ended: 1.secs() + took,
            outcome,
            error: error.map(str::to_owned),
            sqlstate: error.map(|_| "53300".to_owned()),
            resolution: None,
        }
    }

    fn figures(operations: &[Operation]) -> Figures {
        let ok = operations.iter().filter(|it| it.outcome == Outcome::Ok).count();
        let journal = Journal::in_memory();
        Figures::of("calm 2s".to_owned(), &journal, operations, 2.secs(), ok.try_into().unwrap())
    }

    #[test]
    fn quantiles_are_of_successes_and_the_longest_wait_of_everything() {
        let mut operations: Vec<_> = (1..=100_u64).map(|n| operation(n.ms(), None)).collect();
        operations.push(operation(3.secs(), Some("too many connections for 10.0.0.1: 97")));
        operations.push(operation(1.us(), Some("too many connections for 10.0.0.2: 8")));
        let figures = figures(&operations);
        let latency = figures.latency().unwrap();
        assert_eq!((latency.p50, latency.p95), (50.ms(), 95.ms()));
        assert_eq!((latency.p99, latency.max), (99.ms(), 100.ms()));
        assert_eq!(figures.longest_wait(), Some(3.secs()));
        assert_eq!(figures.measured().rate(), Some(50.0));

        figures.p99_at_most(99.ms()).unwrap();
        assert!(matches!(figures.p99_at_most(98.ms()), Err(BoundError::Missed(_))));
        figures.longest_wait_at_most(3.secs()).unwrap();
        assert!(figures.longest_wait_at_most(2.secs()).is_err());
        figures.error_rate_at_most(2.percent()).unwrap();
        assert!(figures.error_rate_at_most(1.percent()).is_err());
        figures.rate_at_least(50.0).unwrap();
        assert!(figures.rate_at_least(51.0).is_err());

        let [error] = figures.measured().errors.as_slice() else { panic!("{figures:?}") };
        assert_eq!((error.n, error.sqlstate.as_deref()), (2, Some("53300")));
        assert_eq!(error.kind, "too many connections for #.#.#.#: #");
    }

    #[test]
    fn what_was_not_measured_is_no_bound_that_holds() {
        let nothing = figures(&[]);
        for error in [
            nothing.p50_at_most(1.secs()).unwrap_err(),
            nothing.error_rate_at_most(100.percent()).unwrap_err(),
            nothing.longest_wait_at_most(1.secs()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("there was no operation"), "{error}");
        }
        let all_failed = figures(&[operation(1.ms(), Some("the pool is closed"))]);
        let error = all_failed.p95_at_most(1.secs()).unwrap_err().to_string();
        assert!(error.contains("none of 1 operations succeeded; the most frequent"), "{error}");
    }

    #[test]
    fn a_thousand_kinds_of_errors_do_not_become_a_thousand_lines() {
        let letters = |n: u32| -> String {
            let letter = |n| char::from_u32(u32::from('a') + n % 26).unwrap();
            [letter(n), letter(n / 26)].iter().collect()
        };
        let errors: Vec<_> =
            (0..600).map(|n| operation(1.ms(), Some(letters(n).as_str()))).collect();
        let figures = figures(&errors);
        assert_eq!(figures.measured().errors.len(), MOST_ERRORS + 1);
        assert_eq!(figures.measured().errors[0].kind, "other");
        assert_eq!(figures.measured().errors.iter().map(|error| error.n).sum::<u64>(), 600);
    }
}
