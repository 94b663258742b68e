//! What a fault did to a workload: beside its calm, and until it was noticed and overcome.
//!
//! The *calm* is what the run was like before its first fault. The operations that *met* the fault
//! are those that were under way at any moment of it.
//!
//! * The *time to detect* is the time from the beginning of the fault to the first error of an
//!   operation that met it, or to the first signal (`cx.metrics().signal("breaker opened")`) that was
//!   given while it was active, whichever came first.
//! * The *time to recover* is the time from the end of the fault to the beginning of the first
//!   steady second: one in which a share of operations succeeded that the load calls steady
//!   ([`Load::steady_state`](crate::load::Load::steady_state)), and at least half as many in number
//!   as in a second of the calm. It is looked for at every tenth of a second until the next fault or
//!   the end of the run. The stricter [`Recovery`](crate::recovery::Recovery), from which on *every*
//!   operation succeeded, stands beside it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Operation;
use super::bound::{BoundError, Side, Subject, Unit};
use super::figures::{Figures, Latency, Measured, count};
use crate::duration::{Display, rounded};
use crate::event::{EventKind, FaultId};
use crate::journal::Journal;
use crate::metrics::{SignalGiven, nanoseconds};
use crate::outcome::Outcome;
use crate::probability::Probability;
use crate::recovery::Disturbance;

/// How long the system has to be steady before it counts as recovered.
pub const STEADY: Duration = Duration::from_secs(1);

/// Which share of the rate of the calm makes a second steady.
pub const STEADY_RATE: f64 = 0.5;

/// At which moments after the end of a fault a steady second is looked for.
const STEP: Duration = Duration::from_millis(100);

/// What a fault did to the workload of a run.
#[derive(Debug, Clone)]
#[must_use = "an impact proves nothing until something is demanded of it"]
pub struct Impact {
    fault: FaultId,
    subject: Subject,
    calm: Figures,
    met: Figures,
    measured: MeasuredImpact,
    signals: Vec<(String, Duration)>,
    /// For how long the fault was active during the run.
    active: Duration,
}

/// The numbers of an [`Impact`], as the journal and the report have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeasuredImpact {
    /// What the operations came to that met the fault.
    pub met: Measured,
    /// How many times as long as in the calm half of the operations took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ratio: Option<f64>,
    /// The same for 95 % of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ratio: Option<f64>,
    /// The same for 99 % of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ratio: Option<f64>,
    /// How many operations ended with success in a second, beside the calm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_ratio: Option<f64>,
    /// When the first operation that met it ended without success, after its beginning.
    #[serde(
        rename = "first_error_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "nanoseconds::optional"
    )]
    pub first_error: Option<Duration>,
    /// When the first signal was given, after its beginning.
    #[serde(
        rename = "first_signal_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "nanoseconds::optional"
    )]
    pub first_signal: Option<Duration>,
    /// When the first steady second began, after its end.
    #[serde(
        rename = "steady_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "nanoseconds::optional"
    )]
    pub steady: Option<Duration>,
    /// How long a steady second was looked for.
    #[serde(rename = "watched_ns", with = "nanoseconds")]
    pub watched: Duration,
}

impl MeasuredImpact {
    /// When the fault was first noticed, after its beginning: by an error or by a signal.
    #[must_use]
    pub fn time_to_detect(&self) -> Option<Duration> {
        [self.first_error, self.first_signal].into_iter().flatten().min()
    }
}

/// What the impacts of a run are taken from.
pub(super) struct Observed<'a> {
    pub(super) disturbances: &'a [Disturbance],
    pub(super) operations: &'a [Operation],
    pub(super) signals: &'a [SignalGiven],
    pub(super) steady_state: Probability,
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) journal: &'a Journal,
}

/// The impacts of all faults that were active during the run.
pub(super) fn impacts(observed: &Observed<'_>) -> Vec<Impact> {
    let Observed { disturbances, began, ended, .. } = *observed;
    let first = disturbances.iter().map(|it| it.started).min().unwrap_or(ended).max(began);
    let calm = observed.figures("the calm", began, first, |operation| operation.ended <= first);
    disturbances.iter().map(|disturbance| observed.impact(disturbance, &calm)).collect()
}

impl Observed<'_> {
    fn figures(
        &self,
        name: &str,
        from: Duration,
        until: Duration,
        belongs: impl Fn(&Operation) -> bool,
    ) -> Figures {
        let completes = |operation: &&Operation| {
            operation.outcome == Outcome::Ok && operation.ended > from && operation.ended <= until
        };
        let completed = self.operations.iter().filter(completes).count() as u64;
        let members = self.operations.iter().filter(|operation| belongs(operation));
        let length = until.saturating_sub(from);
        Figures::of(name.to_owned(), self.journal, members, length, completed)
    }

    fn impact(&self, disturbance: &Disturbance, calm: &Figures) -> Impact {
        let Disturbance { fault, label, started, ended: healed } = disturbance;
        let from = (*started).max(self.began);
        let until = healed.unwrap_or(self.ended).min(self.ended).max(from);
        let meets = |operation: &Operation| operation.began < until && operation.ended > from;
        let met = self.figures(label, from, until, meets);
        let is_bad = |operation: &&Operation| operation.outcome != Outcome::Ok && meets(operation);
        let bad = self.operations.iter().filter(is_bad);
        let signals: Vec<_> = self
            .signals
            .iter()
            .filter(|signal| signal.at >= from && signal.at <= until)
            .map(|signal| (signal.name.clone(), signal.at - from))
            .collect();
        let next = self.disturbances.iter().map(|it| it.started).filter(|it| *it >= until).min();
        let watched_until = next.unwrap_or(self.ended).min(self.ended);
        let least = calm.measured().rate().unwrap_or(0.0) * STEADY_RATE;
        let ratio = |which: fn(Latency) -> Duration| {
            let (calm, met) = (which(calm.latency()?), which(met.latency()?));
            (!calm.is_zero()).then(|| met.as_secs_f64() / calm.as_secs_f64())
        };
        let measured = MeasuredImpact {
            met: met.measured().clone(),
            p50_ratio: ratio(|latency| latency.p50),
            p95_ratio: ratio(|latency| latency.p95),
            p99_ratio: ratio(|latency| latency.p99),
            rate_ratio: calm
                .measured()
                .rate()
                .filter(|rate| *rate > 0.0)
                .zip(met.measured().rate())
                .map(|(calm, met)| met / calm),
            first_error: bad.map(|it| it.ended.saturating_sub(from)).min(),
            first_signal: signals.first().map(|(_, after)| *after),
            steady: self.steady_after(until, watched_until, least),
            watched: watched_until.saturating_sub(until),
        };
        let subject = Subject { name: label.clone(), journal: self.journal.clone() };
        let active = until - from;
        Impact { fault: *fault, subject, calm: calm.clone(), met, measured, signals, active }
    }

    /// How long after `healed` the first steady second began, if there was one.
    fn steady_after(&self, healed: Duration, until: Duration, least: f64) -> Option<Duration> {
        // They are in the order in which they ended.
        let ended_before = |moment| self.operations.partition_point(|it| it.ended < moment);
        let mut from = healed;
        while from + STEADY <= until {
            let second = &self.operations[ended_before(from)..ended_before(from + STEADY)];
            let ok = second.iter().filter(|it| it.outcome == Outcome::Ok).count() as u64;
            let share = count(ok) / count(second.len() as u64);
            let is_steady = share >= self.steady_state.get() && count(ok) >= least;
            if ok > 0 && is_steady {
                return Some(from - healed);
            }
            from += STEP;
        }
        None
    }
}

impl Impact {
    /// Which fault.
    #[must_use]
    pub fn fault(&self) -> FaultId {
        self.fault
    }

    /// The fault as text, with its target: `cut on postgres`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.subject.name
    }

    /// What the run was like before its first fault.
    pub fn calm(&self) -> &Figures {
        &self.calm
    }

    /// What the operations came to that met the fault.
    pub fn met(&self) -> &Figures {
        &self.met
    }

    /// The numbers.
    #[must_use]
    pub fn measured(&self) -> &MeasuredImpact {
        &self.measured
    }

    /// Demands that the 99 % quantile of the operations that met the fault is at most `times` that of
    /// the calm. Only operations that succeeded count.
    ///
    /// # Errors
    ///
    /// When it is more, or there was no calm, or no operation succeeded.
    pub fn p99_at_most_times(&self, times: f64) -> Result<(), BoundError> {
        self.ratio("p99 beside the calm", self.measured.p99_ratio, Side::AtMost, times)
    }

    /// The same for half of the operations.
    ///
    /// # Errors
    ///
    /// As for [`p99_at_most_times`](Self::p99_at_most_times).
    pub fn p50_at_most_times(&self, times: f64) -> Result<(), BoundError> {
        self.ratio("p50 beside the calm", self.measured.p50_ratio, Side::AtMost, times)
    }

    /// Demands that at least this share of the calm's operations per second still succeeded while
    /// the fault was active.
    ///
    /// # Errors
    ///
    /// When it was less, or there was no calm.
    pub fn keeps_rate(&self, share: Probability) -> Result<(), BoundError> {
        let figure = "rate beside the calm";
        self.ratio(figure, self.measured.rate_ratio, Side::AtLeast, share.get())
    }

    /// Demands that an error or a signal showed the fault within `bound` of its beginning.
    ///
    /// # Errors
    ///
    /// When it took longer, or nothing showed it: [`BoundError::Missed`] if the fault was active for longer
    /// than `bound`, else [`BoundError::NotMeasured`].
    pub fn detected_within(&self, bound: Duration) -> Result<(), BoundError> {
        let figure = "time to detect";
        match self.measured.time_to_detect() {
            Some(after) => self.subject.within(figure, after, bound, self.measured.met.n),
            None => self.never(figure, "nothing showed it", bound),
        }
    }

    /// Demands that the signal of this name was given within `bound` of the fault's beginning.
    ///
    /// # Errors
    ///
    /// When it was given later, or not while the fault was active, as for
    /// [`detected_within`](Self::detected_within).
    pub fn signalled_within(&self, name: &str, bound: Duration) -> Result<(), BoundError> {
        let figure = format!("time until the signal `{name}`");
        let given = self.signals.iter().find(|(signal, _)| signal == name);
        match given {
            Some((_, after)) => self.subject.within(&figure, *after, bound, 1),
            None => self.never(&figure, "it was not given", bound),
        }
    }

    /// What never came while the fault was active is a miss if it was active for longer than the bound,
    /// and by more than can be said.
    fn never(&self, figure: &str, what: &str, bound: Duration) -> Result<(), BoundError> {
        let active = self.active;
        if active > bound {
            let figure = format!("{figure} ({what} in all that time)");
            return self.subject.within(&figure, active, bound, self.measured.met.n);
        }
        Err(self.subject.not_measured(
            figure,
            format!(
                "{what} in the {} for which the fault was active ({} operations met it), and a longer \
                 time is needed to tell; hold it for more than {}",
                Display(rounded(active)),
                self.measured.met.n,
                Display(bound)
            ),
        ))
    }

    /// Demands that the first steady second began within `bound` of the fault's end.
    ///
    /// # Errors
    ///
    /// When it began later, or there was none before the next fault or the end of the run.
    pub fn steady_within(&self, bound: Duration) -> Result<(), BoundError> {
        let figure = "time to recover";
        if let Some(after) = self.measured.steady {
            return self.subject.within(figure, after, bound, self.measured.met.n);
        }
        let watched = self.measured.watched;
        if watched >= bound + STEADY {
            // It would have been seen, so this is a miss, and by more than can be said.
            return self.subject.within(figure, watched, bound, self.measured.met.n);
        }
        Err(self.subject.not_measured(
            figure,
            format!(
                "there was no steady second in the {} that followed it, and a longer time is needed \
                 to tell; end the schedule with `.calm(..)` of at least {}",
                Display(rounded(watched)),
                Display(bound + STEADY)
            ),
        ))
    }

    fn ratio(
        &self,
        figure: &str,
        found: Option<f64>,
        side: Side,
        bound: f64,
    ) -> Result<(), BoundError> {
        let Some(found) = found else {
            let reason = format!(
                "{} of {} operations succeeded before the first fault and {} of {} while this one \
                 was active; begin the schedule with `.calm(..)`",
                self.calm.measured().ok,
                self.calm.measured().n,
                self.measured.met.ok,
                self.measured.met.n
            );
            return Err(self.subject.not_measured(figure, reason));
        };
        self.subject.demand(figure, Unit::Ratio, side, found, bound, self.measured.met.n)
    }

    /// What is written to the journal.
    pub(super) fn event(&self) -> EventKind {
        EventKind::ImpactMeasured { fault: self.fault, impact: Box::new(self.measured.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{DurationUnits, PercentUnits};

    /// One client: an operation of 10 ms each 10 ms, that takes 40 ms while the fault is active and
    /// fails for as long after it as is said.
    fn operations(fails_until: u64) -> Vec<Operation> {
        let mut operations = Vec::new();
        let mut now = 0;
        while now < 5_000 {
            let is_slow = (1_000..2_000).contains(&now);
            let ended = now + if is_slow { 40 } else { 10 };
            let fails = (2_000..fails_until).contains(&now);
            operations.push(Operation {
                client: 0,
                began: now.ms(),
                ended: ended.ms(),
                outcome: if fails { Outcome::Failed } else { Outcome::Ok },
                error: fails.then(|| "no".to_owned()),
                sqlstate: None,
                resolution: None,
            });
            now = ended;
        }
        operations
    }

    fn impact(operations: &[Operation], signals: &[SignalGiven], ended: u64) -> Impact {
        let disturbance = Disturbance {
            fault: FaultId(1),
            label: "latency 30ms on postgres".to_owned(),
            started: 1.secs(),
            ended: Some(2.secs()),
        };
        let observed = Observed {
            disturbances: &[disturbance],
            operations,
            signals,
            steady_state: Probability::ALWAYS,
            began: Duration::ZERO,
            ended: ended.ms(),
            journal: &Journal::in_memory(),
        };
        impacts(&observed).remove(0)
    }

    #[test]
    fn a_latency_shows_as_ratios_of_latency_and_rate() {
        let impact = impact(&operations(0), &[], 5_000);
        assert_eq!(impact.measured().p99_ratio, Some(4.0));
        assert_eq!(impact.measured().rate_ratio, Some(0.25));
        assert_eq!(impact.calm().measured().n, 100);
        assert_eq!(impact.met().measured().n, 25);
        impact.p99_at_most_times(4.0).unwrap();
        let error = impact.p99_at_most_times(3.0).unwrap_err().to_string();
        assert!(error.contains("was 4 times, above the bound of 3 times (33.3 % above"), "{error}");
        impact.keeps_rate(25.percent()).unwrap();
        assert!(impact.keeps_rate(26.percent()).is_err());
        // It was active for a second, which is too short to say that two are not kept.
        let early = impact.detected_within(1.secs()).unwrap_err();
        assert!(matches!(early, BoundError::NotMeasured { .. }), "{early}");
        assert!(early.to_string().contains("hold it for more than 1s"), "{early}");
        for missed in [impact.detected_within(999.ms()), impact.signalled_within("page", 500.ms())]
        {
            let missed = missed.unwrap_err();
            assert!(matches!(missed, BoundError::Missed(_)), "{missed}");
            assert!(missed.to_string().contains("in all that time) of"), "{missed}");
        }
        assert_eq!(impact.measured().steady, Some(Duration::ZERO));
    }

    #[test]
    fn a_signal_or_an_error_detects_whichever_comes_first() {
        let signal = |name: &str, at: u64| SignalGiven { name: name.to_owned(), at: at.ms() };
        let signals = [signal("early", 900), signal("slow", 1_250), signal("late", 2_001)];
        let mut operations = operations(0);
        let impact_of = |operations: &[Operation]| impact(operations, &signals, 5_000);
        assert_eq!(impact_of(&operations).measured().time_to_detect(), Some(250.ms()));
        operations.iter_mut().find(|it| it.began == 1_120.ms()).unwrap().outcome = Outcome::Unknown;
        let impact = impact_of(&operations);
        assert_eq!(impact.measured().time_to_detect(), Some(160.ms()));
        impact.signalled_within("slow", 250.ms()).unwrap();
        assert!(matches!(impact.signalled_within("slow", 249.ms()), Err(BoundError::Missed(_))));
        for absent in ["early", "late"] {
            assert!(impact.signalled_within(absent, 1.minutes()).is_err());
        }
    }

    #[test]
    fn the_first_steady_second_ends_a_recovery() {
        let impact_of = |fails_until, ended| impact(&operations(fails_until), &[], ended);
        // A failure ends at 2.5 s, so seconds from 2.6 s on are steady.
        let recovered = impact_of(2_500, 5_000);
        assert_eq!(recovered.measured().steady, Some(600.ms()));
        recovered.steady_within(600.ms()).unwrap();
        assert!(matches!(recovered.steady_within(599.ms()), Err(BoundError::Missed(_))));
        // It failed to the end, which was far enough away.
        assert!(matches!(
            impact_of(5_000, 5_000).steady_within(1.secs()),
            Err(BoundError::Missed(_))
        ));
        let too_short = impact_of(2_500, 2_900).steady_within(1.secs()).unwrap_err().to_string();
        assert!(too_short.contains("`.calm(..)` of at least 2s"), "{too_short}");
    }

    #[test]
    fn only_an_operation_that_met_the_fault_shows_it() {
        let mut operations = operations(0);
        let mut fail = |began: u64| {
            let failed = operations.iter_mut().find(|it| it.began == began.ms()).unwrap();
            failed.outcome = Outcome::Failed;
            impact(&operations, &[], 5_000).measured().time_to_detect()
        };
        // They end as it begins, and begin as it ends.
        assert_eq!(fail(990), None);
        assert_eq!(fail(2_000), None);
        assert_eq!(fail(1_960), Some(1.secs()), "it ends with the fault");
        assert_eq!(fail(1_000), Some(40.ms()));
    }

    #[test]
    fn half_of_the_rate_of_the_calm_makes_a_second_steady_and_no_less() {
        // The calm has 100 operations a second.
        let steady = |kept: usize| {
            let mut operations = operations(0);
            let mut seen = 0;
            operations.retain(|it| {
                let is_in_first = (2.secs()..3.secs()).contains(&it.ended);
                seen += usize::from(is_in_first);
                !is_in_first || seen <= kept
            });
            impact(&operations, &[], 5_000).measured().steady
        };
        assert_eq!(steady(50), Some(Duration::ZERO));
        // The second from 2.5 s on is the first that has 50, all of them after 3 s.
        assert_eq!(steady(49), Some(500.ms()));
    }

    #[test]
    fn a_steady_second_is_whole_before_the_next_fault() {
        let steady = |next: u64| {
            let fault = |id, started: u64, ended: u64| Disturbance {
                fault: FaultId(id),
                label: format!("fault {id}"),
                started: started.ms(),
                ended: Some(ended.ms()),
            };
            let observed = Observed {
                disturbances: &[fault(1, 1_000, 2_000), fault(2, next, next + 500)],
                operations: &operations(0),
                signals: &[],
                steady_state: Probability::ALWAYS,
                began: Duration::ZERO,
                ended: 5.secs(),
                journal: &Journal::in_memory(),
            };
            let measured = impacts(&observed).remove(0).measured().clone();
            (measured.steady, measured.watched)
        };
        assert_eq!(steady(3_000), (Some(Duration::ZERO), 1.secs()));
        assert_eq!(steady(2_999), (None, 999.ms()));
    }

    #[test]
    fn a_trickle_after_the_fault_is_not_the_steady_state() {
        let mut operations = operations(0);
        // One in ten goes on.
        operations.retain(|it| it.began < 2.secs() || it.began.as_millis() % 100 == 0);
        assert_eq!(impact(&operations, &[], 5_000).measured().steady, None);
    }

    #[test]
    fn without_a_calm_there_is_nothing_to_compare_with() {
        let operations: Vec<_> =
            operations(0).into_iter().filter(|it| it.began >= 1.secs()).collect();
        let error = impact(&operations, &[], 5_000).p99_at_most_times(10.0).unwrap_err();
        assert!(error.to_string().contains("begin the schedule with `.calm(..)`"), "{error}");
    }
}
