//! Pools of connections through a link.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};

use super::Postgres;
use super::error::PostgresError;

/// How long a pool waits for each thing that it can wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// A pool of at most `max_size` connections to the database.
pub(super) fn build(postgres: &Postgres, max_size: usize) -> Result<Pool, PostgresError> {
    // The pool's default, and so what most services run with. The thorough methods would also send
    // queries of their own, which faults that count messages would count.
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_connect(postgres.config(), postgres.connector(), manager))
        .max_size(max_size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(LIMIT))
        .create_timeout(Some(LIMIT))
        .recycle_timeout(Some(LIMIT))
        .build()
        .map_err(|source| PostgresError::Pool { source })
}
