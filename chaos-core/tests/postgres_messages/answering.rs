//! Errors that a fault makes up, and what server and client make of each other afterwards.

use chaos_core::outcome::Outcome;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use futures::{SinkExt, future};
use tokio_postgres::{Client, Transaction};

use crate::support::{Way, met, paid, soon};

/// Which transaction the server has open on this connection, and whether it is one.
async fn transaction_id(client: &Transaction<'_>) -> TestResult<i64> {
    let id = client.query_one("SELECT txid_current()", &[]).await?;
    Ok(id.get(0))
}

/// What became of a transaction, in the words of the server.
async fn status_of(pg: &Postgres, transaction: i64) -> TestResult<String> {
    let admin = pg.admin().await?;
    Ok(admin.query_one("SELECT txid_status($1)", &[&transaction]).await?.get(0))
}

/// The connection is idle and in no transaction, and so says the server.
async fn assert_idle(pg: &Postgres, client: &Client) -> TestResult {
    let pid: i32 = soon(client.query_one("SELECT pg_backend_pid()", &[])).await?.get(0);
    let admin = pg.admin().await?;
    let question = "SELECT state FROM pg_stat_activity WHERE pid = $1";
    // It says that it is idle a moment after it has told its client.
    soon(async {
        while admin.query_one(question, &[&pid]).await?.get::<_, String>(0) != "idle" {
            tokio::task::yield_now().await;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn an_error_at_a_commit_rolls_back(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let mut client = way.client(pg).await?;
    let conflict = error(SqlState::T_R_SERIALIZATION_FAILURE)
        .message("could not serialize access")
        .detail("somebody else was first")
        .hint("try again")
        .on(commit().first(1));
    let fault = pg.inject(conflict);
    let transaction = client.transaction().await?;
    let id = transaction_id(&transaction).await?;
    transaction.execute("INSERT INTO paid VALUES (1)", &[]).await?;
    let failed = soon(transaction.commit()).await.unwrap_err();
    assert_eq!(Outcome::of_error(&failed), Outcome::Failed);
    let told = failed.as_db_error().expect("an error of the database");
    assert_eq!(told.code(), &SqlState::T_R_SERIALIZATION_FAILURE);
    assert_eq!(
        (told.severity(), told.message(), told.detail(), told.hint()),
        ("ERROR", "could not serialize access", Some("somebody else was first"), Some("try again"))
    );
    assert_eq!(status_of(pg, id).await?, "aborted");
    assert_idle(pg, &client).await?;
    assert_eq!((fault.hits(), met(cx).pop().as_deref()), (1, Some("Query COMMIT")));
    // The next attempt succeeds, as the driver's own retry would.
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid VALUES (2)", &[]).await?;
    soon(transaction.commit()).await?;
    assert_eq!(paid(pg).await?, [2]);
    Ok(())
}

pub(crate) async fn an_error_at_an_insert_aborts_the_transaction(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let mut client = way.client(pg).await?;
    let insert = client.prepare("INSERT INTO paid VALUES ($1)").await?;
    for is_simple in [false, true] {
        let fault = pg.inject(error(SqlState::T_R_DEADLOCK_DETECTED).on(query("INSERT").nth(2)));
        let transaction = client.transaction().await?;
        let id = transaction_id(&transaction).await?;
        transaction.execute(&insert, &[&1]).await?;
        let failed = if is_simple {
            soon(transaction.batch_execute("INSERT INTO paid VALUES (2)")).await.unwrap_err()
        } else {
            soon(transaction.execute(&insert, &[&2])).await.unwrap_err()
        };
        assert_eq!(failed.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED));
        // The server takes the transaction for failed, too.
        let refused = soon(transaction.execute("SELECT 1", &[])).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
        soon(transaction.rollback()).await?;
        assert_eq!((status_of(pg, id).await?.as_str(), fault.hits()), ("aborted", 1));
        assert_idle(pg, &client).await?;
    }
    client.execute(&insert, &[&3]).await?;
    assert_eq!(paid(pg).await?, [3]);
    Ok(())
}

pub(crate) async fn an_error_outside_of_a_transaction_leaves_none_open(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(error(SqlState::LOCK_NOT_AVAILABLE).on(query("INSERT").every_nth(2)));
    for id in 1..=6 {
        let executed = soon(client.execute("INSERT INTO paid VALUES ($1)", &[&id])).await;
        assert_eq!(executed.is_err(), id % 2 == 0, "{executed:?}");
        assert_idle(pg, &client).await?;
    }
    for id in 7..=10 {
        let executed = soon(client.batch_execute(&format!("INSERT INTO paid VALUES ({id})"))).await;
        let code = executed.err().and_then(|error| error.code().cloned());
        assert_eq!(code, (id % 2 == 0).then_some(SqlState::LOCK_NOT_AVAILABLE));
        assert_idle(pg, &client).await?;
    }
    assert_eq!((fault.hits(), paid(pg).await?), (5, vec![1, 3, 5, 7, 9]));
    Ok(())
}

pub(crate) async fn of_pipelined_requests_only_the_chosen_one_fails(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let insert = client.prepare("INSERT INTO paid VALUES ($1)").await?;
    let fault = pg.inject(error(SqlState::CHECK_VIOLATION).on(query("INSERT").every_nth(3)));
    let client = &client;
    let inserts = (1..=9).map(|id| {
        let insert = &insert;
        async move { client.execute(insert, &[&id]).await.err().and_then(|it| it.code().cloned()) }
    });
    let codes = soon(future::join_all(inserts)).await;
    let expected = (1..=9).map(|id| (id % 3 == 0).then_some(SqlState::CHECK_VIOLATION));
    assert!(codes.iter().cloned().eq(expected), "{codes:?}");
    // Simple queries between them, answered in order.
    let simple = (10..=15).map(|id| async move {
        let failed = client.batch_execute(&format!("INSERT INTO paid VALUES ({id})")).await.err();
        failed.and_then(|error| error.code().cloned())
    });
    let codes = soon(future::join_all(simple)).await;
    let expected = (10..=15).map(|id| (id % 3 == 0).then_some(SqlState::CHECK_VIOLATION));
    assert!(codes.iter().cloned().eq(expected), "{codes:?}");
    assert_idle(pg, client).await?;
    assert_eq!((fault.hits(), paid(pg).await?), (5, vec![1, 2, 4, 5, 7, 8, 10, 11, 13, 14]));
    Ok(())
}

pub(crate) async fn a_commit_that_was_prepared_fails_and_is_over(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let [begin, commits] = [client.prepare("BEGIN").await?, client.prepare("COMMIT").await?];
    let fault = pg.inject(error(SqlState::T_R_SERIALIZATION_FAILURE).on(commit()));
    client.execute(&begin, &[]).await?;
    client.execute("INSERT INTO paid VALUES (1)", &[]).await?;
    let failed = soon(client.execute(&commits, &[])).await.unwrap_err();
    assert_eq!(failed.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
    assert_eq!(met(cx).pop().as_deref(), Some("Execute COMMIT"));
    // No ROLLBACK is due, as after any commit that failed.
    assert_idle(pg, &client).await?;
    fault.clear();
    client.execute(&begin, &[]).await?;
    client.execute("INSERT INTO paid VALUES (2)", &[]).await?;
    soon(client.execute(&commits, &[])).await?;
    assert_eq!(paid(pg).await?, [2]);
    Ok(())
}

pub(crate) async fn an_error_ends_a_copy(_cx: &Chaos, pg: &Postgres, way: Way) -> TestResult {
    let client = way.client(pg).await?;
    let failing = error(SqlState::DISK_FULL).on(frontend(Frontend::CopyData).nth(3));
    let fault = pg.inject(failing);
    let mut sink = Box::pin(client.copy_in("COPY paid FROM STDIN").await?);
    for id in 0..10 {
        let piece = bytes::Bytes::from(format!("{id}\n"));
        // The driver sends no more once it knows of the error.
        if soon(sink.send(piece)).await.is_err() || soon(sink.flush()).await.is_err() {
            break;
        }
    }
    let failed = soon(sink.as_mut().finish()).await.unwrap_err();
    assert_eq!(failed.code(), Some(&SqlState::DISK_FULL));
    drop(sink);
    assert_idle(pg, &client).await?;
    client.batch_execute("INSERT INTO paid VALUES (1)").await?;
    assert_eq!((fault.hits(), paid(pg).await?), (1, vec![1]));
    Ok(())
}

pub(crate) async fn a_fatal_error_ends_the_connection(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let shutdown = error(SqlState::ADMIN_SHUTDOWN).severity(Severity::Fatal).on(query("INSERT"));
    let fault = pg.inject(shutdown);
    let failed = soon(client.execute("INSERT INTO paid VALUES (1)", &[])).await.unwrap_err();
    assert_eq!(failed.code(), Some(&SqlState::ADMIN_SHUTDOWN));
    assert_eq!(failed.as_db_error().map(|error| error.severity()), Some("FATAL"));
    assert!(soon(client.execute("SELECT 1", &[])).await.is_err_and(|error| error.is_closed()));
    assert_eq!((fault.hits(), paid(pg).await?), (1, vec![]));
    Ok(())
}

pub(crate) async fn a_start_that_is_refused_is_told_why(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let refusal = error(SqlState::TOO_MANY_CONNECTIONS).on(frontend(Frontend::Startup));
    let fault = pg.inject(refusal);
    let refused = soon(way.client(pg)).await.unwrap_err();
    let code = chaos_core::outcome::sqlstate(&*refused);
    assert_eq!((code.as_deref(), fault.hits()), (Some("53300"), 1));
    fault.clear();
    way.client(pg).await?.batch_execute("SELECT 1").await?;
    Ok(())
}
