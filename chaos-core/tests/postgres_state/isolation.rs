//! Steps of several sessions in a stated order, and what each level of isolation makes of them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chaos_core::TestResult;
use chaos_core::postgres::Postgres;
use chaos_core::postgres::isolation::{
    Anomaly, Interleaving, InterleavingError, IsolationLevel, StepOutcome,
};

use crate::arena::Stage;
use crate::{act, done};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    match role {
        "table" => table(&pg).await?,
        "own" => own_statements(&pg).await?,
        "wrong" => wrong(&pg).await?,
        "units" => units_of_work(&pg).await?,
        other => panic!("unknown role {other}"),
    }
    done(stage)
}

#[test]
fn every_level_allows_the_anomalies_that_it_is_known_to_allow_and_no_others() {
    act("isolation table");
}

async fn table(pg: &Postgres) -> TestResult {
    let mut allowed = 0;
    for level in IsolationLevel::ALL {
        for anomaly in Anomaly::ALL {
            let seen = anomaly.provoke(pg, level).await?;
            assert_eq!(seen.happened, anomaly.is_allowed_at(level), "{seen}");
            allowed += u32::from(seen.happened);
            match (anomaly, level) {
                // Why it did not happen, where the server has to do something about it.
                (Anomaly::DirtyWrite, IsolationLevel::ReadCommitted) => {
                    assert_eq!(seen.report.step(2).unwrap().blocked_by, ["a"]);
                    assert_eq!(seen.report.step(2).unwrap().released_by, Some(4));
                }
                (Anomaly::LostUpdate, IsolationLevel::RepeatableRead) => {
                    assert_eq!(seen.report.sqlstate(4), Some("40001"), "{seen}");
                    assert_eq!(seen.report.step(6).unwrap().outcome, StepOutcome::RolledBack);
                }
                (Anomaly::WriteSkew, IsolationLevel::Serializable) => {
                    assert_eq!(seen.report.sqlstate(6), Some("40001"), "{seen}");
                }
                _ => {}
            }
        }
    }
    assert_eq!(allowed, 8, "six under READ COMMITTED, two under REPEATABLE READ");
    assert_eq!(pg.audit().await?.findings(), []);
    Ok(())
}

#[test]
fn steps_block_deadlock_and_call_code_of_the_user() {
    act("isolation own");
}

fn accounts(pg: &Postgres) -> Interleaving<'_> {
    Interleaving::new(pg)
        .setup("DROP TABLE IF EXISTS accounts; CREATE TABLE accounts (id int PRIMARY KEY, balance int)")
        .setup("INSERT INTO accounts VALUES (1, 100), (2, 100)")
}

async fn own_statements(pg: &Postgres) -> TestResult {
    use IsolationLevel::{ReadCommitted, RepeatableRead};
    let calls = AtomicU32::new(0);
    let withdraw = async |client: &tokio_postgres::Client, amount: i32| {
        calls.fetch_add(1, Ordering::Relaxed);
        let read = client.query_one("SELECT balance FROM accounts WHERE id = 1", &[]).await?;
        let rest = read.get::<_, i32>(0) - amount;
        client.execute("UPDATE accounts SET balance = $1 WHERE id = 1", &[&rest]).await?;
        Ok::<_, tokio_postgres::Error>(rest)
    };
    let report = accounts(pg)
        .session("a", ReadCommitted)
        .session("b", ReadCommitted)
        .call("a", "withdraw 10", async |client| withdraw(client, 10).await)
        .call("b", "withdraw 20", async |client| withdraw(client, 20).await)
        .commit("a")
        .commit("b")
        .session("c", ReadCommitted)
        .step("c", "SELECT balance FROM accounts ORDER BY id")
        .run()
        .await?;
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!((report.value(1), report.value(2)), (Some("90"), Some("80")), "{report}");
    assert_eq!((report.blocked(1), report.blocked(2)), (false, true), "{report}");
    assert_eq!(report.value(5), Some("80"), "the first withdrawal was lost:\n{report}");
    assert!(report.to_string().contains("2 b: withdraw 20: waited for a until step 3, then (80)"));

    // Three in a row: the second waits for the first, the third for the second.
    let report = accounts(pg)
        .session("a", RepeatableRead)
        .session("b", RepeatableRead)
        .session("c", ReadCommitted)
        .step("b", "SELECT 1")
        .step("a", "UPDATE accounts SET balance = 1 WHERE id = 1")
        .blocks("b", "UPDATE accounts SET balance = 2 WHERE id = 1")
        .blocks("c", "UPDATE accounts SET balance = 3 WHERE id = 1")
        .rollback("a")
        .run()
        .await?;
    assert!(report.step(4).unwrap().blocked_by.contains(&"b".to_owned()), "{report}");
    assert_eq!(report.step(3).unwrap().released_by, Some(5), "{report}");
    // Nothing in the script releases the third one; the end of all transactions does.
    assert_eq!(report.step(4).unwrap().released_by, None, "{report}");
    assert!(matches!(report.step(4).unwrap().outcome, StepOutcome::Done(_)), "{report}");

    // A deadlock is the server's to end.
    let report = accounts(pg)
        .session("a", ReadCommitted)
        .session("b", ReadCommitted)
        .step("a", "UPDATE accounts SET balance = 1 WHERE id = 1")
        .step("b", "UPDATE accounts SET balance = 2 WHERE id = 2")
        .blocks("a", "UPDATE accounts SET balance = 1 WHERE id = 2")
        .step("b", "UPDATE accounts SET balance = 2 WHERE id = 1")
        .commit("a")
        .commit("b")
        .run()
        .await?;
    let failed: Vec<_> = [3, 4].iter().filter_map(|step| report.sqlstate(*step)).collect();
    assert_eq!(failed, ["40P01"], "{report}");
    assert_eq!(report.committed("a"), report.sqlstate(3).is_none(), "{report}");
    assert_ne!(report.committed("a"), report.committed("b"), "{report}");
    Ok(())
}

#[test]
fn an_order_that_cannot_be_is_told_with_who_waits_for_whom() {
    act("isolation wrong");
}

async fn wrong(pg: &Postgres) -> TestResult {
    use IsolationLevel::ReadCommitted;
    let two = || accounts(pg).session("a", ReadCommitted).session("b", ReadCommitted);
    let error = two().step("d", "SELECT 1").run().await.unwrap_err();
    assert_eq!(error.to_string(), "step 1 is of session `d`; the sessions are: a, b");
    let error = two().session("a", ReadCommitted).run().await.unwrap_err();
    assert!(matches!(error, InterleavingError::DuplicateSession { .. }));
    let error = two().blocks("a", "SELECT 7").run().await.unwrap_err();
    assert_eq!(error.to_string(), "step 1 of `a` was to block and did not: SELECT 7: (7)");

    let write = "UPDATE accounts SET balance = 0 WHERE id = 1";
    let error = two().step("a", write).blocks("b", write).step("b", "SELECT 1").run().await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("step 3 of `b` can never begin: the session still waits for a"),
        "{error}"
    );

    // Somebody who is no session of ours, and somebody who merely takes long.
    let outside = pg.connect().await?;
    accounts(pg).run().await?;
    outside.batch_execute("BEGIN; UPDATE accounts SET balance = 7 WHERE id = 1").await?;
    let only = || Interleaving::new(pg).session("a", ReadCommitted);
    let error = only().step("a", write).run().await.unwrap_err();
    let InterleavingError::Waiting { waits_for, .. } = &error else { panic!("{error}") };
    assert!(waits_for[0].starts_with("process "), "{error}");
    let slow = only().patience(Duration::from_millis(300)).step("a", "SELECT pg_sleep(20)");
    let error = slow.run().await.unwrap_err();
    assert!(matches!(error, InterleavingError::TooLong { step: 1, .. }), "{error}");
    let error = Interleaving::new(pg).setup("CREATE TABLE").run().await.unwrap_err();
    assert!(error.to_string().starts_with("failed to prepare: CREATE TABLE"), "{error}");
    Ok(())
}

#[test]
fn what_becomes_of_units_of_work_can_be_judged() {
    act("isolation units");
}

/// Batches, savepoints, deferred constraints and prepared transactions: what each leaves behind.
async fn units_of_work(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE parents (id int PRIMARY KEY);
             CREATE TABLE children (id serial PRIMARY KEY,
                 parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
        )
        .await?;
    let before = pg.fingerprint().await?;

    // An error in the middle of a batch leaves nothing of it.
    let batch = "INSERT INTO parents VALUES (1); INSERT INTO parents VALUES (1); SELECT 1";
    client.batch_execute(batch).await.unwrap_err();
    assert_eq!(before.differences(&pg.fingerprint().await?), []);

    // A deferred constraint is judged at the end, and nothing is left of what violates it.
    let late = "BEGIN; INSERT INTO children (parent) VALUES (7); SELECT 1";
    client.batch_execute(late).await?;
    let error = client.batch_execute("COMMIT").await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("23503"));
    assert_eq!(before.differences(&pg.fingerprint().await?), []);
    client.batch_execute("BEGIN; INSERT INTO children (parent) VALUES (7); ROLLBACK").await?;
    pg.audit().against(&before).await?.into_result()?;

    // What a savepoint takes back is gone, and the rest is there.
    client
        .batch_execute(
            "BEGIN; INSERT INTO parents VALUES (1); SAVEPOINT s; INSERT INTO parents VALUES (2);
             SAVEPOINT t; INSERT INTO parents VALUES (3); RELEASE t; ROLLBACK TO s; COMMIT",
        )
        .await?;
    let differences = before.differences(&pg.fingerprint().await?);
    let words: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["table public.parents: 0 rows before, 1 now"]);

    // Half of a distributed transaction shows in the audit and not in the content.
    let before = pg.fingerprint().await?;
    client
        .batch_execute("BEGIN; INSERT INTO parents VALUES (9); PREPARE TRANSACTION 'half'")
        .await?;
    let audit = pg.audit().against(&before).await?;
    assert_eq!(audit.findings().len(), 1, "{audit}");
    client.batch_execute("COMMIT PREPARED 'half'").await?;
    assert_eq!(pg.audit().await?.findings(), []);
    Ok(())
}
