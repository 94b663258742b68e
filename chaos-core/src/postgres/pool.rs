//! Pools of connections through a link.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};

use self::watch::PoolWatch;

use super::Postgres;
use super::connector::PostgresConnector;
use super::error::PostgresError;

pub(super) mod watch;

/// How long a pool waits for each thing that it can wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// A pool of at most `max_size` connections to the database.
pub(super) fn build(
    postgres: &Postgres,
    max_size: usize,
) -> Result<(Pool, Arc<PoolWatch>), PostgresError> {
    let watch = PoolWatch::new(postgres.database());
    // The pool's default, and so what most services run with. The thorough methods would also send
    // queries of their own, which faults that count messages would count.
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let connector = PostgresConnector::of_pool(postgres, &watch);
    let manager = Manager::from_connect(postgres.config(), connector, config);
    let pool = Pool::builder(manager)
        .max_size(max_size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(LIMIT))
        .create_timeout(Some(LIMIT))
        .recycle_timeout(Some(LIMIT))
        .post_create(handing_out(&watch))
        .post_recycle(handing_out(&watch))
        .build()
        .map_err(|source| PostgresError::Pool { source })?;
    watch.set_pool(&pool);
    postgres.watch.add_pool(Arc::clone(&watch));
    Ok((pool, watch))
}

/// What is done with every connection before it is handed out.
fn handing_out(watch: &Arc<PoolWatch>) -> Hook {
    let watch = Arc::clone(watch);
    Hook::sync_fn(move |client, _| {
        if let Some(session) = watch.session_of(client) {
            session.hand_out();
        }
        Ok(())
    })
}
