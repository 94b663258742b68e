//! What a test asks for, fitted to the machine: see [`crate::sizing`].

use std::fmt::Display as Shown;
use std::time::Duration;

use super::Chaos;
use crate::contention::Contention;
use crate::duration::Display;
use crate::load::Load;
use crate::probability::Probability;
use crate::sizing::Sizing;

impl Chaos {
    /// The same context with this sizing of loads, times and pools. The harness sizes them by the machine
    /// and the configuration; without it a test gets exactly what it asks for.
    #[must_use]
    pub fn with_sizing(mut self, sizing: Sizing) -> Self {
        self.sizing = sizing;
        self
    }

    /// The sizing of loads, times and pools.
    #[must_use]
    pub fn sizing(&self) -> Sizing {
        self.sizing
    }

    /// The load on this machine that corresponds to `clients` on the reference machine, with 4 cores and
    /// 8 GiB; at least one client. If it differs from `clients`, the report has a note.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn transfer() -> Result<(), tokio_postgres::Error> { Ok(()) }
    /// # async fn test(cx: Chaos) -> TestResult {
    /// # let plan = Schedule::new();
    /// let load = cx.load(100).think_time(5.ms());
    /// let run = cx.run(plan, load, async |_| transfer().await).await?;
    /// run.recovers_within(cx.timeout(5.secs()))?;
    /// # Ok(()) }
    /// ```
    pub fn load(&self, clients: u32) -> Load {
        let given = self.sizing.clients(clients);
        self.note_difference("clients", &clients, &given);
        Load::clients(given)
    }

    /// The time on this machine that corresponds to `timeout` on the reference machine: longer on a small
    /// or busy machine, and shorter only if that is configured.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Duration {
        let given = self.sizing.timeout(timeout);
        self.note_difference("timeout", &Display(timeout), &Display(given));
        given
    }

    /// The pool size on this machine that corresponds to `size` on the reference machine; at least one.
    #[must_use]
    pub fn pool_size(&self, size: u32) -> usize {
        let given = self.sizing.pool_size(size);
        self.note_difference("connections of a pool", &size, &given);
        given as usize
    }

    /// A load that is raised until this share of the operations meets the contention that the test is
    /// about: see [`contention`](crate::contention).
    pub fn contention(&self, wanted: Probability) -> Contention<'_> {
        Contention::new(self, wanted)
    }

    fn note_difference(&self, what: &str, asked: &impl Shown, given: &impl Shown) {
        let (asked, given) = (asked.to_string(), given.to_string());
        if asked != given {
            self.note(format!("{what}: {given} in place of {asked}, to suit this machine"));
        }
    }
}
