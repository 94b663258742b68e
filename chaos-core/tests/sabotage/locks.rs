//! Locks that are held.

use chaos_core::fault::session::LockMode;
use chaos_core::prelude::*;
use chaos_core::sabotage::SabotageError;

use crate::support::{state, until, with_accounts};

pub(crate) async fn a_table_is_held_until_it_is_cleared(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("SET lock_timeout = '1s'").await?;
    let read = "SELECT count(*) FROM accounts";

    let locked = pg.sabotage(lock_table("accounts")).await?;
    assert_eq!(state(client.query(read, &[]).await), "55P03");
    assert_eq!(state(client.query(read, &[]).await), "55P03");
    assert_eq!((locked.hits(), locked.touched()), (2, 1), "one session waited twice");
    locked.clear().await?;
    client.query(read, &[]).await?;

    // Whoever waits without a bound goes on when the lock is gone.
    client.batch_execute("SET lock_timeout = 0").await?;
    let locked = pg.sabotage(lock_table("accounts")).await?;
    let mut waiting = Box::pin(client.query(read, &[]));
    let waited = tokio::time::timeout(100.ms(), &mut waiting).await;
    assert!(waited.is_err(), "{waited:?}");
    locked.clear().await?;
    waiting.await?;
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn every_mode_holds_up_whom_the_manual_says(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("SET lock_timeout = '50ms'").await?;
    let (read, write) = ("SELECT FROM accounts", "UPDATE accounts SET balance = 1");
    let (index, alter) =
        ("CREATE INDEX ON accounts (balance)", "ALTER TABLE accounts ALTER balance SET DEFAULT 1");
    for (mode, free, held) in [
        ("access share", index, alter),
        ("ROW SHARE", index, "LOCK TABLE accounts IN EXCLUSIVE MODE"),
        ("row exclusive", write, index),
        ("Share Update Exclusive", write, index),
        ("share", index, write),
        ("share row exclusive", read, index),
        ("exclusive", read, write),
        ("access exclusive", "SELECT", read),
    ] {
        let mode: LockMode = mode.parse()?;
        let locked = pg.sabotage(lock_table("accounts").mode(mode)).await?;
        let try_it = async |sql: &str| client.batch_execute(&format!("BEGIN; {sql}")).await;
        try_it(free).await.map_err(|error| format!("{mode} holds up {free}: {error:?}"))?;
        client.batch_execute("ROLLBACK").await?;
        assert_eq!(state(try_it(held).await), "55P03", "{mode} {held}");
        client.batch_execute("ROLLBACK").await?;
        locked.clear().await?;
        try_it(held).await?;
        client.batch_execute("ROLLBACK").await?;
    }
    let error = "ACCESS EXCLUSIF".parse::<LockMode>().unwrap_err().to_string();
    assert!(error.contains("\"ACCESS EXCLUSIF\" is no mode") && error.contains("ROW SHARE"));
    Ok(())
}

pub(crate) async fn unknown_tables_are_named(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client
        .batch_execute(
            "CREATE SCHEMA \"od\"\"d 'schema\"; CREATE TABLE \"od\"\"d 'schema\".\"täble; --\" (); \
             CREATE SCHEMA billing; CREATE TABLE billing.invoices (); CREATE VIEW seen AS SELECT 1",
        )
        .await?;
    for (name, part) in [
        ("account", "there is no table account in database"),
        ("invoices", "did you mean billing.invoices?"),
        ("accounts; DROP TABLE accounts", "write it as in SQL"),
        ("\"accounts", "write it as in SQL"),
        ("", "write it as in SQL"),
        ("nobody.accounts", "did you mean public.accounts?"),
        ("seen", "\"seen\" is a view, and no table"),
        ("a.b.c.d", "write it as in SQL"),
        ("nul\0", "write it as in SQL"),
    ] {
        let error = pg.sabotage(lock_table(name)).await.unwrap_err();
        let text = chaos_core::error::with_sources(&error);
        assert!(text.contains(part), "{name:?}: {text:?}");
        let chaos_core::Error::Sabotage(SabotageError::NoTarget { .. }) = error else {
            panic!("{name:?}: {error:?}")
        };
    }
    // Names are looked up as the application does it.
    client.batch_execute("CREATE SCHEMA AUTHORIZATION CURRENT_USER; CREATE TABLE own ()").await?;
    for name in ["accounts", "public.accounts", "billing.invoices", "own"] {
        pg.sabotage(lock_table(name).may_be_idle()).await?.clear().await?;
    }
    let odd = "\"od\"\"d 'schema\".\"täble; --\"";
    let locked = pg.sabotage(lock_table(odd)).await?;
    client.batch_execute("SET lock_timeout = '50ms'").await?;
    assert_eq!(state(client.batch_execute(&format!("TABLE {odd}")).await), "55P03");
    locked.clear().await?;
    until("failed faults have ended", || async {
        Ok(cx.scope().faults().iter().all(|fault| !fault.is_active()))
    })
    .await?;
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn rows_are_held_and_others_are_free(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("SET lock_timeout = '1s'").await?;
    let held = pg.sabotage(lock_rows("accounts", "id <= 2")).await?;
    let update = "UPDATE accounts SET balance = 0 WHERE id = $1";
    assert_eq!(state(client.execute(update, &[&1]).await), "55P03");
    assert_eq!(client.execute(update, &[&3]).await?, 1);
    let nowait = "SELECT FROM accounts WHERE id = 2 FOR UPDATE NOWAIT";
    assert_eq!(state(client.query(nowait, &[]).await), "55P03");
    let skip = "SELECT id FROM accounts ORDER BY id FOR UPDATE SKIP LOCKED";
    assert_eq!(client.query(skip, &[]).await?.len(), 1);
    assert_eq!(client.query("TABLE accounts", &[]).await?.len(), 3);
    assert_eq!((held.hits(), held.touched()), (1, 1), "NOWAIT is not seen");
    held.clear().await?;
    assert_eq!(client.execute(update, &[&1]).await?, 1);
    Ok(())
}

pub(crate) async fn an_advisory_lock_is_held(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute("SET lock_timeout = '1s'").await?;
    let held = pg.sabotage(lock_advisory(-42)).await?;
    let tried = "SELECT pg_try_advisory_lock(-42)";
    assert!(!client.query_one(tried, &[]).await?.get::<_, bool>(0));
    assert_eq!(state(client.query("SELECT pg_advisory_lock(-42)", &[]).await), "55P03");
    assert_eq!(held.hits(), 1);
    held.clear().await?;
    assert!(client.query_one(tried, &[]).await?.get::<_, bool>(0));
    Ok(())
}

pub(crate) async fn vacuum_removes_nothing_that_an_old_snapshot_sees(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let size = async || -> TestResult<i64> {
        client.batch_execute("VACUUM accounts").await?;
        Ok(client.query_one("SELECT pg_relation_size('accounts')", &[]).await?.get(0))
    };
    let held = pg.sabotage(hold_snapshot()).await?;
    client.batch_execute("DELETE FROM accounts").await?;
    assert!(size().await? > 0);
    held.clear().await?;
    assert_eq!(size().await?, 0);
    Ok(())
}
