//! Sessions that are ended.

use chaos_core::outcome::{Outcome, sqlstate};
use chaos_core::prelude::*;

use crate::support::{until, with_accounts};

pub(crate) async fn all_sessions_of_the_application_are_terminated(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let other = cx.postgres().await?;
    let (idle, bystander) = (with_accounts(&pg).await?, other.connect().await?);
    let pool = pg.pool(2)?;
    let (busy, admin) = (pool.get().await?, pg.admin().await?);
    let query = async { busy.query("SELECT pg_sleep(60)", &[]).await };
    let terminate = async {
        until("the query runs", || async {
            let sql = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            Ok(!admin.query(sql, &[]).await?.is_empty())
        })
        .await?;
        let fault = pg.sabotage(terminate_sessions()).await?;
        assert_eq!((fault.hits(), fault.touched()), (2, 2));
        fault.clear().await?;
        TestResult::Ok(())
    };
    let (query, terminated) = tokio::join!(query, terminate);
    terminated?;
    let error = query.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("57P01"));
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown);
    let error = idle.query("SELECT 1", &[]).await.unwrap_err();
    assert!(error.is_closed() || sqlstate(&error).as_deref() == Some("57P01"), "{error:?}");

    bystander.query("SELECT 1", &[]).await?;
    admin.query("SELECT 1", &[]).await?;
    drop(busy);
    // The driver finds out a moment later, and the pool then opens another one.
    until("the pool has another connection", || async {
        Ok(pool.get().await?.query("SELECT 1", &[]).await.is_ok())
    })
    .await?;
    Ok(())
}

pub(crate) async fn the_oldest_session_is_terminated(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let (first, second) = (pg.connect().await?, pg.connect().await?);
    let fault = pg.sabotage(terminate_sessions().at_most(1)).await?;
    assert_eq!((fault.hits(), fault.touched()), (1, 1));
    assert!(first.query("SELECT 1", &[]).await.is_err());
    second.query("SELECT 1", &[]).await?;
    fault.clear().await?;

    drop((first, second));
    until("no session is left", || async { Ok(pg.link().connections().open == 0) }).await?;
    pg.sabotage(terminate_sessions()).await?.clear().await?;
    let vacuity = cx.scope().faults()[1].vacuity().unwrap();
    assert!(vacuity.contains("found no session of the application"), "{vacuity}");
    Ok(())
}

pub(crate) async fn only_running_queries_are_cancelled(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let (busy, idle, admin) = (pg.connect().await?, pg.connect().await?, pg.admin().await?);
    let query = busy.query("SELECT pg_sleep(60)", &[]);
    let cancel = async {
        until("the query runs", || async {
            let sql = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            Ok(!admin.query(sql, &[]).await?.is_empty())
        })
        .await?;
        let fault = pg.sabotage(cancel_queries()).await?;
        assert_eq!((fault.hits(), fault.touched()), (1, 1));
        fault.clear().await?;
        TestResult::Ok(())
    };
    let (query, cancelled) = tokio::join!(query, cancel);
    cancelled?;
    assert_eq!(sqlstate(&query.unwrap_err()).as_deref(), Some("57014"));
    busy.query("SELECT 1", &[]).await?;
    idle.query("SELECT 1", &[]).await?;
    Ok(())
}
