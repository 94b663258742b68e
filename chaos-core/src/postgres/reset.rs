//! Emptying the tables of a database, between the iterations of a test.
//!
//! A database of one's own costs some hundredths of a second, and so does a copy; a few `DELETE`s cost
//! next to nothing. A [`Reset`] knows the tables of a database once it was planned, and empties them
//! in one round trip.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, SimpleQueryMessage};

use super::Postgres;
use super::error::PostgresError;
use crate::error::Error;

mod catalog;

use self::catalog::Catalog;

/// How long to wait for whoever has a table locked.
const LOCK_TIMEOUT: &str = "5s";

/// Tables that are larger in all, in bytes, are truncated.
const LARGE: i64 = 8 << 20;

/// How tables are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResetMethod {
    /// By `DELETE`, unless the tables hold more than 8 MiB in all when it is done.
    #[default]
    Automatic,
    /// By `DELETE`: the quickest for few rows. What was deleted takes up its place until it is
    /// vacuumed.
    Delete,
    /// By one `TRUNCATE`, which takes the same time for any number of rows, and locks every table
    /// against readers, too.
    Truncate,
}

/// Empties the tables of a database. Built by [`Postgres::plan_reset`].
#[derive(Debug, Clone)]
pub struct Reset {
    postgres: Postgres,
    delete: Option<String>,
    truncate: String,
    method: ResetMethod,
    tables: Vec<String>,
    size: String,
}

impl Postgres {
    /// Empties every table of the database and starts its sequences anew, as the superuser, past the
    /// link.
    ///
    /// Who does it again and again plans it once: see [`plan_reset`](Self::plan_reset).
    ///
    /// # Errors
    ///
    /// Those of [`plan_reset`](Self::plan_reset) and of [`Reset::run`].
    pub async fn reset(&self) -> Result<(), Error> {
        self.plan_reset(&[]).await?.run().await
    }

    /// Reads which tables there are, so that all of them but those to `keep` can be emptied at once.
    ///
    /// Tables are named as they are written in SQL: `countries` or `public.countries`. A partitioned
    /// table is kept with its partitions. Kept tables keep the sequences that belong to their columns.
    /// Tables that an extension owns are kept too, as are materialized views.
    /// When the schema has changed it has to be planned anew.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn example(pg: Postgres) -> TestResult {
    /// let reset = pg.plan_reset(&["schema_migrations"]).await?;
    /// for round in 0..100 {
    ///     reset.run().await?;
    ///     // Every round finds the tables empty.
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a table to keep does not exist, or refers to one that would be emptied.
    pub async fn plan_reset(&self, keep: &[&str]) -> Result<Reset, Error> {
        let admin = self.admin().await?;
        self.plan_reset_on(&admin, keep).await
    }

    /// Reads which tables there are, as [`plan_reset`](Self::plan_reset) does, on a connection with
    /// whose powers they are going to be emptied: [`Reset::run_on`] takes any connection of the same
    /// user.
    ///
    /// Only a superuser can turn off triggers and foreign keys. For anyone else tables are emptied in
    /// an order that their foreign keys allow, or truncated where there is none.
    ///
    /// # Errors
    ///
    /// As for [`plan_reset`](Self::plan_reset).
    pub async fn plan_reset_on(&self, client: &Client, keep: &[&str]) -> Result<Reset, Error> {
        let catalog = Catalog::read(client, keep).await?;
        catalog.check()?;
        Ok(Reset {
            postgres: self.clone(),
            delete: catalog.deletes(),
            truncate: catalog.truncate(),
            method: ResetMethod::default(),
            tables: catalog.emptied().map(|table| table.name.clone()).collect(),
            size: catalog.size(),
        })
    }
}

impl Reset {
    /// Empties tables in this way.
    #[must_use]
    pub fn method(mut self, method: ResetMethod) -> Self {
        self.method = method;
        self
    }

    /// The tables that are emptied, as they are written in SQL.
    #[must_use]
    pub fn tables(&self) -> &[String] {
        &self.tables
    }

    /// Empties the tables, on a connection of its own.
    ///
    /// # Errors
    ///
    /// As for [`run_on`](Self::run_on), or when the connection cannot be opened.
    pub async fn run(&self) -> Result<(), Error> {
        let admin = self.postgres.admin().await?;
        self.run_on(&admin).await
    }

    /// Empties the tables on a connection of the user as whom it was planned, such as one from
    /// [`Postgres::admin`]: opening one is most of the cost of [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// When somebody has a table locked for 5 s, of whom the error tells; when the server refuses
    /// something.
    pub async fn run_on(&self, admin: &Client) -> Result<(), Error> {
        if self.tables.is_empty() {
            return Ok(());
        }
        match self.empty(admin).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // The connection stays usable, whoever it belongs to.
                admin.batch_execute("ROLLBACK").await.ok();
                Err(self.explained(admin, error).await.into())
            }
        }
    }

    async fn empty(&self, admin: &Client) -> Result<(), tokio_postgres::Error> {
        let delete = match (self.method, &self.delete) {
            (ResetMethod::Truncate, _) | (_, None) => None,
            (ResetMethod::Delete, Some(delete)) => Some(delete),
            (_, Some(delete)) => (self.measured(admin).await? <= LARGE).then_some(delete),
        };
        admin.batch_execute(delete.unwrap_or(&self.truncate)).await
    }

    /// How large the tables are in all.
    async fn measured(&self, admin: &Client) -> Result<i64, tokio_postgres::Error> {
        let messages = admin.simple_query(&self.size).await?;
        let size = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        Ok(size.unwrap_or(i64::MAX))
    }

    /// Adds who is in the way.
    async fn explained(&self, admin: &Client, error: tokio_postgres::Error) -> PostgresError {
        if error.code() != Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) {
            return PostgresError::sql("empty the tables")(error);
        }
        let holders = "SELECT pid, state, left(query, 80) FROM pg_stat_activity \
                       WHERE datname = current_database() AND xact_start IS NOT NULL \
                       AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let rows = admin.query(holders, &[]).await.unwrap_or_default();
        let holders = rows.iter().map(|row| {
            let (process, state, query): (i32, Option<String>, Option<String>) =
                (row.get(0), row.get(1), row.get(2));
            let (state, query) = (state.unwrap_or_default(), query.unwrap_or_default());
            format!("session {process} ({state}: {query})")
        });
        let holders: Vec<_> = holders.collect();
        let problem = format!(
            "waited {LOCK_TIMEOUT} for a table that is locked; transactions are open in {}",
            if holders.is_empty() { "no session any more".to_owned() } else { holders.join(", ") }
        );
        PostgresError::Reset { problem }
    }
}

/// The order in which tables can be emptied one after the other: those that refer to others before
/// those. None where they refer to each other in a circle.
pub(super) fn order(tables: &[u32], refers: &[(u32, u32)]) -> Option<Vec<u32>> {
    let mut left: BTreeSet<u32> = tables.iter().copied().collect();
    let mut referred: BTreeMap<u32, usize> = tables.iter().map(|table| (*table, 0)).collect();
    let among = |(from, to): &&(u32, u32)| from != to && left.contains(from) && left.contains(to);
    let refers: Vec<_> = refers.iter().filter(among).copied().collect();
    for (_, to) in &refers {
        *referred.entry(*to).or_default() += 1;
    }
    let mut sorted = Vec::new();
    while !left.is_empty() {
        let free = left.iter().copied().find(|table| referred.get(table) == Some(&0))?;
        left.remove(&free);
        sorted.push(free);
        for (_, to) in refers.iter().filter(|(from, _)| *from == free) {
            *referred.entry(*to).or_default() -= 1;
        }
    }
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_refer_to_others_come_before_them() {
        // 1 refers to 2 and 3, 2 refers to 3, 4 to itself.
        let refers = [(1, 2), (1, 3), (2, 3), (4, 4), (9, 1)];
        assert_eq!(order(&[3, 2, 1, 4], &refers), Some(vec![1, 2, 3, 4]));
        assert_eq!(order(&[1, 2, 3], &[(1, 2), (2, 3), (3, 1)]), None);
        assert_eq!(order(&[], &refers), Some(vec![]));
    }
}
