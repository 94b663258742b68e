//! What the code under test reports through the `metrics` crate, as figures of ours.
//!
//! This direction is theirs to ours, the other one is [`Metrics::export`]: a service that is instrumented with `metrics::counter!` and the
//! like has its figures in the report of a chaos test without a line of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{
    CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, Recorder, SetRecorderError,
    SharedString, Unit,
};
use parking_lot::RwLock;

use super::{Counter, Gauge, Metrics, Timing};

/// A recorder of the `metrics` crate that keeps everything among the figures of an attempt.
///
/// Labels become a part of the name: `requests{route="/pay"}`. A histogram is a [`Timing`] of seconds,
/// which is what `metrics` makes of a `Duration`, or of the unit of time that it was described with;
/// one that was described with another unit is a [`Gauge`].
///
/// ```
/// # use chaos_core::journal::Journal;
/// # use chaos_core::prelude::*;
/// # use chaos_core::seed::Seed;
/// use chaos_core::metrics::MetricsRecorder;
///
/// # let cx = Chaos::new(Seed(1), Journal::in_memory());
/// let recorder = MetricsRecorder::new(cx.metrics());
/// metrics::with_local_recorder(&recorder, || {
///     metrics::counter!("requests", "route" => "/pay").increment(2);
/// });
/// assert_eq!(cx.metrics().snapshot().counters["requests{route=\"/pay\"}"], 2);
/// ```
#[derive(Debug, Clone)]
pub struct MetricsRecorder {
    metrics: Metrics,
    units: Arc<RwLock<HashMap<String, Unit>>>,
}

impl MetricsRecorder {
    /// A recorder that adds to these figures.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), units: Arc::default() }
    }

    /// Makes it the recorder of the whole process. Under the harness each attempt has a process of
    /// its own, so this is what a test does first.
    ///
    /// # Errors
    ///
    /// When the process has a recorder already: `metrics` allows one.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self)?;
        super::export::is_ours();
        Ok(())
    }
}

fn name_of(key: &Key) -> String {
    let labels: Vec<String> =
        key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
    if labels.is_empty() {
        return key.name().to_owned();
    }
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        if let Some(unit) = unit {
            self.units.write().insert(name.as_str().to_owned(), unit);
        }
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(Arc::new(self.metrics.counter(&name_of(key))))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(Arc::new(self.metrics.gauge(&name_of(key))))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let seconds = match self.units.read().get(key.name()) {
            None | Some(Unit::Seconds) => 1.0,
            Some(Unit::Milliseconds) => 1e-3,
            Some(Unit::Microseconds) => 1e-6,
            Some(Unit::Nanoseconds) => 1e-9,
            Some(_) => {
                let gauge = self.metrics.gauge(&name_of(key));
                return metrics::Histogram::from_arc(Arc::new(LastValue(gauge)));
            }
        };
        let timing = self.metrics.timing(&name_of(key));
        metrics::Histogram::from_arc(Arc::new(TimingOf { timing, seconds }))
    }
}

impl CounterFn for Counter {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.raise_to(value);
    }
}

impl GaugeFn for Gauge {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, value: f64) {
        Self::set(self, value);
    }
}

/// A timing in a unit of so many seconds.
#[derive(Debug)]
struct TimingOf {
    timing: Timing,
    seconds: f64,
}

impl HistogramFn for TimingOf {
    fn record(&self, value: f64) {
        // What is negative or no number is no duration.
        if let Ok(duration) = Duration::try_from_secs_f64(value * self.seconds) {
            self.timing.record(duration);
        }
    }
}

/// What is no duration has no place in a histogram of durations.
#[derive(Debug)]
struct LastValue(Gauge);

impl HistogramFn for LastValue {
    fn record(&self, value: f64) {
        self.0.set(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::units::DurationUnits;

    #[test]
    fn what_the_code_under_test_reports_is_among_our_figures() {
        let figures = Metrics::new(Journal::in_memory());
        metrics::with_local_recorder(&MetricsRecorder::new(&figures), || {
            metrics::counter!("requests").increment(3);
            metrics::counter!("requests").absolute(2);
            metrics::gauge!("depth").set(7.0);
            metrics::gauge!("depth").decrement(2.0);
            metrics::histogram!("took").record(0.25);
            metrics::histogram!("took").record(-1.0);
            metrics::describe_histogram!("query", Unit::Milliseconds, "how long a query took");
            metrics::histogram!("query").record(40.0);
            metrics::describe_histogram!("body", Unit::Bytes, "how large a body was");
            metrics::histogram!("body").record(1_500.0);
        });
        let seen = figures.snapshot();
        assert_eq!(seen.counters["requests"], 3);
        assert!((seen.gauges["depth"].last - 5.0).abs() < 1e-9);
        assert_eq!(seen.timings["took"].n, 1);
        assert!(seen.timings["took"].max.abs_diff(250.ms()) <= 250.us());
        assert!(seen.timings["query"].max.abs_diff(40.ms()) <= 40.us());
        assert!((seen.gauges["body"].max - 1_500.0).abs() < 1e-9);
    }
}
