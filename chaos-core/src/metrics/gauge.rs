//! A number that rises and falls.

use std::sync::Arc;

use parking_lot::Mutex;

use super::snapshot::GaugeSummary;

/// A number that rises and falls, such as the depth of a queue. Clones are the same gauge.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    // The three belong together, so three atomics would not do.
    seen: Arc<Mutex<Option<GaugeSummary>>>,
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
        self.seen.lock().map(|seen| seen.last)
    }

    pub(super) fn summary(&self) -> Option<GaugeSummary> {
        *self.seen.lock()
    }

    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut seen = self.seen.lock();
        let last = change(seen.map_or(0.0, |seen| seen.last));
        // JSON has no word for it.
        if !last.is_finite() {
            return;
        }
        let (min, max) = seen.map_or((last, last), |seen| (seen.min.min(last), seen.max.max(last)));
        *seen = Some(GaugeSummary { last, min, max });
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
