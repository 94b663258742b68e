//! A number that rises and falls.

use std::sync::Arc;

use parking_lot::Mutex;

use super::snapshot::GaugeSummary;

/// A number that rises and falls, such as the depth of a queue. Clones are the same gauge.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    // They belong together, so atomics would not do.
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    all: Option<GaugeSummary>,
    /// What was seen in each window that is open.
    windows: Vec<(u64, Option<GaugeSummary>)>,
}

impl Gauge {
    /// Sets the value. What is not a number is taken for nothing.
    pub fn set(&self, value: f64) {
        self.change(|_| value);
    }

    /// Adds to the value, which is 0 before it is first set; a negative number takes away.
    pub fn add(&self, difference: f64) {
        self.change(|last| last + difference);
    }

    /// The last value, if it was ever set.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        self.seen.lock().all.map(|seen| seen.last)
    }

    pub(super) fn summary(&self) -> Option<GaugeSummary> {
        self.seen.lock().all
    }

    /// Notes what is seen in this window, too, beginning with the value of now.
    pub(super) fn open(&self, window: u64) {
        let mut seen = self.seen.lock();
        let now =
            seen.all.map(|GaugeSummary { last, .. }| GaugeSummary { last, min: last, max: last });
        seen.windows.push((window, now));
    }

    /// What was seen in this window.
    pub(super) fn close(&self, window: u64) -> Option<GaugeSummary> {
        let mut seen = self.seen.lock();
        match seen.windows.iter().position(|(id, _)| *id == window) {
            Some(place) => seen.windows.swap_remove(place).1,
            // It is younger than the window, so all was seen in it.
            None => seen.all,
        }
    }

    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut seen = self.seen.lock();
        let last = change(seen.all.map_or(0.0, |seen| seen.last));
        // JSON has no word for it.
        if !last.is_finite() {
            return;
        }
        let with = |seen: &mut Option<GaugeSummary>| {
            let (min, max) =
                seen.map_or((last, last), |seen| (seen.min.min(last), seen.max.max(last)));
            *seen = Some(GaugeSummary { last, min, max });
        };
        with(&mut seen.all);
        seen.windows.iter_mut().for_each(|(_, seen)| with(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_those_of_values_that_were_set() {
        let gauge = Gauge::default();
        assert_eq!(gauge.get(), None);
        gauge.set(5.0);
        gauge.add(-2.0);
        gauge.set(f64::NAN);
        assert_eq!(gauge.summary(), Some(GaugeSummary { last: 3.0, min: 3.0, max: 5.0 }));
    }
}
