//! Which operation of a workload is running, for those who see what it does to a connection.
//!
//! An operation is named on the task that polls it. What it spawns runs on a task of its own, and
//! belongs to nobody: better no owner than a wrong one.

use std::future::Future;

/// One operation of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OperationId {
    /// Which run of the attempt, counted from 0.
    pub(crate) run: u64,
    pub(crate) client: u32,
    /// Which operation of this client, counted from 0.
    pub(crate) ordinal: u64,
}

tokio::task_local! {
    static RUNNING: OperationId;
}

/// Runs a future as this operation.
pub(crate) async fn within<F: Future>(id: OperationId, future: F) -> F::Output {
    RUNNING.scope(id, future).await
}

/// The operation that is being polled, if one is.
pub(crate) fn running() -> Option<OperationId> {
    RUNNING.try_get().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_an_operation_spawns_belongs_to_nobody() {
        let id = OperationId { run: 0, client: 3, ordinal: 7 };
        let (own, spawned) =
            within(id, async { (running(), tokio::spawn(async { running() }).await.unwrap()) })
                .await;
        assert_eq!((own, spawned, running()), (Some(id), None, None));
    }
}
