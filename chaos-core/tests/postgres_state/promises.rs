//! What is in a database is judged by promises.

use chaos_core::check::{
    NotUpheld, Validity, acked_durable, conserved, converges, counter_bounds, exactly_once, unique,
};
use chaos_core::event::EventKind;
use chaos_core::history::{History, Recorder};
use chaos_core::outcome::Outcome;
use chaos_core::prelude::*;
use chaos_core::verdict::FailureKind;
use serde_json::json;

use crate::arena::Stage;
use crate::{act, done};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    assert_eq!(role, "database");
    database(stage).await?;
    done(stage)
}

#[test]
fn a_database_is_judged_in_one_snapshot_past_all_faults() {
    act("promises database");
}

const BALANCES: &str = "SELECT id, balance FROM account";
const LEDGER: &str = "SELECT op, count(*) FROM ledger GROUP BY op";

/// A transfer whose answer was lost, and its retry.
fn retried() -> History {
    let recorder = Recorder::new();
    let mut client = recorder.process();
    client.invoke("transfer", json!("op-1")).complete(Outcome::Unknown, json!(null), None);
    client.invoke("transfer", json!("op-1")).complete(Outcome::Ok, json!("op-1"), None);
    recorder.history()
}

async fn database(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let client = pg.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE account (id text, balance numeric(12, 2));
             INSERT INTO account VALUES ('a', 40), ('b', 60.00);
             CREATE TABLE ledger (op text); INSERT INTO ledger VALUES ('op-1')",
        )
        .await?;
    let money = conserved(100).sql(BALANCES);
    let once = exactly_once().operation("transfer").sql(LEDGER);
    let history = retried();

    // A fault that nobody gets past is none of the administrator's business.
    let outage = pg.inject(cut().may_be_idle());
    pg.holds(&money).await?;
    let report = pg.judge(&once, &history).await?;
    assert_eq!(report.stats["effects"], 1);
    pg.judge(&all_of![money.clone(), once.clone()], &history).await?;
    outage.clear();

    let client = pg.connect().await?;
    client
        .batch_execute(
            "INSERT INTO ledger VALUES ('op-1'); UPDATE account SET balance = 39.99 WHERE id = 'a'",
        )
        .await?;
    let error = pg.judge(&all_of![money, once], &history).await.unwrap_err();
    let broken = error.downcast::<NotUpheld>()?;
    assert_eq!(broken.kind(), FailureKind::Violation);
    assert!(broken.location().file().ends_with("promises.rs"));
    let text = broken.to_string();
    assert!(text.contains("the total is wrong: expected 100, found 99.99"), "{text}");
    assert!(text.contains("op-1: ") && text.contains("it took effect twice"), "{text}");

    let sql = "SELECT id, balance FROM account";
    let rows = pg.rows(sql).await?;
    assert_eq!(rows.len(), 2);
    pg.holds(&converges(sql, rows)).await?;

    let ids = unique().sql("SELECT op FROM ledger");
    assert!(pg.holds(&ids).await.is_err());
    let sum = counter_bounds().sql("SELECT sum(balance)::bigint FROM account");
    assert!(pg.holds(&sum.beginning_at(100).may_be_vacuous()).await.is_ok());
    let lost = acked_durable().operation("transfer").sql("SELECT id FROM account");
    assert!(pg.judge(&lost, &history).await.is_err());

    // What the server refuses is an error with its words, and nothing is written by a question.
    let error = pg.holds(&unique().sql("DELETE FROM ledger RETURNING op")).await.unwrap_err();
    let error = chaos_core::error::with_sources(error.as_ref());
    assert!(error.contains("read-only transaction"), "{error}");
    let error = pg.holds(&unique().sql("SELECT no_such FROM ledger")).await.unwrap_err();
    let error = chaos_core::error::with_sources(error.as_ref());
    assert!(error.contains("no_such") && error.contains("SELECT no_such FROM ledger"), "{error}");

    let judged = stage.cx.scope().journal().events();
    let judged = judged.iter().filter_map(|event| match &event.what {
        EventKind::Judged { report } => Some(report.validity()),
        _ => None,
    });
    use Validity::{Valid, Violated};
    let expected = [Valid, Valid, Valid, Violated, Valid, Violated, Valid, Violated];
    assert_eq!(judged.collect::<Vec<_>>(), expected);
    Ok(())
}
