//! Looking for what a test leaves behind.

use std::io;

use super::Chaos;
use crate::leftover::Leftovers;

impl Chaos {
    /// What the test leaves behind in its databases at this moment: connections that were not
    /// returned to their pools, open transactions, advisory locks, prepared transactions.
    ///
    /// The harness checks this when the test has returned. What disappears by itself within one second
    /// does not count; the check takes at most 4 s. Connections that the caller still holds count too.
    pub async fn leftovers(&self) -> Leftovers {
        self.scope().end_checks().look().await
    }

    /// Turns off the check at the end of the test for what it leaves behind, in all its databases.
    ///
    /// [`Postgres::allow`](crate::postgres::Postgres::allow) turns off a part of it.
    pub fn without_session_check(&self) {
        self.scope().end_checks().turn_off();
    }

    /// For harnesses, before the test runs: keeps its databases and their links until
    /// [`leftovers_at_the_end`](Self::leftovers_at_the_end), so that they can be checked after the test
    /// has dropped them.
    ///
    /// Four databases that the test has dropped are kept. Older ones are checked when the next one is
    /// opened.
    pub fn keep_databases_to_the_end(&self) {
        self.scope().end_checks().keep();
    }

    /// For harnesses: the [`leftovers`](Self::leftovers) after the test has returned and its values were
    /// dropped, while its runtime still exists. Then the databases are dropped.
    ///
    /// It runs on a thread with a runtime of its own, so that a test which blocks its runtime does not
    /// block it.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn leftovers_at_the_end(&self) -> io::Result<Leftovers> {
        let cx = self.clone();
        let thread = std::thread::Builder::new().name("chaos-end".to_owned());
        let looking = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(cx.scope().end_checks().finish()))
        })?;
        looking.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    }
}
