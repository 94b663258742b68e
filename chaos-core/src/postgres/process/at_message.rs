//! Killing a server at a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Part, PostgresServer};
use crate::error::Error;
use crate::fault::{Fault, cut, stall};
use crate::link::Target;
use crate::sabotage::spawn;
use crate::scope::FaultRecord;
use crate::trigger::message::Moment;

/// How often it is looked whether the message is there. It waits meanwhile, so that it costs time
/// and nothing else.
const POLL: Duration = Duration::from_millis(1);

/// A server that is killed as soon as a message waits at its link.
pub(super) struct Trap {
    is_over: Arc<AtomicBool>,
    outcome: oneshot::Receiver<Result<bool, Error>>,
}

impl Trap {
    /// Has the link watch for the message.
    pub(super) fn set(
        server: PostgresServer,
        message: Moment,
        record: Arc<FaultRecord>,
    ) -> Result<Self, Error> {
        let hold = Fault::from(stall().may_be_idle().on(message));
        let held = server.postgres.link().activate(hold);
        let is_over = Arc::new(AtomicBool::new(false));
        let (sender, outcome) = oneshot::channel();
        let over = Arc::clone(&is_over);
        spawn(async move {
            while held.record().hits() == 0 {
                if over.load(Ordering::Relaxed) {
                    // Whoever set the trap waits for this.
                    drop(held);
                    sender.send(Ok(false)).ok();
                    return;
                }
                tokio::time::sleep(POLL).await;
            }
            let killed = server.kill(Part::Server).await;
            record.touch(0, 1);
            // What is held is lost with the server, and every connection has ended.
            let lost = server.postgres.link().activate(cut().may_be_idle().into());
            drop(held);
            drop(lost);
            sender.send(killed.map(|()| true)).ok();
        })?;
        Ok(Self { is_over, outcome })
    }

    /// Takes the trap away, and says whether the server was killed.
    pub(super) async fn spring(self) -> Result<bool, Error> {
        self.is_over.store(true, Ordering::Relaxed);
        // The other side ends with an answer, or with the process.
        self.outcome.await.unwrap_or(Ok(true))
    }
}
