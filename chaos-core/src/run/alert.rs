//! Alert rules, evaluated over the operations of a run and judged by the faults that are known.
//!
//! In production nobody knows when a fault began, so nobody can say what an alert is worth. A run
//! knows: whether the alert fired for each fault, how long after its beginning, and how often it
//! fired for nothing.
//!
//! A firing *is true* if it began while a fault was active, or within the grace of the rule after it:
//! its window still holds what the fault broke. *Precision* is the share of firings that are true,
//! *recall* the share of faults that a true firing belongs to. The *detection delay* is the time from
//! the beginning of the fault to the beginning of the firing; it is 0 where a true firing for an
//! earlier fault still goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Operation;
use super::bound::{BoundError, Side, Subject, Unit};
use super::figures::count;
use crate::event::{EventKind, FaultId};
use crate::journal::Journal;
use crate::metrics::{SignalGiven, nanoseconds};
use crate::probability::Probability;
use crate::recovery::Disturbance;

mod rule;

use self::rule::Series;
pub use self::rule::{AlertRule, BurnWindow};

/// What an alert rule did during a run, judged by the faults that were active.
#[derive(Debug, Clone)]
#[must_use = "an alert proves nothing until something is demanded of it: `.detects_within(5.secs())?`"]
pub struct Alerts {
    subject: Subject,
    judged: JudgedAlert,
}

/// The numbers of [`Alerts`], as the journal and the report have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JudgedAlert {
    /// The rule as text.
    pub rule: String,
    /// When it fired, in order.
    pub firings: Vec<Firing>,
    /// The faults that were active during the run, and whether it fired for them.
    pub detections: Vec<Detection>,
}

/// A time during which an alert fired. In JSON its times are nanoseconds since the attempt began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// When it began, since the attempt began.
    #[serde(rename = "began_ns", with = "nanoseconds")]
    pub began: Duration,
    /// When it ended, or the run did.
    #[serde(rename = "ended_ns", with = "nanoseconds")]
    pub ended: Duration,
    /// Whether it was for a fault.
    #[serde(rename = "true")]
    pub is_true: bool,
}

/// Whether an alert fired for a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Detection {
    /// Which fault.
    pub fault: FaultId,
    /// The fault as text, with its target.
    pub label: String,
    /// How long after its beginning; absent if it did not fire for it.
    #[serde(
        rename = "delay_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "nanoseconds::optional"
    )]
    pub delay: Option<Duration>,
}

/// What an alert is evaluated over.
pub(super) struct Watched<'a> {
    pub(super) operations: &'a [Operation],
    pub(super) signals: &'a [SignalGiven],
    pub(super) disturbances: &'a [Disturbance],
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) journal: &'a Journal,
}

/// Evaluates the rule, and judges it by the faults.
pub(super) fn judge(rule: &AlertRule, watched: &Watched<'_>) -> Alerts {
    let Watched { operations, signals, disturbances, began, ended, journal } = *watched;
    let series = Series::new(operations, signals, began, ended);
    let mut firings: Vec<Firing> = rule
        .firings(&series)
        .into_iter()
        .map(|(began, ended)| Firing { began, ended, is_true: false })
        .collect();
    let grace = rule.grace_or_default();
    for firing in &mut firings {
        firing.is_true =
            disturbances.iter().any(|it| explains(it, firing.began, ended, grace, disturbances));
    }
    let detections = disturbances.iter().map(|fault| {
        let delays = firings.iter().filter(|firing| firing.is_true).filter_map(|firing| {
            let goes_on = firing.began < fault.started && firing.ended > fault.started;
            let begins = explains(fault, firing.began, ended, grace, disturbances);
            (goes_on || begins).then(|| firing.began.saturating_sub(fault.started))
        });
        Detection { fault: fault.fault, label: fault.label.clone(), delay: delays.min() }
    });
    let detections = detections.collect();
    let judged = JudgedAlert { rule: rule.to_string(), firings, detections };
    journal.record(EventKind::AlertJudged { alert: judged.clone() });
    let subject = Subject { name: judged.rule.clone(), journal: journal.clone() };
    Alerts { subject, judged }
}

/// Whether an alert that fired at this moment did so for this fault: it was active, or it was the last to
/// end and its grace lasts. A later fault takes the firing from the grace of one before it: else an
/// alert with long windows would seem to notice faults that break nothing.
fn explains(
    fault: &Disturbance,
    moment: Duration,
    run_ended: Duration,
    grace: Duration,
    all: &[Disturbance],
) -> bool {
    let ended = |it: &Disturbance| it.ended.unwrap_or(run_ended);
    let is_active = fault.started <= moment && moment <= ended(fault);
    let is_in_grace = fault.started <= moment && moment <= ended(fault) + grace;
    let is_the_last = || {
        let others = all.iter().filter(|it| it.started <= moment);
        others.map(ended).max() == Some(ended(fault))
    };
    is_active || (is_in_grace && is_the_last())
}

impl Alerts {
    /// The numbers.
    #[must_use]
    pub fn judged(&self) -> &JudgedAlert {
        &self.judged
    }

    /// The share of firings that were for a fault; nothing if it never fired.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let firings = &self.judged.firings;
        let for_a_fault = firings.iter().filter(|firing| firing.is_true).count();
        share(for_a_fault, firings.len())
    }

    /// The share of faults for which it fired; nothing if there was no fault.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        let detected = self.judged.detections.iter().filter(|it| it.delay.is_some()).count();
        share(detected, self.judged.detections.len())
    }

    /// Demands that it fired for every fault of the run, and within `bound` of its beginning.
    ///
    /// # Errors
    ///
    /// When it fired later or not at all, or there was no fault.
    pub fn detects_within(&self, bound: Duration) -> Result<(), BoundError> {
        let faults = self.judged.detections.len() as u64;
        let missed: Vec<&str> = self
            .judged
            .detections
            .iter()
            .filter(|detection| detection.delay.is_none())
            .map(|detection| detection.label.as_str())
            .collect();
        if !missed.is_empty() {
            let figure = format!("recall (it did not fire for {})", missed.join(", "));
            let found = self.recall().unwrap_or(0.0);
            return self.subject.demand(&figure, Unit::Share, Side::AtLeast, found, 1.0, faults);
        }
        let delays = self.judged.detections.iter().filter_map(|detection| detection.delay);
        let longest = delays.max().ok_or_else(|| self.no_fault("detection delay"))?;
        self.subject.within("detection delay", longest, bound, faults)
    }

    /// Demands that at least this share of its firings were for a fault.
    ///
    /// # Errors
    ///
    /// When a smaller one was, or it never fired.
    pub fn precision_at_least(&self, bound: Probability) -> Result<(), BoundError> {
        let figure = "precision";
        let n = self.judged.firings.len() as u64;
        let found =
            self.precision().ok_or_else(|| self.subject.not_measured(figure, "it never fired"))?;
        self.subject.demand(figure, Unit::Share, Side::AtLeast, found, bound.get(), n)
    }

    /// Demands that it fired for at least this share of the faults.
    ///
    /// # Errors
    ///
    /// When it fired for a smaller one, or there was no fault.
    pub fn recall_at_least(&self, bound: Probability) -> Result<(), BoundError> {
        let found = self.recall().ok_or_else(|| self.no_fault("recall"))?;
        let n = self.judged.detections.len() as u64;
        self.subject.demand("recall", Unit::Share, Side::AtLeast, found, bound.get(), n)
    }

    fn no_fault(&self, figure: &str) -> BoundError {
        self.subject.not_measured(figure, "no fault was active during the run")
    }
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| count(part as u64) / count(of as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::units::{DurationUnits, PercentUnits};

    /// An operation of 10 ms each 10 ms for 20 s, which fails in these times.
    fn operations(bad: &[(u64, u64)]) -> Vec<Operation> {
        let operation = |began: u64| {
            let is_bad = bad.iter().any(|times| (times.0..times.1).contains(&began));
            let outcome = if is_bad { Outcome::Failed } else { Outcome::Ok };
            let (began, ended) = (began.ms(), (began + 10).ms());
            Operation::new(0, began, ended, outcome)
        };
        (0..20_000).step_by(10).map(operation).collect()
    }

    fn fault(number: u64, started: u64, ended: u64) -> Disturbance {
        let label = format!("fault {number}");
        let (started, ended) = (started.ms(), Some(ended.ms()));
        Disturbance { fault: FaultId(number), label, started, ended }
    }

    fn judged(rule: &AlertRule, bad: &[(u64, u64)], faults: &[Disturbance]) -> Alerts {
        let watched = Watched {
            operations: &operations(bad),
            signals: &[SignalGiven { name: "paged".to_owned(), at: 6.secs() }],
            disturbances: faults,
            began: Duration::ZERO,
            ended: 20.secs(),
            journal: &Journal::in_memory(),
        };
        judge(rule, &watched)
    }

    fn errors() -> AlertRule {
        AlertRule::error_rate_above(10.percent(), 1.secs())
    }

    #[test]
    fn an_alert_that_fires_for_each_fault_and_for_nothing_else_is_perfect() {
        let faults = [fault(1, 5_000, 7_000), fault(2, 12_000, 13_000)];
        let bad = [(5_000, 7_000), (12_000, 13_000)];
        let alerts = judged(&errors(), &bad, &faults);
        assert_eq!((alerts.precision(), alerts.recall()), (Some(1.0), Some(1.0)));
        // 10 of the last 100 failed at 5.1 s, and more than that a tick later.
        assert_eq!(alerts.judged().detections[0].delay, Some(200.ms()));
        alerts.detects_within(200.ms()).unwrap();
        assert!(matches!(alerts.detects_within(199.ms()), Err(BoundError::Missed(_))));
        alerts.precision_at_least(100.percent()).unwrap();
    }

    #[test]
    fn an_alert_for_nothing_costs_precision_and_a_fault_without_one_recall() {
        let faults = [fault(1, 5_000, 7_000), fault(2, 12_000, 13_000)];
        let alerts = judged(&errors(), &[(5_000, 7_000), (16_000, 17_000)], &faults);
        assert_eq!((alerts.precision(), alerts.recall()), (Some(0.5), Some(0.5)));
        let error = alerts.detects_within(1.minutes()).unwrap_err().to_string();
        assert!(error.contains("it did not fire for fault 2) of"), "{error}");
        assert!(alerts.precision_at_least(95.percent()).is_err());
        assert!(alerts.recall_at_least(95.percent()).is_err());
        alerts.recall_at_least(50.percent()).unwrap();
    }

    #[test]
    fn a_firing_ends_when_its_window_no_longer_holds_what_broke() {
        let alerts = judged(&errors(), &[(5_000, 7_000)], &[fault(1, 5_000, 7_000)]);
        let [firing] = alerts.judged().firings.as_slice() else { panic!("{alerts:?}") };
        // At 7.9 s 10 of the last 100 failed, which is not more than 10 %.
        assert_eq!((firing.began, firing.ended), (5_200.ms(), 7_900.ms()));
    }

    #[test]
    fn a_firing_is_true_from_the_beginning_of_the_fault_to_the_end_of_the_grace_and_no_longer() {
        let faults = [fault(1, 5_000, 7_000)];
        let begins = |bad: (u64, u64)| {
            let alerts = judged(&errors(), &[bad], &faults);
            let firing = alerts.judged().firings[0];
            (firing.began, firing.is_true, alerts.recall())
        };
        // The grace is the window: a second.
        assert_eq!(begins((7_700, 8_000)), (7_900.ms(), true, Some(1.0)));
        assert_eq!(begins((7_800, 8_100)), (8_000.ms(), true, Some(1.0)));
        assert_eq!(begins((7_900, 8_200)), (8_100.ms(), false, Some(0.0)));
        assert_eq!(begins((4_700, 5_000)), (4_900.ms(), false, Some(0.0)));
        assert_eq!(begins((4_800, 5_100)), (5_000.ms(), true, Some(1.0)));
        // One that began for nothing does not turn into one for a fault that comes later.
        assert_eq!(begins((4_000, 7_000)), (4_200.ms(), false, Some(0.0)));
        let paged = AlertRule::signal("paged");
        let of_signal = |rule: &AlertRule, started, ended| {
            judged(rule, &[], &[fault(1, started, ended)]).precision()
        };
        assert_eq!(of_signal(&paged, 6_000, 7_000), Some(1.0));
        assert_eq!(of_signal(&paged, 6_001, 7_000), Some(0.0));
        assert_eq!(of_signal(&paged, 5_000, 5_999), Some(0.0), "a signal has no grace");
        assert_eq!(of_signal(&paged.clone().grace(1.secs()), 4_000, 5_000), Some(1.0));
        assert_eq!(of_signal(&paged.grace(1.secs()), 4_000, 4_999), Some(0.0));
    }

    #[test]
    fn a_firing_is_for_the_fault_that_was_active_and_not_for_the_grace_of_one_before() {
        let rule = errors().grace(10.secs());
        let delays = |faults: &[Disturbance]| {
            let alerts = judged(&rule, &[(8_000, 9_000)], faults);
            alerts.judged().detections.iter().map(|it| it.delay).collect::<Vec<_>>()
        };
        let harmless = fault(1, 5_000, 6_000);
        assert_eq!(delays(&[harmless.clone(), fault(2, 8_000, 9_000)]), [None, Some(200.ms())]);
        // In the grace of both it is for the one that ended last.
        assert_eq!(delays(&[harmless.clone(), fault(2, 7_500, 8_000)]), [None, Some(700.ms())]);
        // Both were active.
        let both = [fault(1, 5_000, 8_300), fault(2, 8_000, 9_000)];
        assert_eq!(delays(&both), [Some(3_200.ms()), Some(200.ms())]);
        assert_eq!(delays(&[harmless]), [Some(3_200.ms())]);
    }

    #[test]
    fn a_fault_that_begins_while_an_alert_for_another_fires_is_noticed_at_once() {
        let faults = [fault(1, 5_000, 6_000), fault(2, 6_500, 7_000), fault(3, 7_900, 8_000)];
        let alerts = judged(&errors(), &[(5_000, 7_000)], &faults);
        let delays: Vec<_> = alerts.judged().detections.iter().map(|it| it.delay).collect();
        // The third one begins in the moment in which the alert ends.
        assert_eq!(delays, [Some(200.ms()), Some(Duration::ZERO), None]);
        assert_eq!((alerts.precision(), alerts.recall()), (Some(1.0), Some(2.0 / 3.0)));
    }

    #[test]
    fn a_condition_fires_once_it_has_lasted_and_not_a_tick_before() {
        let faults = [fault(1, 5_000, 7_000)];
        // It holds from 5.2 s to 6.0 s, as long as more than 10 of the 15 are in the window.
        let firings = |lasting: u64| {
            let rule = errors().lasting(lasting.ms());
            let judged = judged(&rule, &[(5_000, 5_150)], &faults);
            judged.judged().firings.iter().map(|it| (it.began, it.ended)).collect::<Vec<_>>()
        };
        assert_eq!(firings(800), [(6_000.ms(), 6_100.ms())]);
        assert_eq!(firings(801), []);
        assert_eq!(firings(500), [(5_700.ms(), 6_100.ms())]);
    }

    #[test]
    fn a_condition_that_has_to_last_does_not_fire_for_a_moment() {
        let faults = [fault(1, 5_000, 7_000)];
        let short = (5_000, 5_150);
        let rule = errors();
        let fires = |rule: &AlertRule| {
            judged(rule, std::slice::from_ref(&short), &faults).judged().firings.len()
        };
        assert_eq!(fires(&rule), 1);
        assert_eq!(fires(&rule.clone().lasting(2.secs())), 0);
    }

    #[test]
    fn a_burn_rate_takes_both_windows_and_stops_with_the_short_one() {
        // An objective of 99 %: 10 % errors burn ten times as fast as they may.
        let rule =
            AlertRule::burn_rate(99.percent()).windows([BurnWindow::new(5.secs(), 500.ms(), 10.0)]);
        let alerts = judged(&rule, &[(5_000, 8_000)], &[fault(1, 5_000, 8_000)]);
        let [firing] = alerts.judged().firings.as_slice() else { panic!("{alerts:?}") };
        assert!(firing.is_true);
        // 10 % of 5 s is 0.5 s of nothing but errors.
        assert!(firing.began.abs_diff(5_500.ms()) <= 100.ms(), "{firing:?}");
        assert!(firing.ended.abs_diff(8_500.ms()) <= 100.ms(), "{firing:?}");
    }

    #[test]
    fn signals_latencies_and_rates_are_alerts_too() {
        let faults = [fault(1, 5_000, 7_000)];
        let paged = judged(&AlertRule::signal("paged"), &[], &faults);
        assert_eq!(paged.judged().detections[0].delay, Some(1.secs()));
        let slow = AlertRule::latency_above(50.percent(), 9.ms(), 1.secs());
        assert_eq!(judged(&slow, &[], &faults).judged().firings.len(), 1);
        let slower = AlertRule::latency_above(50.percent(), 10.ms(), 1.secs());
        assert_eq!(judged(&slower, &[], &faults).judged().firings.len(), 0);
        let few = AlertRule::rate_below(90.0, 1.secs());
        assert_eq!(judged(&few, &[(5_000, 6_000)], &faults).judged().firings.len(), 1);
        let error = judged(&few, &[], &faults).precision_at_least(1.percent()).unwrap_err();
        assert!(error.to_string().contains("it never fired"), "{error}");
    }
}
