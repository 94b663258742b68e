//! Whether a run failed as a whole.
//!
//! Flaky failures come in clusters: three in four of them together with a dozen others (Parry and
//! others, "Systemic Flakiness", 2025), as the machine or a service they share is at fault. When many
//! tests fail that were known to be stable, the run says nothing of each of them. Where they fail again in the
//! next runs it does: otherwise tests that one change broke together would be called stable for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::run_event::SystemicFailure;

/// So many stable tests may fail in any run.
const FEW: u64 = 5;

/// One in so many stable tests may fail in any run.
const ONE_IN: u64 = 5;

/// Counts the first attempts at tests that are known to be stable.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    stable: AtomicU64,
    failed: AtomicU64,
}

impl Suspicion {
    /// A test that was known to be stable, and of which no run was suspected lately, was attempted.
    pub(super) fn saw(&self, failed: bool) {
        self.stable.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// Set when more than five of them failed, and more than one in five.
    pub(super) fn verdict(&self) -> Option<SystemicFailure> {
        let failed = self.failed.load(Ordering::Relaxed);
        let of = self.stable.load(Ordering::Relaxed);
        (failed > FEW && failed * ONE_IN > of).then_some(SystemicFailure { failed, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(failed: u64, of: u64) -> bool {
        let suspicion = Suspicion::default();
        (0..of).for_each(|test| suspicion.saw(test < failed));
        suspicion.verdict().is_some()
    }

    #[test]
    fn a_run_is_suspected_when_many_stable_tests_fail_and_not_when_few_do() {
        assert!(!verdict(5, 5) && verdict(6, 6));
        assert!(!verdict(20, 100) && verdict(21, 100));
    }
}
