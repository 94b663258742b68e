//! Messages that come late, never, twice or changed.

use std::time::{Duration, Instant};

use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;

use crate::support::{Way, paid, soon, until_hit};

pub(crate) async fn a_late_answer_is_late_and_whole(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let delay = Duration::from_millis(150);
    let fault = pg.inject(delay_message(backend(Backend::ReadyForQuery).nth(2), delay));
    client.batch_execute("SELECT 1").await?;
    let begun = Instant::now();
    client.batch_execute("INSERT INTO paid VALUES (1)").await?;
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    assert_eq!((fault.hits(), paid(pg).await?), (1, vec![1]));
    Ok(())
}

pub(crate) async fn a_request_that_is_lost_is_not_carried_out(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let fault = pg.inject(drop_message(commit()));
    let mut lost = Box::pin(client.batch_execute("COMMIT"));
    until_hit(&fault, &mut lost).await;
    // The server waits for it, in the transaction.
    let admin = pg.admin().await?;
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE state = 'idle in transaction' AND datname = current_database()";
    soon(async {
        while admin.query_one(waiting, &[]).await?.get::<_, i64>(0) != 1 {
            tokio::task::yield_now().await;
        }
        TestResult::Ok(())
    })
    .await?;
    // The driver still waits, until somebody tells it that nothing will come.
    let _end = pg.inject(cut());
    assert!(soon(lost).await.is_err());
    assert_eq!(paid(pg).await?, [0; 0]);
    Ok(())
}

pub(crate) async fn an_answer_to_a_commit_that_is_lost_has_committed(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let answer = pg.inject(drop_message(commit_complete()));
    let ready = pg.inject(drop_message(backend(Backend::ReadyForQuery)));
    let mut unanswered = Box::pin(client.batch_execute("COMMIT"));
    until_hit(&ready, &mut unanswered).await;
    assert_eq!((answer.hits(), paid(pg).await?), (1, vec![1]));
    Ok(())
}

pub(crate) async fn a_request_that_comes_twice_is_carried_out_twice(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("CREATE SEQUENCE ids").await?;
    let fault = pg.inject(duplicate_message(query("INSERT")));
    // The answer to the second comes unasked, which the driver cannot make sense of.
    let _confused = soon(client.batch_execute("INSERT INTO paid SELECT nextval('ids')")).await;
    assert_eq!(fault.hits(), 1);
    drop(client);
    soon(async {
        while paid(pg).await? != [1, 2] {
            tokio::task::yield_now().await;
        }
        TestResult::Ok(())
    })
    .await
}

pub(crate) async fn a_changed_row_arrives_changed(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(corrupt_message(backend(Backend::DataRow)));
    let text = "x".repeat(200);
    let question = format!("SELECT '{text}'");
    // What is changed may be a letter of the text, or what says how long it is.
    let answer = soon(client.query_one(&question, &[])).await;
    let is_whole = answer.is_ok_and(|row| row.try_get::<_, &str>(0).is_ok_and(|it| it == text));
    assert_eq!((is_whole, fault.hits()), (false, 1));
    Ok(())
}
