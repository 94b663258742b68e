//! When an alert fires.

use std::fmt;
use std::time::Duration;

use crate::duration::Display;
use crate::metrics::SignalGiven;
use crate::outcome::Outcome;
use crate::probability::Probability;
use crate::run::Operation;
use crate::run::figures::count;
use crate::stats::quantile;

/// Bounds of how often a rule is evaluated: a tenth of its shortest window, within these.
const SHORTEST_TICK: Duration = Duration::from_millis(10);
const LONGEST_TICK: Duration = Duration::from_millis(100);

/// How many times faster a rule for hours runs here, by default: an hour is five seconds.
const COMPRESSION: f64 = 720.0;

/// When an alert fires: over the operations of a run, or by a signal of your own.
///
/// ```
/// use chaos_core::prelude::*;
/// use chaos_core::run::AlertRule;
///
/// let errors = AlertRule::error_rate_above(5.percent(), 1.secs()).lasting(500.ms());
/// let slow = AlertRule::latency_above(99.percent(), 200.ms(), 2.secs());
/// let page = AlertRule::burn_rate(99.9.percent());
/// assert_eq!(errors.to_string(), "error rate above 5 % over 1s for 500ms");
/// assert_eq!(slow.to_string(), "p99 above 200ms over 2s");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    condition: Condition,
    lasting: Duration,
    grace: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    ErrorRate { above: Probability, window: Duration },
    Latency { quantile: Probability, above: Duration, window: Duration },
    RateBelow { per_second: f64, window: Duration },
    BurnRate { objective: Probability, windows: Vec<BurnWindow> },
    Signal { name: String },
}

/// A pair of windows over both of which the error budget burns too fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnWindow {
    long: Duration,
    short: Duration,
    factor: f64,
}

impl BurnWindow {
    /// Fires while errors come `factor` times as fast as the objective allows, over the long window
    /// and over the short one, which ends the alert soon after the errors end.
    #[must_use]
    pub const fn new(long: Duration, short: Duration, factor: f64) -> Self {
        Self { long, short, factor }
    }
}

impl AlertRule {
    /// Fires while more than this share of the operations that ended within the window did not
    /// succeed.
    #[must_use]
    pub fn error_rate_above(above: Probability, window: Duration) -> Self {
        Self::new(Condition::ErrorRate { above, window })
    }

    /// Fires while this quantile of the operations that succeeded within the window is above a
    /// duration: `latency_above(99.percent(), 200.ms(), 1.secs())`.
    #[must_use]
    pub fn latency_above(quantile: Probability, above: Duration, window: Duration) -> Self {
        Self::new(Condition::Latency { quantile, above, window })
    }

    /// Fires while fewer operations than this succeeded in a second, on average over the window. It
    /// is not evaluated before the first window is over.
    #[must_use]
    pub fn rate_below(per_second: f64, window: Duration) -> Self {
        Self::new(Condition::RateBelow { per_second, window })
    }

    /// Fires while the error budget of an objective, such as 99.9 % of operations, burns too fast.
    ///
    /// The windows are those that the Site Reliability Workbook (Google, 2018, chapter 5, "Alerting on
    /// SLOs", table 5-8) has a person paged by: 14.4 times too fast over an hour and 5 minutes, or 6
    /// times too fast over 6 hours and 30 minutes. No test takes hours, so here an hour is 5 seconds;
    /// [`windows`](Self::windows) sets others.
    #[must_use]
    pub fn burn_rate(objective: Probability) -> Self {
        let minutes = |minutes: u32| (Duration::from_secs(60) * minutes).div_f64(COMPRESSION);
        let windows = vec![
            BurnWindow::new(minutes(60), minutes(5), 14.4),
            BurnWindow::new(minutes(360), minutes(30), 6.0),
        ];
        Self::new(Condition::BurnRate { objective, windows })
    }

    /// Fires whenever `cx.metrics().signal(name)` is called: an alert of your own.
    #[must_use]
    pub fn signal(name: impl Into<String>) -> Self {
        Self::new(Condition::Signal { name: name.into() })
    }

    fn new(condition: Condition) -> Self {
        Self { condition, lasting: Duration::ZERO, grace: None }
    }

    /// Other windows for a burn rate; no effect on other rules.
    #[must_use]
    pub fn windows(mut self, others: impl IntoIterator<Item = BurnWindow>) -> Self {
        if let Condition::BurnRate { windows, .. } = &mut self.condition {
            *windows = others.into_iter().collect();
        }
        self
    }

    /// Has the condition hold for so long before the alert fires. Default: not at all.
    #[must_use]
    pub const fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// How long after a fault a firing may begin and still be for it. Default: the window of the
    /// rule (of a burn rate the longest short one) and what it has to last; nothing for a signal.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    pub(super) fn grace_or_default(&self) -> Duration {
        self.grace.unwrap_or_else(|| {
            let windows = match &self.condition {
                Condition::BurnRate { windows, .. } => windows.iter().map(|it| it.short).max(),
                _ => self.shortest_window(),
            };
            windows.unwrap_or_default() + self.lasting
        })
    }

    fn shortest_window(&self) -> Option<Duration> {
        match &self.condition {
            Condition::ErrorRate { window, .. }
            | Condition::Latency { window, .. }
            | Condition::RateBelow { window, .. } => Some(*window),
            Condition::BurnRate { windows, .. } => windows.iter().map(|it| it.short).min(),
            Condition::Signal { .. } => None,
        }
    }

    /// The times during which it fires, in order.
    pub(super) fn firings(&self, series: &Series<'_>) -> Vec<(Duration, Duration)> {
        if let Condition::Signal { name } = &self.condition {
            let given = series.signals.iter().filter(|signal| signal.name == *name);
            return given.map(|signal| (signal.at, signal.at)).collect();
        }
        let window = self.shortest_window().unwrap_or_default();
        let tick = (window / 10).clamp(SHORTEST_TICK, LONGEST_TICK);
        let mut firings = Vec::new();
        let mut holds_since = None;
        let mut firing = None;
        let mut now = series.began;
        while now < series.ended {
            now = (now + tick).min(series.ended);
            if self.holds(series, now) {
                let since = *holds_since.get_or_insert(now);
                if firing.is_none() && now - since >= self.lasting {
                    firing = Some(now);
                }
            } else {
                holds_since = None;
                firings.extend(firing.take().map(|began| (began, now)));
            }
        }
        firings.extend(firing.map(|began| (began, series.ended)));
        firings
    }

    fn holds(&self, series: &Series<'_>, now: Duration) -> bool {
        match &self.condition {
            Condition::ErrorRate { above, window } => {
                series.error_rate(now, *window).is_some_and(|rate| rate > above.get())
            }
            Condition::Latency { quantile, above, window } => {
                series.latency(now, *window, *quantile).is_some_and(|latency| latency > *above)
            }
            Condition::RateBelow { per_second, window } => {
                now >= series.began + *window
                    && series.succeeded(now, *window) < per_second * window.as_secs_f64()
            }
            Condition::BurnRate { objective, windows } => windows.iter().any(|it| {
                let allowed = 1.0 - objective.get();
                let burns = |window| {
                    let rate = series.error_rate(now, window);
                    rate.is_some_and(|rate| rate > 0.0 && rate >= allowed * it.factor)
                };
                burns(it.long) && burns(it.short)
            }),
            Condition::Signal { .. } => false,
        }
    }
}

/// `error rate above 5 % over 1s for 500ms`.
impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Condition::ErrorRate { above, window } => {
                write!(f, "error rate above {above} over {}", Display(*window))?;
            }
            Condition::Latency { quantile, above, window } => {
                let percent = quantile.get() * 100.0;
                write!(f, "p{percent} above {} over {}", Display(*above), Display(*window))?;
            }
            Condition::RateBelow { per_second, window } => {
                write!(f, "rate below {per_second}/s over {}", Display(*window))?;
            }
            Condition::BurnRate { objective, windows } => {
                write!(f, "burn rate of {objective}")?;
                for (place, window) in windows.iter().enumerate() {
                    let word = if place == 0 { " of" } else { " or" };
                    let (long, short) = (Display(window.long), Display(window.short));
                    write!(f, "{word} {} over {long} and {short}", window.factor)?;
                }
            }
            Condition::Signal { name } => write!(f, "signal {name}")?,
        }
        if self.lasting.is_zero() { Ok(()) } else { write!(f, " for {}", Display(self.lasting)) }
    }
}

/// The operations of a run, by the time at which they ended.
pub(super) struct Series<'a> {
    operations: &'a [Operation],
    signals: &'a [SignalGiven],
    /// How many of the operations before each did not succeed.
    bad_before: Vec<u64>,
    began: Duration,
    ended: Duration,
}

impl<'a> Series<'a> {
    /// `operations` are in the order in which they ended.
    pub(super) fn new(
        operations: &'a [Operation],
        signals: &'a [SignalGiven],
        began: Duration,
        ended: Duration,
    ) -> Self {
        let mut bad_before = vec![0];
        for operation in operations {
            let bad = u64::from(operation.outcome != Outcome::Ok);
            bad_before.push(bad_before.last().copied().unwrap_or(0) + bad);
        }
        Self { operations, signals, bad_before, began, ended }
    }

    /// The places of the operations that ended within a window up to now.
    fn places(&self, now: Duration, window: Duration) -> (usize, usize) {
        let until = |moment| self.operations.partition_point(|it| it.ended <= moment);
        let from = now.checked_sub(window).map_or(0, until);
        (from, until(now))
    }

    fn error_rate(&self, now: Duration, window: Duration) -> Option<f64> {
        let (from, until) = self.places(now, window);
        let bad = self.bad_before[until] - self.bad_before[from];
        (until > from).then(|| count(bad) / count((until - from) as u64))
    }

    fn succeeded(&self, now: Duration, window: Duration) -> f64 {
        let (from, until) = self.places(now, window);
        let bad = self.bad_before[until] - self.bad_before[from];
        count((until - from) as u64 - bad)
    }

    fn latency(&self, now: Duration, window: Duration, share: Probability) -> Option<Duration> {
        let (from, until) = self.places(now, window);
        let succeeded = self.operations[from..until].iter().filter(|it| it.outcome == Outcome::Ok);
        let mut latencies: Vec<_> = succeeded.map(|it| it.ended.saturating_sub(it.began)).collect();
        latencies.sort_unstable();
        quantile(&latencies, share)
    }
}
