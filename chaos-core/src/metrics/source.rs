//! Who sets gauges when they are looked at, because nothing else would tell it in between.

use std::fmt;
use std::sync::Weak;

use super::Metrics;

/// Sets gauges to what they are at this moment.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// Sets them.
    fn look(&self);
}

impl Metrics {
    /// Has this one asked whenever the figures are looked at, for as long as it exists.
    pub(crate) fn add_source(&self, source: Weak<dyn Source>) {
        let mut sources = self.inner.sources.lock();
        sources.retain(|source| source.strong_count() > 0);
        sources.push(source);
    }

    /// Asks all sources for what is now.
    pub(super) fn look(&self) {
        // A source may have figures of its own made.
        let sources = self.inner.sources.lock().clone();
        for source in sources.iter().filter_map(Weak::upgrade) {
            source.look();
        }
    }
}
