//! The library's own figures of a workload: see `docs/metrics.md`.

use std::error::Error;

use deadpool_postgres::{PoolError, TimeoutType};

use super::Operation;
use crate::metrics::{Counter, Metrics, Timing};
use crate::outcome::{Outcome, chain};

/// What the operations of a run came to, among the figures of the attempt.
pub(super) struct Counts {
    ok: Counter,
    failed: Counter,
    unknown: Counter,
    pool_timeouts: Counter,
    took: Timing,
}

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            ok: metrics.counter("chaos.operations.ok"),
            failed: metrics.counter("chaos.operations.failed"),
            unknown: metrics.counter("chaos.operations.unknown"),
            pool_timeouts: metrics.counter("chaos.operations.pool_timeouts"),
            took: metrics.timing("chaos.operations"),
        }
    }

    /// An operation ended.
    pub(super) fn count(&self, operation: &Operation) {
        match operation.outcome {
            Outcome::Ok => &self.ok,
            Outcome::Failed => &self.failed,
            Outcome::Unknown => &self.unknown,
        }
        .increment();
        self.took.record(operation.ended.saturating_sub(operation.began));
    }

    /// An operation met this error.
    pub(super) fn count_error(&self, error: &(dyn Error + 'static)) {
        let is_timeout = |cause: &(dyn Error + 'static)| {
            matches!(cause.downcast_ref(), Some(PoolError::Timeout(TimeoutType::Wait)))
        };
        if chain(error).any(is_timeout) {
            self.pool_timeouts.increment();
        }
    }
}
