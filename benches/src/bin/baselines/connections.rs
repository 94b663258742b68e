//! Connections, checkouts and databases.

use chaos_core::prelude::*;
use tokio_postgres::NoTls;

use crate::bench::{Bench, Result};

impl Bench {
    pub(crate) async fn connections(&self, cx: &Chaos, pg: &Postgres) -> Result {
        self.time("connect", async || pg.connect().await).await?;
        let config = pg.config();
        let over_tcp = async || {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            client.simple_query("SELECT 1").await
        };
        self.time("connect over the port of the link, and query", over_tcp).await?;
        let pool = pg.pool(8)?;
        self.time("checkout", async || pool.get().await).await?;
        let filled = async || -> Result<_> {
            let pool = pg.pool(1)?;
            drop(pool.get().await?);
            Ok(pool)
        };
        self.time_with("checkout and query", filled, async |pool| -> Result {
            pool.get().await?.query_one("SELECT 1", &[]).await?;
            Ok(())
        })
        .await?;
        self.time("a pool of its own, and its first checkout", async || -> Result {
            let pool = pg.pool(1)?;
            drop(pool.get().await?);
            Ok(())
        })
        .await?;
        self.time("database of its own", async || cx.postgres().await).await
    }
}
