//! Holding the connections of a pool.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Pool, PoolError, TimeoutType, Timeouts};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::faults::for_the_library;
use super::watch::PoolWatch;
use crate::error::{Error, with_sources};
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// How often is looked who waits.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long opening one connection may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Holds all but so many connections of a pool until the fault ends.
pub(super) async fn hold(
    watch: &PoolWatch,
    runtime: Option<Handle>,
    leaving: usize,
    record: Arc<FaultRecord>,
) -> Result<Undo, Error> {
    let fault = record.spec().to_string();
    let gone =
        |problem: &str| SabotageError::NoTarget { fault: fault.clone(), problem: problem.into() };
    let pool = watch.pool().ok_or_else(|| gone("the pool was dropped"))?;
    let (begun, has_begun) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let keeping = for_the_library(keep(pool, leaving, record, begun, ended));
    // On the runtime of the application, where the connections are going to be used.
    let keeper = runtime.unwrap_or_else(Handle::current).spawn(keeping);
    let held = has_begun.await.map_err(|_| gone("the runtime of the application has ended"))?;
    held.map_err(|error| gone(&format!("no connection can be held: {}", with_sources(&error))))?;
    Ok(undo(async move {
        end.send(()).ok();
        // It ends with the runtime of the application, too.
        keeper.await.ok();
        Ok(())
    }))
}

async fn keep(
    pool: Pool,
    leaving: usize,
    record: Arc<FaultRecord>,
    begun: oneshot::Sender<Result<(), PoolError>>,
    mut ended: oneshot::Receiver<()>,
) {
    let wanted = pool.status().max_size.saturating_sub(leaving);
    let mut held: Vec<Client> = Vec::with_capacity(wanted);
    let at_once = timeouts(Some(Duration::ZERO));
    while held.len() < wanted {
        match pool.timeout_get(&at_once).await {
            Ok(client) => held.push(client),
            // The others are in use; they are taken when they come back.
            Err(PoolError::Timeout(TimeoutType::Wait)) => break,
            Err(error) => {
                begun.send(Err(error)).ok();
                return;
            }
        }
    }
    begun.send(Ok(())).ok();
    // Kept from one look to the next: whoever waits keeps the place in the queue.
    let patient = timeouts(None);
    let mut next = None;
    let mut seen = 0;
    let mut waited_before = 0;
    loop {
        if next.is_none() && held.len() < wanted {
            next = Some(Box::pin(pool.timeout_get(&patient)));
        }
        let got = async {
            match next.as_mut() {
                Some(next) => next.await,
                None => std::future::pending().await,
            }
        };
        let over = tokio::select! {
            biased;
            _ = &mut ended => true,
            got = got => {
                next = None;
                held.extend(got);
                false
            }
            () = tokio::time::sleep(INTERVAL) => false,
        };
        let waiting = pool.status().waiting.saturating_sub(usize::from(next.is_some()));
        for _ in waited_before..waiting {
            seen += 1;
            record.touch(seen, 1);
        }
        waited_before = waiting;
        if over {
            return;
        }
    }
}

fn timeouts(wait: Option<Duration>) -> Timeouts {
    Timeouts { wait, create: Some(LIMIT), recycle: Some(LIMIT) }
}
