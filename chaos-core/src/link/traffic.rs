//! How many bytes the connections of a link moved.

use std::sync::atomic::{AtomicU64, Ordering};

use super::finale::Finale;
#[cfg(feature = "toxiproxy")]
use crate::direction::Direction;

/// What all connections moved that have ended.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    upstream: Way,
    downstream: Way,
}

#[derive(Debug, Default)]
struct Way {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// Counts what a connection moved that ended.
    pub(super) fn count(&self, finale: &Finale) {
        self.upstream.count(finale.upstream_received, finale.upstream_bytes);
        self.downstream.count(finale.downstream_received, finale.downstream_bytes);
    }

    /// How many bytes were read from the sender in this direction, and how many were delivered.
    #[cfg(feature = "toxiproxy")]
    pub(crate) fn totals(&self, direction: Direction) -> (u64, u64) {
        let way = direction.pick(&self.upstream, &self.downstream);
        (way.received.load(Ordering::Relaxed), way.sent.load(Ordering::Relaxed))
    }
}

impl Way {
    fn count(&self, received: u64, sent: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }
}
