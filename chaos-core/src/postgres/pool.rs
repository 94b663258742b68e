//! Pools of connections through a link.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};

use self::faults::{before_handing_out, before_recycling};
use self::figures::PoolFigures;
use self::watch::PoolWatch;

use super::Postgres;
use super::connector::PostgresConnector;
use super::error::PostgresError;
use crate::link::Target;
use crate::metrics::Source;

mod chaos;
mod client;
mod exhaustion;
mod faults;
mod figures;
mod open;
mod waits;
pub(super) mod watch;

pub use self::chaos::{ChaosPool, HeldConnection};
pub use self::client::PooledClient;
pub(crate) use self::open::{OpenPool, SessionState};
pub use self::waits::WaitReport;

/// How long a pool waits for each thing that it can wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// A pool of at most `max_size` connections to the database.
pub(super) fn build(
    postgres: &Postgres,
    max_size: usize,
) -> Result<(Pool, Arc<PoolWatch>), PostgresError> {
    let limit = postgres.database.endpoint().max_connections.unwrap_or(usize::MAX);
    if max_size > limit {
        return Err(PostgresError::PoolTooLarge { wanted: max_size, limit });
    }
    let metrics = postgres.scope().metrics();
    let number = postgres.watch.next_pool();
    let figures = PoolFigures::new(metrics, postgres.link().name(), number);
    let watch = PoolWatch::new(postgres.database(), number, figures);
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
        .pre_recycle(before_recycling(&watch))
        .post_create(before_handing_out(&watch))
        .post_recycle(before_handing_out(&watch))
        .build()
        .map_err(|source| PostgresError::Pool { source })?;
    watch.set_pool(&pool);
    let source: Arc<dyn Source> = watch.clone();
    metrics.add_source(Arc::downgrade(&source));
    postgres.watch.add_pool(Arc::clone(&watch));
    Ok((pool, watch))
}
