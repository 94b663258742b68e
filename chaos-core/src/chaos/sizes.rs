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
    /// The same context, in which loads, times and pools are fitted like this. The harness fits them
    /// to the machine and to what is configured; without it a test gets exactly what it asks for.
    #[must_use]
    pub fn with_sizing(mut self, sizing: Sizing) -> Self {
        self.sizing = sizing;
        self
    }

    /// How loads, times and pools are fitted.
    #[must_use]
    pub fn sizing(&self) -> Sizing {
        self.sizing
    }

    /// As many clients as stand here for `clients` on the reference machine, of 4 cores and 8 GiB: at
    /// least one. A load that differs from what was asked for is a note in the report.
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

    /// How long what takes `timeout` on the reference machine may take here: longer on a small or busy
    /// machine, never shorter unless somebody configured that.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Duration {
        let given = self.sizing.timeout(timeout);
        self.note_difference("timeout", &Display(timeout), &Display(given));
        given
    }

    /// How many connections a pool has here that has `size` of them on the reference machine: at least
    /// one.
    #[must_use]
    pub fn pool_size(&self, size: u32) -> usize {
        let given = self.sizing.pool_size(size);
        self.note_difference("connections of a pool", &size, &given);
        given as usize
    }

    /// A load that is raised until `wanted` of the operations meet the contention that the test is
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
