//! Pools of connections through a link.

use std::time::Duration;

use deadpool_postgres::{
    ConfigConnectImpl, Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::Postgres;
use super::error::PostgresError;

/// How long a pool waits for each thing that it can wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// Opens the connections of a pool, and keeps their database and its link for as long as the pool
/// exists: a test that hands on the pool alone does not lose its database.
struct Connector {
    connect: ConfigConnectImpl<NoTls>,
    _keeps: Postgres,
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        self.connect.connect(config)
    }
}

/// A pool of at most `max_size` connections to the database.
pub(super) fn build(postgres: &Postgres, max_size: usize) -> Result<Pool, PostgresError> {
    let connector =
        Connector { connect: ConfigConnectImpl { tls: NoTls }, _keeps: postgres.clone() };
    // The pool's default, and so what most services run with. The thorough methods would also send
    // queries of their own, which faults that count messages would count.
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_connect(postgres.config(), connector, manager))
        .max_size(max_size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(LIMIT))
        .create_timeout(Some(LIMIT))
        .recycle_timeout(Some(LIMIT))
        .build()
        .map_err(|source| PostgresError::Pool { source })
}
