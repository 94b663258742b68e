//! Clients, and what there is to ask past the link.

use std::future::Future;
use std::time::Duration;

use chaos_core::event::EventKind;
use chaos_core::link::Injection;
use chaos_core::postgres::Postgres;
use chaos_core::{Chaos, TestResult};
use tokio_postgres::{Client, NoTls};

use crate::arena::LIMIT;

/// How a client comes to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// With a stream that needs no port.
    Stream,
    /// Through the port of the link.
    Port,
}

impl Way {
    pub(crate) async fn client(self, pg: &Postgres) -> TestResult<Client> {
        if self == Self::Stream {
            return Ok(pg.connect().await?);
        }
        let (client, connection) = pg.config().connect(NoTls).await?;
        let _served = tokio::spawn(connection);
        Ok(client)
    }
}

/// Fails instead of waiting for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("it hangs")
}

/// Drives a future until a fault has acted, which is to keep it from its end.
pub(crate) async fn until_hit<F>(fault: &Injection<'_>, future: &mut F)
where
    F: Future<Output: std::fmt::Debug> + Unpin,
{
    soon(async {
        while fault.hits() == 0 {
            let step = tokio::time::timeout(Duration::from_millis(2), &mut *future).await;
            assert!(step.is_err(), "it came to its end: {step:?}");
        }
    })
    .await;
}

/// The rows of the table, seen past the link once no other session is at work.
pub(crate) async fn paid(pg: &Postgres) -> TestResult<Vec<i32>> {
    let admin = pg.admin().await?;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend'";
    soon(async {
        while admin.query_one(busy, &[]).await?.get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let rows = admin.query("SELECT id FROM paid ORDER BY id", &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// Waits until the sessions of the application are gone, and so everything they were sent is done.
pub(crate) async fn until_alone(pg: &Postgres) -> TestResult {
    let admin = pg.admin().await?;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    soon(async {
        while admin.query_one(others, &[]).await?.get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    })
    .await
}

/// The messages at which faults acted, since the beginning of the test.
pub(crate) fn met(cx: &Chaos) -> Vec<String> {
    let events = cx.scope().journal().events();
    let messages = events.into_iter().filter_map(|event| match event.what {
        EventKind::MessageHit { message, .. } => Some(message),
        _ => None,
    });
    messages.collect()
}
