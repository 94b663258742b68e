//! The figures of a pool, among those of the attempt: see `docs/metrics.md`.
//!
//! They are taken where the pool lets others in, whenever a connection is handed out; nobody asks it
//! in between. What callers waited is known of those of a [`ChaosPool`](super::ChaosPool) only: an
//! ordinary pool does not say when somebody begins to wait.

use std::time::Duration;

use deadpool_postgres::Status;

use crate::metrics::{Counter, Gauge, Metrics, Timing};

#[derive(Debug)]
pub(super) struct PoolFigures {
    in_use: Gauge,
    idle: Gauge,
    waiting: Gauge,
    checkouts: Counter,
    opened: Counter,
    wait: Timing,
    timeouts: Counter,
}

impl PoolFigures {
    /// The figures of the pool of this number, from 1, to the database behind this link.
    pub(super) fn new(metrics: &Metrics, link: &str, number: usize) -> Self {
        let pool = match number {
            0 | 1 => format!("chaos.{link}.pool"),
            number => format!("chaos.{link}.pool-{number}"),
        };
        Self {
            in_use: metrics.gauge(&format!("{pool}.in_use")),
            idle: metrics.gauge(&format!("{pool}.idle")),
            waiting: metrics.gauge(&format!("{pool}.waiting")),
            checkouts: metrics.counter(&format!("{pool}.checkouts")),
            opened: metrics.counter(&format!("{pool}.opened")),
            wait: metrics.timing(&format!("{pool}.wait")),
            timeouts: metrics.counter(&format!("{pool}.timeouts")),
        }
    }

    /// A connection was opened.
    pub(super) fn opened(&self) {
        self.opened.increment();
    }

    /// A connection is being handed out, while the pool is in this state.
    pub(super) fn handed_out(&self, status: Status) {
        self.checkouts.increment();
        self.saw(status);
    }

    /// The pool is in this state.
    pub(super) fn saw(&self, status: Status) {
        let [in_use, idle, waiting] = shares(status);
        self.in_use.set(in_use);
        self.idle.set(idle);
        self.waiting.set(waiting);
    }

    /// A caller was handed a connection after this time.
    pub(super) fn waited(&self, time: Duration) {
        self.wait.record(time);
    }

    /// A caller waited for longer than the pool allows.
    pub(super) fn timed_out(&self) {
        self.timeouts.increment();
    }
}

/// How many connections are in use, how many are idle, and how many callers wait. One that is being
/// opened is in use: it is opened for somebody.
#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn shares(status: Status) -> [f64; 3] {
    // The pool counts as waiting whoever has no connection yet, also those that one is opened for.
    let users = status.size.saturating_sub(status.available) + status.waiting;
    let in_use = users.min(status.max_size);
    let idle = status.size.saturating_sub(in_use);
    [in_use, idle, users - in_use].map(|number| number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_being_opened_is_in_use_and_nobody_waits_for_it() {
        let of = |size, available, waiting| {
            shares(Status { max_size: 4, size, available, waiting }).map(|it| it.to_string())
        };
        assert_eq!(of(0, 0, 1), ["1", "0", "0"], "the first one is being opened");
        assert_eq!(of(3, 1, 0), ["2", "1", "0"]);
        assert_eq!(of(4, 0, 3), ["4", "0", "3"]);
        assert_eq!(of(2, 0, 5), ["4", "0", "3"], "two are being opened, three wait");
    }
}
