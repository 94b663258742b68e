//! Our figures, told to the recorder of the `metrics` crate that the process has.
//!
//! The other direction is [`MetricsRecorder`](super::MetricsRecorder).

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{Key, Label, Level, Metadata, Recorder};

use super::{Metrics, TimingSummary};

/// Whether the recorder of the process is our own, which has all figures already.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Notes that the recorder of the process is our own.
pub(super) fn is_ours() {
    IS_OURS.store(true, Ordering::Relaxed);
}

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Metrics {
    /// Tells the recorder of the process, if it has one, all figures as they are now: see
    /// [`export_to`](Self::export_to). The library does so at the end of each phase of a run and of
    /// the attempt, unless that recorder is a [`MetricsRecorder`](super::MetricsRecorder).
    pub fn export(&self) {
        if !IS_OURS.load(Ordering::Relaxed) {
            metrics::with_recorder(|recorder| self.export_to(recorder));
        }
    }

    /// Tells a recorder all figures as they are now, under their names.
    ///
    /// A counter is told as its absolute value, a gauge as its last one. A timing becomes gauges in
    /// seconds, by the label `quantile` (`0.5`, `0.95`, `0.99` and `1`), and the counter of its name
    /// with `.count`: its durations were added up as they came, and cannot be told one by one.
    ///
    /// ```
    /// # use chaos_core::journal::Journal;
    /// # use chaos_core::prelude::*;
    /// # use chaos_core::seed::Seed;
    /// # use chaos_core::metrics::MetricsRecorder;
    /// # let cx = Chaos::new(Seed(1), Journal::in_memory());
    /// # let other = Chaos::new(Seed(2), Journal::in_memory());
    /// # let recorder = MetricsRecorder::new(other.metrics()); // stands in for that of a backend
    /// cx.metrics().counter("cache hits").add(7);
    /// cx.metrics().timing("lookup").record(20.ms());
    /// cx.metrics().export_to(&recorder);
    /// # let told = other.metrics().snapshot();
    /// # assert_eq!(told.counters["cache hits"], 7);
    /// # assert_eq!(told.counters["lookup.count"], 1);
    /// # let longest = told.gauges["lookup{quantile=\"1\"}"].last;
    /// # assert!((longest - 0.02).abs() < 1e-4, "{longest}");
    /// ```
    pub fn export_to(&self, recorder: &dyn Recorder) {
        let figures = self.snapshot();
        for (name, value) in figures.counters {
            recorder.register_counter(&Key::from_name(name), &METADATA).absolute(value);
        }
        for (name, gauge) in figures.gauges {
            recorder.register_gauge(&Key::from_name(name), &METADATA).set(gauge.last);
        }
        for (name, TimingSummary { n, p50, p95, p99, max, .. }) in figures.timings {
            let count = Key::from_name(format!("{name}.count"));
            recorder.register_counter(&count, &METADATA).absolute(n);
            for (quantile, value) in [("0.5", p50), ("0.95", p95), ("0.99", p99), ("1", max)] {
                let label = Label::from_static_parts("quantile", quantile);
                let key = Key::from_parts(name.clone(), vec![label]);
                recorder.register_gauge(&key, &METADATA).set(value.as_secs_f64());
            }
        }
    }
}
