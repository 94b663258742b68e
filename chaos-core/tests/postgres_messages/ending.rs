//! Faults that end or hold a connection at a message.

use chaos_core::outcome::Outcome;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use futures::{SinkExt, TryStreamExt};
use tokio_postgres::SimpleQueryMessage;

use crate::support::{Way, met, paid, soon, until_alone, until_hit};

pub(crate) async fn a_request_to_commit_that_is_reset_commits_nothing(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let fault = pg.inject(reset().on(commit()));
    let error = soon(client.batch_execute("COMMIT")).await.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown);
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
    assert_eq!(met(cx).last().map(String::as_str), Some("Query COMMIT"));
    assert_eq!(paid(pg).await?, [0; 0]);
    Ok(())
}

pub(crate) async fn an_answer_to_a_commit_that_is_reset_has_committed(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let fault = pg.inject(reset().on(commit_complete()));
    let error = soon(client.batch_execute("COMMIT")).await.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown);
    assert_eq!((fault.hits(), fault.connections()), (1, 1));
    assert_eq!(met(cx).last().map(String::as_str), Some("CommandComplete COMMIT"));
    assert_eq!(paid(pg).await?, [1]);
    Ok(())
}

pub(crate) async fn a_stalled_answer_to_a_commit_is_given_once_the_fault_is_cleared(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(stall().on(commit_complete()));
    let mut work = Box::pin(client.batch_execute("BEGIN; INSERT INTO paid VALUES (1); COMMIT"));
    until_hit(&fault, &mut work).await;
    // It is committed, though nobody was told.
    assert_eq!(paid(pg).await?, [1]);
    fault.clear();
    soon(work).await?;
    client.batch_execute("SELECT 1").await?;
    Ok(())
}

pub(crate) async fn a_statement_that_was_prepared_before_is_known_by_its_sql(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let insert = client.prepare("INSERT INTO paid VALUES ($1)").await?;
    let select = client.prepare("SELECT count(*) FROM paid").await?;
    client.execute(&insert, &[&1]).await?;
    let _fault = pg.inject(cut().on(query("insert into  PAID")));
    client.query_one(&select, &[]).await?;
    assert!(soon(client.execute(&insert, &[&2])).await.unwrap_err().is_closed());
    let last = met(cx).pop();
    assert_eq!(last.as_deref(), Some("Execute INSERT INTO paid VALUES ($1)"));
    assert_eq!(paid(pg).await?, [1]);
    Ok(())
}

pub(crate) async fn the_second_of_two_statements_is_met_and_no_other(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let other = way.client(pg).await?;
    let fault = pg.inject(cut().on(query("INSERT").nth(2)));
    client.execute("INSERT INTO paid VALUES (1)", &[]).await?;
    client.batch_execute("SELECT 1; UPDATE paid SET id = id").await?;
    // It is counted on each connection by itself.
    other.execute("INSERT INTO paid VALUES (2)", &[]).await?;
    assert_eq!(fault.hits(), 0);
    assert!(soon(client.batch_execute("/* again */ insert into paid values (3)")).await.is_err());
    assert_eq!(paid(pg).await?, [1, 2]);
    drop(fault);

    let fault = pg.inject(cut().on(query("INSERT").nth(2).over_link()));
    let third = way.client(pg).await?;
    third.execute("INSERT INTO paid VALUES (4)", &[]).await?;
    assert_eq!(fault.hits(), 0);
    assert!(soon(other.execute("INSERT INTO paid VALUES (5)", &[])).await.is_err());
    assert_eq!(paid(pg).await?, [1, 2, 4]);
    Ok(())
}

pub(crate) async fn a_cut_behind_a_message_lets_it_pass(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(cut().on(commit().after()));
    assert!(
        soon(client.batch_execute("BEGIN; INSERT INTO paid VALUES (1); COMMIT")).await.is_err()
    );
    // The server may not even have read the request yet.
    until_alone(pg).await?;
    assert_eq!((fault.hits(), paid(pg).await?), (1, vec![1]));
    Ok(())
}

pub(crate) async fn a_torn_row_arrives_in_part(_cx: &Chaos, pg: &Postgres, way: Way) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(cut().on(backend(Backend::DataRow).nth(3).torn()));
    let rows =
        client.simple_query_raw("SELECT repeat('x', 1000) FROM generate_series(1, 5)").await?;
    let mut rows = Box::pin(rows);
    let mut whole = 0;
    let end = loop {
        match soon(rows.try_next()).await {
            Ok(Some(SimpleQueryMessage::Row(_))) => whole += 1,
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert_eq!((whole, fault.hits()), (2, 1));
    assert!(end.is_err());
    Ok(())
}

pub(crate) async fn a_copy_is_cut_at_its_third_piece(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let fault = pg.inject(cut().on(frontend(Frontend::CopyData).nth(3)));
    let sink = client.copy_in("COPY paid FROM STDIN").await?;
    let mut sink = Box::pin(sink);
    let mut pieces = 0;
    for id in 0..10_000 {
        let piece = bytes::Bytes::from(format!("{id}\n"));
        if soon(sink.send(piece)).await.is_err() || soon(sink.flush()).await.is_err() {
            break;
        }
        pieces += 1;
    }
    assert!(soon(sink.as_mut().finish()).await.is_err(), "{pieces} pieces were taken");
    assert_eq!((fault.hits(), paid(pg).await?.len()), (1, 0));
    Ok(())
}

pub(crate) async fn a_pool_that_was_warm_is_met(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let pool = match way {
        Way::Stream => pg.pool(2)?,
        Way::Port => {
            let manager = deadpool_postgres::Manager::new(pg.config(), tokio_postgres::NoTls);
            deadpool_postgres::Pool::builder(manager).max_size(2).build()?
        }
    };
    for id in 0..4 {
        let client = pool.get().await?;
        let insert = client.prepare_cached("INSERT INTO paid VALUES ($1)").await?;
        client.execute(&insert, &[&id]).await?;
    }
    let fault = pg.inject(reset().on(query("INSERT").complete()));
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let insert = transaction.prepare_cached("INSERT INTO paid VALUES ($1)").await?;
    assert!(soon(transaction.execute(&insert, &[&10])).await.is_err());
    assert_eq!(fault.hits(), 1);
    fault.clear();
    drop(transaction);
    drop(client);
    let client = pool.get().await?;
    client.execute("INSERT INTO paid VALUES (11)", &[]).await?;
    assert_eq!(paid(pg).await?, [0, 1, 2, 3, 11]);
    Ok(())
}

pub(crate) async fn messages_are_told_by_expression_and_by_likeness(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let like = pg.inject(stall().on(query_like("UPDATE paid SET id = 5 WHERE id = 6").after()));
    let matching = pg.inject(stall().on(query_matching(r"(?i)delete\s+from paid").after()));
    client.execute("UPDATE paid SET id = 5", &[]).await?;
    client.execute("SELECT 'delete'", &[]).await?;
    assert_eq!((like.hits(), matching.hits()), (0, 0));
    let update = "update paid set id=$1 -- the row\n where id=$2";
    until_hit(&like, &mut Box::pin(client.execute(update, &[&1, &2]))).await;
    like.clear();
    until_hit(&matching, &mut Box::pin(client.execute("DELETE\nFROM paid", &[]))).await;
    matching.clear();
    soon(client.execute("SELECT 1", &[])).await?;
    Ok(())
}

pub(crate) async fn a_black_hole_at_a_commit_loses_it_in_silence(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let fault = pg.inject(black_hole().on(commit()));
    let mut lost = Box::pin(client.batch_execute("COMMIT"));
    until_hit(&fault, &mut lost).await;
    fault.clear();
    assert!(soon(lost).await.unwrap_err().is_closed());
    assert_eq!(paid(pg).await?, [0; 0]);
    Ok(())
}

pub(crate) async fn the_third_commit_over_the_link_ends_all_of_its_connections(
    _cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let (one, two, idle) = (way.client(pg).await?, way.client(pg).await?, way.client(pg).await?);
    let fault = pg.inject(reset().on(commit().nth(3)).per_link());
    for (client, id) in [(&one, 1), (&two, 2)] {
        client.batch_execute(&format!("BEGIN; INSERT INTO paid VALUES ({id}); COMMIT")).await?;
    }
    assert_eq!(fault.hits(), 0);
    assert!(soon(one.batch_execute("BEGIN; INSERT INTO paid VALUES (3); COMMIT")).await.is_err());
    assert!(soon(idle.batch_execute("SELECT 1")).await.is_err());
    assert!(soon(two.batch_execute("SELECT 1")).await.is_err());
    assert_eq!((fault.connections(), paid(pg).await?), (3, vec![1, 2]));
    Ok(())
}

pub(crate) async fn a_request_to_cancel_passes_and_counts_as_no_connection(
    cx: &Chaos,
    pg: &Postgres,
    way: Way,
) -> TestResult {
    let client = way.client(pg).await?;
    let before = pg.link().connections().total;
    let second = pg.inject(cut().on(nth(2)).may_be_idle());
    let mut sleep = Box::pin(client.batch_execute("SELECT pg_sleep(600)"));
    let token = client.cancel_token();
    let cancelled = soon(async {
        loop {
            // The statement may not have begun yet, and then there is nothing to cancel.
            match way {
                Way::Stream => {
                    let stream = pg.link().connect_to_cancel().await?;
                    token.cancel_query_raw(stream, tokio_postgres::NoTls).await?;
                }
                Way::Port => token.cancel_query(tokio_postgres::NoTls).await?,
            }
            let pause = std::time::Duration::from_millis(20);
            if let Ok(ended) = tokio::time::timeout(pause, &mut sleep).await {
                return TestResult::Ok(ended);
            }
        }
    })
    .await?;
    assert_eq!(cancelled.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!((pg.link().connections().total, second.hits()), (before, 0));
    drop(second);
    // Faults of all connections concern it, too.
    let all = pg.inject(cut().on(frontend(Frontend::CancelRequest)));
    let lost = match way {
        Way::Stream => {
            let stream = pg.link().connect_to_cancel().await?;
            token.cancel_query_raw(stream, tokio_postgres::NoTls).await
        }
        Way::Port => token.cancel_query(tokio_postgres::NoTls).await,
    };
    // The driver waits for the end of the connection, and a cut is one.
    assert!(lost.is_ok(), "{lost:?}");
    soon(async {
        while all.hits() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(met(cx).pop().as_deref(), Some("CancelRequest"));
    client.batch_execute("SELECT 1").await?;
    Ok(())
}
