//! What the figures of an attempt were in a part of it, such as a phase of a run.

use std::collections::BTreeMap;

use super::{GaugeSummary, Metrics};

/// A part of an attempt that has begun, and whose figures are wanted at its end.
#[derive(Debug)]
pub(crate) struct Window {
    pub(super) id: u64,
    pub(super) counters: BTreeMap<String, u64>,
    /// What was seen in gauges, once they are no longer looked at.
    gauges: Option<BTreeMap<String, GaugeSummary>>,
}

/// What the figures were in a part of an attempt.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WindowFigures {
    /// By how much counters grew; those that did not are left out.
    pub(crate) counters: BTreeMap<String, u64>,
    /// The values that gauges had.
    pub(crate) gauges: BTreeMap<String, GaugeSummary>,
}

impl Metrics {
    /// Begins a part of the attempt. Every window is to be [closed](Self::close).
    pub(crate) fn open_window(&self) -> Window {
        let id = self.next_window();
        for gauge in self.inner.gauges.read().values() {
            gauge.open(id);
        }
        let counters = self.inner.counters.read();
        let counters = counters.iter().map(|(name, counter)| (name.clone(), counter.get()));
        Window { id, counters: counters.collect(), gauges: None }
    }

    /// Looks at gauges no longer in this part, while counters still count for it: what gauges show from
    /// now on is of the part that follows.
    pub(crate) fn settle_gauges(&self, window: &mut Window) {
        window.gauges = Some(self.seen(window.id));
    }

    fn seen(&self, window: u64) -> BTreeMap<String, GaugeSummary> {
        self.look();
        let gauges = self.inner.gauges.read();
        gauges.iter().filter_map(|(name, it)| Some((name.clone(), it.close(window)?))).collect()
    }

    /// Ends a part of the attempt, and says what the figures were in it.
    pub(crate) fn close(&self, window: Window) -> WindowFigures {
        let gauges = window.gauges.unwrap_or_else(|| self.seen(window.id));
        let before = |name: &String| window.counters.get(name).copied().unwrap_or(0);
        let counters = self.inner.counters.read();
        let counters = counters
            .iter()
            .map(|(name, counter)| (name.clone(), counter.get().wrapping_sub(before(name))))
            .filter(|(_, grown)| *grown > 0)
            .collect();
        WindowFigures { counters, gauges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;

    fn summary(min: f64, max: f64, last: f64) -> GaugeSummary {
        GaugeSummary { last, min, max }
    }

    #[test]
    fn what_gauges_show_after_they_are_settled_is_of_the_next_part_and_counters_go_on() {
        let metrics = Metrics::new(Journal::in_memory());
        let (active, seen) = (metrics.gauge("active"), metrics.counter("seen"));
        active.set(0.0);
        let mut calm = metrics.open_window();
        metrics.settle_gauges(&mut calm);
        active.set(1.0);
        metrics.gauge("young").set(1.0);
        seen.increment();
        let calm = metrics.close(calm);
        assert_eq!(calm.gauges, BTreeMap::from([("active".to_owned(), summary(0.0, 0.0, 0.0))]));
        assert_eq!(calm.counters["seen"], 1);
    }

    #[test]
    fn a_part_has_the_values_that_gauges_had_in_it_and_what_counters_grew_by() {
        let metrics = Metrics::new(Journal::in_memory());
        let depth = metrics.gauge("depth");
        let (seen, idle) = (metrics.counter("seen"), metrics.counter("idle"));
        let _never_set = metrics.gauge("never set");
        idle.add(9);
        seen.add(3);
        depth.set(100.0);
        depth.set(5.0);
        let first = metrics.open_window();
        depth.set(7.0);
        let inner = metrics.open_window();
        depth.set(2.0);
        seen.add(4);
        metrics.gauge("late").set(1.0);
        let inner = metrics.close(inner);
        depth.set(50.0);
        let first = metrics.close(first);
        assert_eq!(first.gauges["depth"], summary(2.0, 50.0, 50.0), "100 was before it");
        assert_eq!(inner.gauges["depth"], summary(2.0, 7.0, 2.0), "50 came after it");
        assert_eq!(inner.gauges["late"], summary(1.0, 1.0, 1.0));
        assert!(!first.gauges.contains_key("never set"));
        assert_eq!(first.counters, BTreeMap::from([("seen".to_owned(), 4)]));
        let quiet = metrics.open_window();
        let quiet = metrics.close(quiet);
        assert_eq!(quiet.gauges["depth"], summary(50.0, 50.0, 50.0), "it stays what it was");
        assert_eq!(metrics.snapshot().gauges["depth"], summary(2.0, 100.0, 50.0));
    }
}
