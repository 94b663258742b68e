//! Settings of the server.

use chaos_core::Error;
use chaos_core::fault::SessionFault;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use chaos_core::sabotage::SabotageError;
use tokio_postgres::Client as Connection;

use crate::support::{state, until, with_accounts};

async fn shown(client: &Connection, name: &str) -> TestResult<String> {
    Ok(client.query_one(&format!("SHOW {name}"), &[]).await?.get(0))
}

fn major_of(pg: &Postgres) -> u16 {
    pg.version().split('.').next().unwrap().parse().unwrap()
}

pub(crate) async fn new_sessions_are_reached(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let before = with_accounts(&pg).await?;
    let admin = pg.admin().await?;

    let slow = pg.sabotage(statement_timeout(50.ms())).await?;
    let client = pg.connect().await?;
    assert_eq!(state(client.query("SELECT pg_sleep(60)", &[]).await), "57014");
    assert_eq!((shown(&before, "statement_timeout").await?, slow.touched()), ("0".into(), 1));
    slow.clear().await?;
    assert_eq!(shown(&pg.connect().await?, "statement_timeout").await?, "0");

    let impatient = pg.sabotage(lock_timeout(50.ms())).await?;
    let client = pg.connect().await?;
    before.batch_execute("BEGIN; LOCK TABLE accounts").await?;
    assert_eq!(state(client.query("TABLE accounts", &[]).await), "55P03");
    before.batch_execute("ROLLBACK").await?;
    impatient.clear().await?;

    for (fault, begin, sqlstate) in [
        (idle_in_transaction_timeout(50.ms()), "BEGIN", "25P03"),
        (idle_session_timeout(50.ms()), "", "57P05"),
    ] {
        if sqlstate == "57P05" && major_of(&pg) < 14 {
            continue;
        }
        let ending = pg.sabotage(fault).await?;
        let (client, connection) = pg.config().connect(tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(begin).await?;
        assert_eq!(state(connection.await?), sqlstate);
        ending.clear().await?;
    }

    let fault = pg.sabotage(read_only()).await?;
    let client = pg.connect().await?;
    assert_eq!(state(client.execute("DELETE FROM accounts", &[]).await), "25006");
    fault.clear().await?;
    assert_eq!(pg.connect().await?.execute("DELETE FROM accounts", &[]).await?, 3);

    // What was set before comes back.
    let database = pg.database();
    let place = format!("ALTER ROLE {database} IN DATABASE {database}");
    let set = format!("{place} SET statement_timeout = '7s'; {place} SET work_mem = '3MB'");
    admin.batch_execute(&set).await?;
    let fault = pg.sabotage(setting("statement_timeout", "8s")).await?;
    assert_eq!(shown(&pg.connect().await?, "statement_timeout").await?, "8s");
    fault.clear().await?;
    assert_eq!(shown(&pg.connect().await?, "statement_timeout").await?, "7s");
    assert_eq!(shown(&pg.connect().await?, "work_mem").await?, "3MB");

    let spills = pg.sabotage(setting("temp_file_limit", "0")).await?;
    let client = pg.connect().await?;
    client.batch_execute("SET work_mem = '64kB'").await?;
    let sort = "SELECT n FROM generate_series(1, 100000) AS n ORDER BY n DESC";
    assert_eq!(state(client.query(sort, &[]).await), "53400");
    spills.clear().await?;
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn all_sessions_are_reached_on_a_server_of_its_own(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    let client = with_accounts(&pg).await?;
    let fault = pg.sabotage(statement_timeout(50.ms()).open_sessions_too()).await?;
    assert_eq!(state(client.query("SELECT pg_sleep(60)", &[]).await), "57014");
    let later = pg.connect().await?;
    assert_eq!(state(later.query("SELECT pg_sleep(60)", &[]).await), "57014");
    until("both were counted", || async { Ok(fault.touched() == 2) }).await?;
    fault.clear().await?;
    for client in [&client, &later] {
        assert_eq!(shown(client, "statement_timeout").await?, "0");
    }

    pg.admin().await?.batch_execute("ALTER SYSTEM SET work_mem = '3MB'").await?;
    let fault = pg.sabotage(setting("work_mem", "5MB").open_sessions_too()).await?;
    assert_eq!(shown(&client, "work_mem").await?, "5MB");
    fault.clear().await?;
    assert_eq!(shown(&client, "work_mem").await?, "3MB");

    let fault = pg.sabotage(read_only().open_sessions_too()).await?;
    assert_eq!(state(client.execute("DELETE FROM accounts", &[]).await), "25006");
    fault.clear().await?;
    client.execute("DELETE FROM accounts", &[]).await?;
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn wrong_settings_are_refused(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let refusal = async |pg: &Postgres, fault: SessionFault| pg.sabotage(fault).await.unwrap_err();
    for (name, value, part) in [
        ("statment_timeout", "1s", "the server has no setting \"statment_timeout\""),
        ("statement_timeout", "soon", "statement_timeout cannot be \"soon\": "),
        ("shared_buffers", "1MB", "shared_buffers cannot be changed while the server runs"),
        ("work_mem\" = '1'; --", "1", "the server has no setting"),
    ] {
        let error = refusal(&pg, setting(name, value).into()).await;
        assert!(error.to_string().contains(part), "{error}");
        assert!(matches!(error, Error::Sabotage(SabotageError::NoTarget { .. })));
    }
    let major = major_of(&pg);
    let fault = pg.sabotage(transaction_timeout(50.ms()).may_be_idle()).await;
    if major >= 17 {
        let client = pg.connect().await?;
        assert_eq!(state(client.batch_execute("BEGIN; SELECT pg_sleep(60)").await), "25P04");
        fault?.clear().await?;
    } else {
        let error = fault.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("needs PostgreSQL 17 or newer"), "{text}");
        assert!(text.contains("CHAOS_PG_BIN"), "{text}");
        assert!(matches!(error, Error::Sabotage(SabotageError::TooOld { needs: 17, .. })));
    }
    let refused = std::panic::catch_unwind(|| statement_timeout(std::time::Duration::ZERO));
    assert!(refused.is_err());
    Ok(())
}
