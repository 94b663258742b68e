//! How many clients work, and how hard.

use std::time::Duration;

use crate::delay::{Delay, IntoDelay};
use crate::probability::Probability;

/// The load of a run. A plain number of clients is a load too, with defaults for everything else.
#[derive(Debug, Clone)]
#[must_use = "a load does nothing until it is run: `cx.run(schedule, load, ..)`"]
pub struct Load {
    pub(crate) clients: u32,
    pub(crate) operations: Option<u64>,
    pub(crate) jitter: Option<Delay>,
    pub(crate) think_time: Duration,
    pub(crate) pause_after_failure: Duration,
    pub(crate) settle: Duration,
    pub(crate) steady_state: Probability,
    pub(crate) resolves_commits: bool,
}

impl Load {
    /// This many clients, each of which begins its next operation when the last one is over.
    ///
    /// They all begin their first operation at once: none has its answer before all have sent their
    /// request. There may be thousands, because clients are not threads: they take turns on the
    /// test's own task, wherever one of them waits.
    pub const fn clients(clients: u32) -> Self {
        Self {
            clients,
            operations: None,
            jitter: None,
            think_time: Duration::ZERO,
            pause_after_failure: Duration::from_millis(10),
            settle: Duration::from_secs(10),
            steady_state: Probability::ALWAYS,
            resolves_commits: true,
        }
    }

    /// Each client makes this many operations and stops. Default: operations begin until the schedule
    /// is over.
    ///
    /// The schedule may then be empty, for a run without faults. If it has steps, the run ends when both
    /// the schedule and the operations have ended.
    pub const fn operations(mut self, operations: u64) -> Self {
        self.operations = Some(operations);
        self
    }

    /// A client waits before each operation, for a time drawn from the seed of the attempt: a
    /// `Duration`, a range of them or a [`Delay`]. Default: not at all.
    ///
    /// This spreads the requests, so that clients overlap in more ways than by all asking at once.
    ///
    /// # Panics
    ///
    /// When the range is empty.
    #[track_caller]
    pub fn jitter(mut self, delay: impl IntoDelay) -> Self {
        self.jitter = Some(delay.into_delay());
        self
    }

    /// How long a client waits after each operation. Default: not at all.
    pub const fn think_time(mut self, think_time: Duration) -> Self {
        self.think_time = think_time;
        self
    }

    /// Keeps the outcomes that the answers say, even if a commit was lost that the server knows of, and
    /// holds back no `COMMIT` to ask for its transaction: see [`commit`](crate::commit). For workloads
    /// whose latencies count.
    pub const fn without_resolution(mut self) -> Self {
        self.resolves_commits = false;
        self
    }

    /// How long a client waits after an operation that did not succeed, so that a refused
    /// connection does not make it spin. Default: 10 ms.
    pub const fn pause_after_failure(mut self, pause: Duration) -> Self {
        self.pause_after_failure = pause;
        self
    }

    /// How long operations that are still running when the schedule is over may take to end; after
    /// that they are dropped, and their outcome is unknown. With a [number of
    /// operations](Self::operations), it is how long the run goes on after the schedule while no
    /// operation ends. It is also how much longer than planned the calm before the first fault may
    /// last until a first operation has ended. Default: 10 s.
    pub const fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Which share of the operations has to succeed before the first fault; otherwise the run
    /// ends there, because a fault in a system that is not steady proves nothing. Default: all.
    pub const fn steady_state(mut self, share: Probability) -> Self {
        self.steady_state = share;
        self
    }
}

impl From<u32> for Load {
    fn from(clients: u32) -> Self {
        Self::clients(clients)
    }
}
