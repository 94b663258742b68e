//! What callers of a pool wait for, and whether in turn.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::duration::{Display, rounded};
use crate::stats::quantile;
use crate::units::PercentUnits;

/// What the callers of a pool have waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitReport {
    /// How many were handed a connection.
    pub served: u64,
    /// How many waited for longer than the pool allows.
    pub timed_out: u64,
    /// How many met another error: a connection that could not be opened, a pool that was closed.
    pub failed: u64,
    /// How many were given up by whoever waited.
    pub abandoned: u64,
    /// How many are in the queue at this moment.
    pub waiting: u64,
    /// What half of those who were served waited at the most, opening a connection included.
    pub p50: Duration,
    /// What 99 % of them waited at the most.
    pub p99: Duration,
    /// What the one waited who waited longest.
    pub max: Duration,
    /// How many callers were still in the queue when one left it who had come later. Tasks that
    /// leave it at the same moment, on several threads, may see this of each other.
    pub overtaken: u64,
    /// The most that a single caller was overtaken.
    pub most_overtaken: u64,
    /// How many callers were overtaken by more others than the pool has connections, which no
    /// coincidence explains.
    pub starved: u64,
}

impl fmt::Display for WaitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, timed_out, failed, abandoned, waiting, starved, .. } = self;
        let [p50, p99, max] = [self.p50, self.p99, self.max].map(|time| Display(rounded(time)));
        write!(
            f,
            "{served} served (p50 {p50}, p99 {p99}, max {max}), {timed_out} timed out, {failed} \
             failed, {abandoned} abandoned, {waiting} waiting, {starved} starved"
        )
    }
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// How often each of those who wait was overtaken.
    waiting: BTreeMap<u64, u64>,
    served: Vec<Duration>,
    report: WaitReport,
}

tokio::task_local! {
    /// The caller that is running.
    static CALLER: Caller;
}

/// Notes that whoever is running does not wait in the queue of its pool any more: a connection is
/// opened or made ready for it.
pub(super) fn admitted() {
    CALLER.try_with(Caller::admitted).ok();
}

#[derive(Debug, Clone)]
struct Caller {
    waits: Arc<Waits>,
    ticket: u64,
    /// How many connections the pool has.
    size: u64,
}

impl Caller {
    /// Notes that it is out of the queue. Only the first call counts.
    fn admitted(&self) {
        let mut inner = self.waits.inner.lock();
        let Inner { waiting, report, .. } = &mut *inner;
        if waiting.remove(&self.ticket).is_none() {
            return;
        }
        for times in waiting.range_mut(..self.ticket).map(|(_, times)| times) {
            *times += 1;
            report.overtaken += u64::from(*times == 1);
            report.starved += u64::from(*times == self.size + 1);
            report.most_overtaken = report.most_overtaken.max(*times);
        }
    }
}

/// A caller that waits.
#[derive(Debug)]
pub(super) struct Wait {
    caller: Caller,
    since: Instant,
    is_over: bool,
}

impl Waits {
    /// Notes a caller that waits from now on for one of `size` connections.
    pub(super) fn begin(self: &Arc<Self>, size: usize) -> Wait {
        let mut inner = self.inner.lock();
        let ticket = inner.next;
        inner.next += 1;
        inner.waiting.insert(ticket, 0);
        let caller = Caller { waits: Arc::clone(self), ticket, size: size as u64 };
        Wait { caller, since: Instant::now(), is_over: false }
    }

    pub(super) fn report(&self) -> WaitReport {
        let inner = self.inner.lock();
        let mut times = inner.served.clone();
        times.sort_unstable();
        let at = |share| quantile(&times, share).unwrap_or_default();
        WaitReport {
            served: times.len() as u64,
            waiting: inner.waiting.len() as u64,
            p50: at(50.percent()),
            p99: at(99.percent()),
            max: times.last().copied().unwrap_or_default(),
            ..inner.report
        }
    }
}

impl Wait {
    /// Waits for what the pool has to give.
    pub(super) async fn for_a<F: Future>(&self, connection: F) -> F::Output {
        CALLER.scope(self.caller.clone(), connection).await
    }

    /// Notes that the caller has a connection, and says how long it waited for that.
    pub(super) fn served(mut self) -> Duration {
        self.is_over = true;
        self.caller.admitted();
        let waited = self.since.elapsed();
        self.caller.waits.inner.lock().served.push(waited);
        waited
    }

    /// Notes that the caller met an error.
    pub(super) fn failed(mut self, timed_out: bool) {
        self.is_over = true;
        let mut inner = self.caller.waits.inner.lock();
        inner.waiting.remove(&self.caller.ticket);
        match timed_out {
            true => inner.report.timed_out += 1,
            false => inner.report.failed += 1,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.is_over {
            let mut inner = self.caller.waits.inner.lock();
            inner.waiting.remove(&self.caller.ticket);
            inner.report.abandoned += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_are_served_in_turn_are_not_overtaken() {
        let waits = Arc::<Waits>::default();
        let callers: Vec<_> = (0..100).map(|_| waits.begin(2)).collect();
        assert_eq!(waits.report().waiting, 100);
        for caller in callers {
            caller.served();
        }
        let report = waits.report();
        assert_eq!((report.served, report.waiting, report.overtaken), (100, 0, 0));
        assert!(report.p50 <= report.p99 && report.p99 <= report.max);
    }

    #[test]
    fn a_caller_that_is_passed_over_has_starved() {
        let waits = Arc::<Waits>::default();
        let unlucky = waits.begin(2);
        for _ in 0..3 {
            waits.begin(2).served();
        }
        let report = waits.report();
        assert_eq!((report.overtaken, report.most_overtaken, report.starved), (1, 3, 1));
        unlucky.failed(true);
        waits.begin(2).failed(false);
        drop(waits.begin(2));
        let report = waits.report();
        assert_eq!((report.timed_out, report.failed, report.abandoned), (1, 1, 1));
        assert_eq!(report.waiting, 0);
    }
}
