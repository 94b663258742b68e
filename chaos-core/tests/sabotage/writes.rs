//! Traps for those who write.

use std::time::Instant;

use chaos_core::prelude::*;

use crate::support::{state, with_accounts};

pub(crate) async fn the_sqlstate_is_the_one_that_was_asked_for(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let mut client = with_accounts(&pg).await?;
    for sqlstate in ["40001", "40P01", "53100", "23505", "XX000", "57014", "ABCDE"] {
        let code: SqlCode = sqlstate.parse()?;
        let failing = pg.sabotage(sql_error("accounts", code)).await?;
        let update = "UPDATE accounts SET balance = 0";
        assert_eq!(state(client.execute(update, &[]).await), sqlstate);
        client.query("TABLE accounts", &[]).await?;
        failing.clear().await?;
        client.execute("UPDATE accounts SET balance = 100", &[]).await?;
    }

    let failing = pg.sabotage(sql_error("accounts", SqlState::T_R_SERIALIZATION_FAILURE).times(2)).await?;
    let transaction = client.transaction().await?;
    assert_eq!(state(transaction.execute("DELETE FROM accounts", &[]).await), "40001");
    assert_eq!(state(transaction.query("SELECT 1", &[]).await), "25P02", "it is aborted");
    transaction.rollback().await?;
    assert_eq!(state(client.execute("DELETE FROM accounts", &[]).await), "40001");
    assert_eq!(client.execute("DELETE FROM accounts", &[]).await?, 3);
    failing.clear().await?;
    assert_eq!(cx.scope().faults().last().unwrap().hits(), 3, "who was let pass came by, too");

    let failing = pg.sabotage(sql_error("accounts", SqlState::T_R_SERIALIZATION_FAILURE).at_commit()).await?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO accounts VALUES (1), (2)", &[]).await?;
    assert_eq!(state(transaction.commit().await), "40001");
    failing.clear().await?;
    assert!(client.query("TABLE accounts", &[]).await?.is_empty());
    let traces = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'chaos%'";
    assert_eq!(client.query_one(traces, &[]).await?.get::<_, i64>(0), 0);
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));

    Ok(())
}

pub(crate) async fn writes_are_slow(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let slow = pg.sabotage(slow_writes("accounts", 150.ms()).times(1)).await?;
    let began = Instant::now();
    client.execute("UPDATE accounts SET balance = 0", &[]).await?;
    assert!(began.elapsed() >= 150.ms());
    client.batch_execute("SET statement_timeout = '100ms'").await?;
    client.execute("UPDATE accounts SET balance = 0", &[]).await?;
    slow.clear().await?;
    Ok(())
}

pub(crate) async fn commits_are_slow_and_no_timeout_bounds_them(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let mut client = with_accounts(&pg).await?;
    client.batch_execute("SET statement_timeout = '100ms'").await?;
    let slow = pg.sabotage(slow_commits("accounts", 300.ms())).await?;
    let transaction = client.transaction().await?;
    transaction.execute("UPDATE accounts SET balance = 0", &[]).await?;
    let began = Instant::now();
    transaction.commit().await?;
    // Once for all rows, and longer than a statement may take.
    assert!(began.elapsed() >= 300.ms());
    slow.clear().await?;
    assert_eq!(cx.scope().faults()[0].hits(), 1);
    Ok(())
}

pub(crate) async fn prepared_statements_are_forgotten(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let (read, write) = (
        client.prepare("TABLE accounts").await?,
        client.prepare("UPDATE accounts SET balance = 0").await?,
    );
    let forgetful = pg.sabotage(forget_prepared_statements("accounts").times(1)).await?;
    client.query(&read, &[]).await?;
    assert_eq!(client.execute(&write, &[]).await?, 3);
    assert_eq!(state(client.query(&read, &[]).await), "26000");
    let again = client.prepare("TABLE accounts").await?;
    client.query(&again, &[]).await?;
    forgetful.clear().await?;
    Ok(())
}
