//! Nobody is let in.

use chaos_core::Error;
use chaos_core::fault::SessionFault;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use chaos_core::sabotage::SabotageError;
use tokio_postgres::NoTls;

use crate::support::{state, until};

/// What a new connection of the application fails with.
async fn refused(pg: &Postgres) -> String {
    state(pg.config().connect(NoTls).await.map(drop))
}

/// A fault under which nobody is let in, and all is well before and after.
async fn bars(pg: &Postgres, fault: impl Into<SessionFault>, sqlstate: &str) -> TestResult {
    let fault = fault.into();
    let open = pg.connect().await?;
    let barred = pg.sabotage(fault.clone()).await?;
    assert_eq!(refused(pg).await, sqlstate, "{fault}");
    assert_eq!(refused(pg).await, sqlstate, "{fault}");
    open.query("SELECT 1", &[]).await?;
    barred.clear().await?;
    pg.connect().await?;
    Ok(())
}

async fn all_touched(cx: &Chaos) {
    for fault in cx.scope().faults() {
        assert_eq!(fault.vacuity(), None);
        assert!(!fault.is_active());
    }
}

pub(crate) async fn a_closed_database_lets_nobody_in(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    bars(&pg, close_database(), "55000").await?;
    let closed = pg.sabotage(close_database()).await?;
    assert!(pg.admin().await.is_err());
    assert_eq!(refused(&pg).await, "55000");
    assert_eq!((closed.hits(), cx.scope().faults()[0].hits()), (closed.hits(), 2));
    closed.clear().await?;
    pg.admin().await?;
    all_touched(&cx).await;
    Ok(())
}

pub(crate) async fn connection_limits_count_and_are_put_back(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    bars(&pg, role_connection_limit(0), "53300").await?;
    bars(&pg, database_connection_limit(0), "53300").await?;
    let admin = pg.admin().await?;
    let role = pg.database().to_owned();
    until("earlier connections are gone", || async {
        let sql = "SELECT FROM pg_stat_activity WHERE usename = $1";
        Ok(admin.query(sql, &[&role]).await?.is_empty())
    })
    .await?;
    admin.batch_execute(&format!("ALTER ROLE {role} CONNECTION LIMIT 7")).await?;
    let limited = pg.sabotage(role_connection_limit(2)).await?;
    let (_one, _two) = (pg.connect().await?, pg.connect().await?);
    assert_eq!(refused(&pg).await, "53300");
    limited.clear().await?;
    let limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = $1";
    assert_eq!(admin.query_one(limit, &[&role]).await?.get::<_, i32>(0), 7);
    all_touched(&cx).await;
    Ok(())
}

pub(crate) async fn rights_are_taken_and_given_back(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    bars(&pg, forbid_login(), "28000").await?;
    bars(&pg, revoke_connect(), "42501").await?;
    all_touched(&cx).await;
    // Nobody connects.
    pg.sabotage(forbid_login()).await?.clear().await?;
    let vacuity = cx.scope().faults()[2].vacuity().unwrap();
    assert!(vacuity.contains("nobody tried to connect through the link"), "{vacuity}");
    Ok(())
}

pub(crate) async fn pg_hba_conf_rejects_the_application(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    let admin = pg.admin().await?;
    let path: String = admin.query_one("SHOW hba_file", &[]).await?.get(0);
    let before = std::fs::read(&path)?;
    bars(&pg, reject_connections(), "28000").await?;
    assert_eq!(std::fs::read(&path)?, before);
    all_touched(&cx).await;
    Ok(())
}

pub(crate) async fn every_connection_of_the_server_is_taken(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    bars(&pg, exhaust_connections(), "53300").await?;
    until("the connection of before is gone", || async {
        Ok(pg.link().connections().open == 0)
    })
    .await?;
    let few = pg.sabotage(exhaust_connections().leaving(2)).await?;
    let (_one, _two) = (pg.connect().await?, pg.connect().await?);
    assert_eq!(refused(&pg).await, "53300");
    // A superuser has connections of its own.
    let admin = pg.admin().await?;
    few.clear().await?;
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'chaos: sab%'";
    until("the library has let all of them go", || async {
        Ok(admin.query_one(ours, &[]).await?.get::<_, i64>(0) == 0)
    })
    .await?;
    all_touched(&cx).await;
    Ok(())
}

pub(crate) async fn what_reaches_others_is_refused_on_a_shared_server(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    for fault in [
        SessionFault::from(exhaust_connections()),
        reject_connections().into(),
        lose_commit_answers().into(),
        statement_timeout(1.secs()).open_sessions_too().into(),
    ] {
        let error = pg.sabotage(fault).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("refused on a server that is shared"), "{text}");
        assert!(text.contains("cx.postgres_server()"), "{text}");
        assert!(matches!(error, Error::Sabotage(SabotageError::SharedServer { .. })));
    }
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    pg.connect().await?;
    Ok(())
}
