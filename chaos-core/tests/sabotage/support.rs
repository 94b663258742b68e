//! What the scenes have in common.

use std::fmt::Debug;
use std::future::Future;
use std::time::Instant;

use chaos_core::TestResult;
use chaos_core::outcome::sqlstate;
use chaos_core::postgres::Postgres;
use tokio_postgres::Client;

use crate::arena::LIMIT;

/// The SQLSTATE that something failed with.
#[track_caller]
pub(crate) fn state<T: Debug, E: std::error::Error + 'static>(result: Result<T, E>) -> String {
    let error = result.expect_err("it succeeded");
    sqlstate(&error).unwrap_or_else(|| format!("no SQLSTATE: {error:?}"))
}

/// A connection of the application, with a table `accounts` of three rows.
pub(crate) async fn with_accounts(pg: &Postgres) -> TestResult<Client> {
    let client = pg.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL DEFAULT 100); \
             INSERT INTO accounts SELECT generate_series(1, 3)",
        )
        .await?;
    Ok(client)
}

/// Waits until something holds.
pub(crate) async fn until<F: Future<Output = TestResult<bool>>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> TestResult {
    let began = Instant::now();
    while !holds().await? {
        assert!(began.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    Ok(())
}
