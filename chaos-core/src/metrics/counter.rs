//! A number that only grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows: one atomic addition. Clones are the same counter.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    value: Arc<AtomicU64>,
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `times`. It wraps around at 2^64.
    pub fn add(&self, times: u64) {
        self.value.fetch_add(times, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Raises the count to `value`, if it is less.
    #[cfg(feature = "metrics")]
    pub(super) fn raise_to(&self, value: u64) {
        self.value.fetch_max(value, Ordering::Relaxed);
    }
}
