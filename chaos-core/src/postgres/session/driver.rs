//! Driving the connection of a pool, to its end.
//!
//! A pool aborts the task of a connection that it closes. Whatever the driver still had in its queue
//! is lost then, such as the `ROLLBACK` of a transaction that was just dropped, and a transaction
//! that was rolled back could not be told from one that was left open. So a connection that is
//! surely idle is closed at once, and any other one gets a moment to say what it has to say.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

use super::Session;

/// How long a connection that is not surely idle is driven on after its pool has closed it.
const MOMENT: Duration = Duration::from_millis(100);

/// Drives a connection on a task of its own. Whoever aborts the returned task ends the connection.
pub(in crate::postgres) fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    session: Arc<Session>,
) -> JoinHandle<()> {
    let end = End(Arc::clone(&session));
    let driving = tokio::spawn(async move {
        // Whoever uses the client sees the same error there.
        connection.await.ok();
        drop(end);
    });
    let farewell = Farewell { session, driving: driving.abort_handle() };
    tokio::spawn(async move {
        driving.await.ok();
        drop(farewell);
    })
}

/// Notes the end of a connection, also when its task is aborted.
struct End(Arc<Session>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Ends a connection when the pool has aborted what it takes for its task.
struct Farewell {
    session: Arc<Session>,
    driving: AbortHandle,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let runtime = Handle::try_current();
        match runtime.ok().filter(|_| !self.session.is_quiet() && !self.session.is_closed()) {
            None => self.driving.abort(),
            Some(runtime) => {
                let driving = self.driving.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(MOMENT).await;
                    driving.abort();
                });
            }
        }
    }
}
