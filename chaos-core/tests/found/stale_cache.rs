//! A cache whose invalidation may fail.
//!
//! The value is changed in the database, the entry of the cache is not, and the error is only logged.
//! Whoever reads afterwards gets the old value. The cache is a second database, behind a link of its
//! own that breaks.
//!
//! The right one forbids the entry before it changes the value, and gives up if it cannot: an
//! entry is believed, and made, only if it is at least as new as the cache has been told.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct StaleCache {
    cx: Chaos,
    cache_link: Postgres,
    database: Pool,
    cache: Pool,
    version: Version,
}

impl StaleCache {
    async fn cached(&self, key: i64) -> TestResult<Option<i64>> {
        let client = self.cache.get().await?;
        let select = "SELECT value FROM entry WHERE key = $1 AND version >= floor";
        Ok(client.query_opt(select, &[&key]).await?.and_then(|row| row.get(0)))
    }

    async fn remember(&self, key: i64, value: i64, version: i64) -> TestResult {
        let client = self.cache.get().await?;
        let store = "INSERT INTO entry VALUES ($1, $2, $3, 0) ON CONFLICT (key) DO UPDATE \
                     SET value = excluded.value, version = excluded.version \
                     WHERE excluded.version >= greatest(entry.floor, entry.version)";
        client.execute(store, &[&key, &value, &version]).await?;
        Ok(())
    }

    /// A cache that cannot be reached is done without.
    async fn read(&self, key: i64) -> TestResult<Option<i64>> {
        if let Ok(Some(value)) = self.cached(key).await {
            return Ok(Some(value));
        }
        let client = self.database.get().await?;
        let select = "SELECT value, version FROM item WHERE key = $1";
        let row = client.query_one(select, &[&key]).await?;
        let value = row.get(0);
        self.remember(key, value, row.get(1)).await.ok();
        Ok(Some(value))
    }

    async fn write(&self, key: i64, value: i64) -> TestResult {
        let mut client = self.database.get().await?;
        let transaction = client.transaction().await?;
        let lock = "SELECT version + 1 FROM item WHERE key = $1 FOR UPDATE";
        let version: i64 = transaction.query_one(lock, &[&key]).await?.get(0);
        if !self.version.is_wrong() {
            // Before the value changes, while nothing is lost by giving up.
            self.forbid(key, version).await.map_err(Rejected::new)?;
        }
        let update = "UPDATE item SET value = $2, version = $3 WHERE key = $1";
        transaction.execute(update, &[&key, &value, &version]).await?;
        transaction.commit().await?;
        if self.version.is_wrong() {
            self.forbid(key, version).await.ok();
        }
        Ok(())
    }

    /// Has the cache forget whatever is older than this version.
    async fn forbid(&self, key: i64, version: i64) -> TestResult {
        let client = self.cache.get().await?;
        let floor = "INSERT INTO entry VALUES ($1, NULL, 0, $2) ON CONFLICT (key) DO UPDATE \
                     SET floor = greatest(entry.floor, excluded.floor)";
        client.execute(floor, &[&key, &version]).await?;
        Ok(())
    }
}

impl Specimen for StaleCache {
    const CASE: Case = Case {
        bug: "a cache that is read after its invalidation failed",
        found_by: "workload `register` under `cut`",
        within: 20,
        says: "linearizable",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let (pg, cache_link) = (cx.postgres().await?, cx.postgres().await?);
        let (database, cache) = (pg.pool(4)?, cache_link.pool(4)?);
        let items = "CREATE TABLE item (key bigint PRIMARY KEY, value bigint, version bigint NOT NULL)";
        database.get().await?.batch_execute(items).await?;
        let entries = "CREATE TABLE entry (key bigint PRIMARY KEY, value bigint, \
                       version bigint NOT NULL, floor bigint NOT NULL)";
        cache.get().await?.batch_execute(entries).await?;
        Ok(Self { cx, cache_link, database, cache, version })
    }

    async fn run(&self) -> TestResult {
        self.cache.get().await?.batch_execute("DELETE FROM entry").await?;
        let empty = "DELETE FROM item; INSERT INTO item VALUES (1, 0, 1)";
        self.database.get().await?.batch_execute(empty).await?;
        let register = workload::register(
            async |key| self.read(key).await,
            async |key, value| self.write(key, value).await,
        );
        let work = self.cx.work(
            Schedule::new(),
            Load::clients(3).operations(5),
            register.keys(1..=1).initially(0),
        );
        let broken = cut().on(query("INSERT INTO entry").every_nth(3).over_link());
        self.cache_link.during(broken.may_be_idle(), work).await?.judge()
    }
}
