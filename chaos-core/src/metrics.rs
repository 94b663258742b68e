//! Counters, gauges and timings: those of the test, and those of the library.
//!
//! Get a handle by its name, once; an update then costs an atomic operation (counter, gauge) or a short
//! lock (timing). The same name is the same metric everywhere in the attempt. All metrics are written
//! to the journal when the attempt ends, and are in the report.
//!
//! ```
//! use chaos_core::journal::Journal;
//! use chaos_core::prelude::*;
//! use chaos_core::seed::Seed;
//!
//! let cx = Chaos::new(Seed(1), Journal::in_memory());
//! let hits = cx.metrics().counter("cache hits");
//! let depth = cx.metrics().gauge("queue depth");
//! let lookup = cx.metrics().timing("lookup");
//! hits.increment();
//! depth.set(3.0);
//! lookup.record(250.us());
//! let seen = cx.metrics().snapshot();
//! assert_eq!(seen.counters["cache hits"], 1);
//! assert_eq!(seen.timings["lookup"].n, 1);
//! ```
//!
//! The library's own metrics have names that begin with `chaos.`; `docs/metrics.md` lists them. The
//! figures of a run by phase and by fault are in [`run`](crate::run).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

mod counter;
#[cfg(feature = "metrics")]
mod export;
mod gauge;
pub(crate) mod nanoseconds;
#[cfg(feature = "metrics")]
mod recorder;
mod snapshot;
mod source;
mod timing;
mod window;

pub use self::counter::Counter;
pub use self::gauge::Gauge;
#[cfg(feature = "metrics")]
pub use self::recorder::MetricsRecorder;
pub use self::snapshot::{GaugeSummary, MetricsSnapshot, SignalGiven, TimingSummary};
pub(crate) use self::source::Source;
pub use self::timing::Timing;
pub(crate) use self::window::{Window, WindowFigures};
use crate::event::EventKind;
use crate::journal::Journal;

/// How many signals are remembered. A test that gives more says nothing by the later ones.
pub const MOST_SIGNALS: usize = 10_000;

/// The figures of one attempt. Clones are the same figures.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    counters: RwLock<BTreeMap<String, Counter>>,
    gauges: RwLock<BTreeMap<String, Gauge>>,
    timings: RwLock<BTreeMap<String, Timing>>,
    signals: Mutex<Vec<SignalGiven>>,
    /// Who is asked when the figures are looked at.
    sources: Mutex<Vec<Weak<dyn Source>>>,
    /// How many windows were opened.
    windows: AtomicU64,
}

impl Metrics {
    /// No figures yet; what is given as a signal goes to `journal`.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        let inner = Inner {
            journal,
            counters: RwLock::default(),
            gauges: RwLock::default(),
            timings: RwLock::default(),
            signals: Mutex::default(),
            sources: Mutex::default(),
            windows: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The counter of this name, which only grows.
    #[must_use]
    pub fn counter(&self, name: &str) -> Counter {
        named(&self.inner.counters, name)
    }

    /// The gauge of this name: a number that rises and falls, of which the last, the least and the
    /// greatest value are kept.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Gauge {
        named(&self.inner.gauges, name)
    }

    /// The timing of this name: a histogram of durations.
    #[must_use]
    pub fn timing(&self, name: &str) -> Timing {
        named(&self.inner.timings, name)
    }

    /// Says that something noticed a fault just now: an alert of your own fired, a breaker opened.
    ///
    /// It is one of the two things from which the time to detect a fault is taken: see
    /// [`Impact`](crate::run::Impact). The first [`MOST_SIGNALS`] are remembered.
    pub fn signal(&self, name: &str) {
        let at = self.inner.journal.elapsed();
        {
            let mut signals = self.inner.signals.lock();
            if signals.len() == MOST_SIGNALS {
                return;
            }
            signals.push(SignalGiven { name: name.to_owned(), at });
        }
        self.inner.journal.record_at(at, EventKind::Signal { name: name.to_owned() });
    }

    /// The signals so far, in order.
    #[must_use]
    pub fn signals(&self) -> Vec<SignalGiven> {
        self.inner.signals.lock().clone()
    }

    fn next_window(&self) -> u64 {
        self.inner.windows.fetch_add(1, Ordering::Relaxed)
    }

    /// All figures as they are now.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        self.look();
        let Inner { counters, gauges, timings, .. } = &*self.inner;
        MetricsSnapshot {
            counters: each(counters, |counter| Some(counter.get())),
            // A gauge that was never set has no value, and a timing without values no quantiles.
            gauges: each(gauges, Gauge::summary),
            timings: each(timings, Timing::summary),
        }
    }

    /// Writes all figures to the journal, if there are any. The harness does so when the attempt
    /// ends.
    pub fn record(&self) {
        #[cfg(feature = "metrics")]
        self.export();
        let figures = self.snapshot();
        if !figures.is_empty() {
            self.inner.journal.record(EventKind::MetricsMeasured { figures });
        }
    }
}

fn named<T: Clone + Default>(all: &RwLock<BTreeMap<String, T>>, name: &str) -> T {
    if let Some(found) = all.read().get(name) {
        return found.clone();
    }
    all.write().entry(name.to_owned()).or_default().clone()
}

fn each<T, S>(
    all: &RwLock<BTreeMap<String, T>>,
    summary: impl Fn(&T) -> Option<S>,
) -> BTreeMap<String, S> {
    let all = all.read();
    all.iter().filter_map(|(name, it)| Some((name.clone(), summary(it)?))).collect()
}

/// Nanoseconds, as the journal writes durations; 584 years are more than it can write.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    #[test]
    fn a_name_is_the_same_figure_for_all_threads_and_kinds_do_not_mix() {
        let metrics = Metrics::new(Journal::in_memory());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 1..=1_000_u64 {
                        metrics.counter("work").increment();
                        metrics.gauge("work").add(1.0);
                        metrics.timing("work").record(number.us());
                    }
                });
            }
        });
        let seen = metrics.snapshot();
        assert_eq!(seen.counters["work"], 4_000);
        assert!((seen.gauges["work"].last - 4_000.0).abs() < 1e-9);
        let timing = &seen.timings["work"];
        assert_eq!(timing.n, 4_000);
        // Three significant digits are kept.
        let off = timing.p50.abs_diff(500.us());
        assert!(off <= 1.us(), "{timing:?}");
    }

    #[test]
    fn a_signal_is_in_the_journal_at_the_time_at_which_it_was_given() {
        let journal = Journal::in_memory();
        let metrics = Metrics::new(journal.clone());
        metrics.signal("breaker opened");
        let events = journal.events();
        assert_eq!(events[0].what, EventKind::Signal { name: "breaker opened".to_owned() });
        assert_eq!(events[0].time(), metrics.signals()[0].at);
    }

    #[test]
    fn no_figures_leave_no_line_in_the_journal() {
        let journal = Journal::in_memory();
        let metrics = Metrics::new(journal.clone());
        let _unused = (metrics.gauge("never set"), metrics.timing("never taken"));
        metrics.record();
        assert!(journal.events().is_empty());
        metrics.counter("seen").add(2);
        metrics.record();
        assert_eq!(journal.events().len(), 1);
    }
}
