//! Commits whose answer was lost, and what the server says of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::TestResult;
use chaos_core::commit::Resolution;
use chaos_core::error::TestError;
use chaos_core::event::EventKind;
use chaos_core::outcome::Outcome;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use chaos_core::trigger::message::Moment;
use deadpool_postgres::Pool;
use tokio_postgres::NoTls;

use super::{Stage, said};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = match role {
        "crashes" => stage.cx.postgres_server().await?,
        _ => stage.cx.postgres().await?,
    };
    let table = "CREATE TABLE paid (id bigint PRIMARY KEY CHECK (id <> -13))";
    pg.connect().await?.batch_execute(table).await?;
    match role {
        "moments" => moments(&pg).await,
        "crashes" => crashes(&pg).await,
        "runs" => runs(stage, &pg).await,
        "others" => others(stage, &pg).await,
        "left alone" => left_alone(stage, &pg).await,
        "rolled back" => rolled_back(stage, &pg).await,
        "limits" => limits(&pg).await,
        other => panic!("unknown role {other}"),
    }
}

async fn pay(pool: &Pool, id: i64) -> TestResult {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid VALUES ($1)", &[&id]).await?;
    Ok(transaction.commit().await?)
}

async fn has(pg: &Postgres, id: i64) -> TestResult<bool> {
    let found = pg.admin().await?.query("SELECT FROM paid WHERE id = $1", &[&id]).await?;
    Ok(!found.is_empty())
}

fn resolved(resolution: &Resolution) -> bool {
    match resolution.outcome {
        Outcome::Ok => true,
        Outcome::Failed => false,
        _ => panic!("{resolution}"),
    }
}

/// The connection ends at each message around the commit, in each of the ways in which it can end.
async fn moments(pg: &Postgres) -> TestResult {
    let moments: [(Moment, bool); 5] = [
        (query("START TRANSACTION").into(), false),
        (commit().into(), false),
        (commit().torn(), false),
        (commit_complete().into(), true),
        (commit_complete().torn(), true),
    ];
    let watch = pg.watch_commits().await?;
    let pool = pg.pool(1)?;
    let mut id = 100;
    for (moment, expected) in moments {
        for fault in [Fault::from(cut().on(moment.clone())), reset().on(moment.clone()).into()] {
            id += 1;
            drop(pool.get().await?);
            watch.restart().await;
            let answer = pg.during(fault, pay(&pool, id)).await;
            assert_eq!(Outcome::of(&answer), Outcome::Unknown, "{moment}: {answer:?}");
            let resolution = watch.resolve(Outcome::of(&answer)).await;
            assert_eq!(resolved(&resolution), expected, "{moment}: {resolution}");
            assert_eq!(has(pg, id).await?, expected, "{moment}");
        }
    }
    // Nothing is in question of what was answered.
    watch.restart().await;
    let resolution = watch.resolve(Outcome::of(&pay(&pool, 1).await)).await;
    assert_eq!((resolution.outcome, resolution.reason), (Outcome::Ok, None));
    watch.restart().await;
    let resolution = watch.resolve(Outcome::of(&pay(&pool, 1).await)).await;
    assert_eq!((resolution.outcome, resolution.reason), (Outcome::Failed, None));
    Ok(())
}

/// The server is killed before it gets a commit, and after it has answered one.
async fn crashes(pg: &Postgres) -> TestResult {
    let watch = pg.watch_commits().await?;
    let moments: [(Moment, bool); 2] = [(commit().into(), false), (commit_complete().into(), true)];
    for id in 0..6 {
        let (moment, expected) = &moments[usize::try_from(id % 2)?];
        let pool = pg.pool(1)?;
        drop(pool.get().await?);
        watch.restart().await;
        let killed = pg.sabotage(crash_at(moment.clone())).await?;
        let answer = pay(&pool, id).await;
        assert_eq!(Outcome::of(&answer), Outcome::Unknown, "{answer:?}");
        let asking = watch.resolve(Outcome::of(&answer));
        // The server comes back while it is asked.
        let restarting = async {
            while killed.hits() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            killed.clear().await
        };
        let (resolution, restarted) = tokio::join!(asking, restarting);
        restarted?;
        assert_eq!(resolved(&resolution), *expected, "{moment}: {resolution}");
        assert_eq!(has(pg, id).await?, *expected, "{moment}");
    }
    // One that was forgotten, and whose number another one has got: it was never committed.
    let pool = pg.pool(1)?;
    drop(pool.get().await?);
    watch.restart().await;
    let killed = pg.sabotage(crash_at(commit())).await?;
    let answer = pay(&pool, 100).await;
    while killed.hits() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    killed.clear().await?;
    for id in 101..105 {
        pay(&pg.pool(1)?, id).await?;
    }
    // Those go on at the same time as far as the watch is concerned, so it is not asked for them.
    let resolution = watch.resolve(Outcome::of(&answer)).await;
    assert_ne!(resolution.outcome, Outcome::Ok, "{resolution}");
    Ok(())
}

/// A workload: every operation that is not unknown is what its row says.
async fn runs(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(4)?;
    let plan = Schedule::new()
        .calm(100.ms())
        .hold(300.ms(), pg, reset().on(commit_complete().every_nth(3)))
        .hold(300.ms(), pg, reset().on(commit().every_nth(3)))
        .hold(100.ms(), pg, cut())
        .hold(200.ms(), pg, reset())
        .calm(100.ms());
    let keys = parking_lot::Mutex::new(BTreeMap::new());
    let transfer = async |client: Client| {
        let id = i64::try_from(client.unique())?;
        keys.lock().insert((client.id(), client.operation()), id);
        pay(&pool, id).await
    };
    let run = stage.cx.run(plan, 4, transfer).await?;
    let rows = pg.admin().await?.query("SELECT id FROM paid", &[]).await?;
    let there: std::collections::BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut counts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    let mut ordinals: BTreeMap<u32, u64> = BTreeMap::new();
    let mut operations = run.operations().to_vec();
    operations.sort_by_key(|operation| (operation.client, operation.began));
    for operation in operations {
        let ordinal = ordinals.entry(operation.client).or_default();
        let id = keys.lock()[&(operation.client, *ordinal)];
        *ordinal += 1;
        let is_there = there.contains(&id);
        match operation.outcome {
            Outcome::Ok => assert!(is_there, "{operation:?}"),
            Outcome::Failed => assert!(!is_there, "{operation:?}"),
            _ => println!("unknown: {operation:?}"),
        }
        let was_resolved = operation.resolution.is_some() && operation.error.is_some();
        if was_resolved && operation.outcome != Outcome::Unknown {
            *counts.entry((true, is_there)).or_default() += 1;
        } else if operation.outcome == Outcome::Unknown {
            *counts.entry((false, is_there)).or_default() += 1;
        }
    }
    println!("resolved and there: {counts:?}, of {}", run.operations().len());
    let of = |key| counts.get(&key).copied().unwrap_or_default();
    assert!(of((true, true)) > 0 && of((true, false)) > 0, "{counts:?}");
    let (known, unknown) =
        (of((true, true)) + of((true, false)), of((false, true)) + of((false, false)));
    assert!(known > unknown, "{counts:?}");
    let events = stage.cx.scope().journal().events();
    let told = events.iter().filter(|event| match &event.what {
        EventKind::OperationResolved { was, outcome, .. } => was != outcome,
        _ => false,
    });
    assert!(told.count() >= known);
    Ok(())
}

/// What an operation has done elsewhere is not taken for what others did, nor the other way round.
async fn others(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(2)?;
    let plan = || Schedule::new().hold(100.ms(), pg, reset().on(commit_complete()));
    // The transaction runs on a task that nobody knows for the operation's.
    let spawned = async |client: Client| {
        let (pool, id) = (pool.clone(), i64::try_from(client.unique())?);
        tokio::spawn(async move { pay(&pool, id).await }).await?
    };
    let run = stage.cx.run(plan(), 2, spawned).await?;
    assert!(run.count(Outcome::Unknown) > 0);
    for operation in run.operations() {
        assert_ne!(operation.outcome, Outcome::Failed, "{operation:?}");
        let why = operation.resolution.as_deref().unwrap_or_default();
        assert_eq!(operation.outcome == Outcome::Unknown, !why.is_empty(), "{operation:?}");
    }
    // One connection through the port, and nothing can be told any more.
    let (_client, connection) = pg.config().connect(NoTls).await?;
    tokio::spawn(connection);
    let own = async |client: Client| pay(&pool, i64::try_from(client.unique())?).await;
    let run = stage.cx.run(plan(), 1, own).await?;
    let why = run.operations()[0].resolution.clone().unwrap_or_default();
    assert!(why.contains("through the port"), "{why}");
    Ok(())
}

/// The load says that nothing is to be asked.
async fn left_alone(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let plan = Schedule::new().hold(100.ms(), pg, reset().on(commit_complete()));
    let own = async |client: Client| pay(&pool, i64::try_from(client.unique())?).await;
    let run = stage.cx.run(plan, Load::clients(1).without_resolution(), own).await?;
    assert!(run.count(Outcome::Unknown) > 0);
    assert!(run.operations().iter().all(|operation| operation.resolution.is_none()));
    Ok(())
}

/// A statement fails, its error is swallowed, and the commit of the failed transaction succeeds as
/// far as the driver tells.
async fn rolled_back(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(2)?;
    let swallow = async |client: Client| {
        let mut connection = pool.get().await?;
        let transaction = connection.transaction().await?;
        let id = if client.operation() % 2 == 0 { -13 } else { i64::try_from(client.unique())? };
        transaction.execute("INSERT INTO paid VALUES ($1)", &[&id]).await.ok();
        Ok::<_, TestError>(transaction.commit().await?)
    };
    let load = Load::clients(1).think_time(1.ms()).steady_state(1.percent());
    let run = stage.cx.run(Schedule::new().calm(100.ms()), load, swallow).await?;
    assert!(run.operations().len() > 1);
    for (index, operation) in run.operations().iter().enumerate() {
        let expected = if index % 2 == 0 { Outcome::Failed } else { Outcome::Ok };
        assert_eq!(operation.outcome, expected, "{operation:?}");
        assert_eq!(operation.error, None);
    }
    let notes = stage.cx.leftovers().await.notes;
    assert!(notes[0].contains("answered COMMIT by ROLLBACK"), "{notes:?}");
    Ok(())
}

/// What cannot be told stays unknown, and says why.
async fn limits(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let watch = pg.watch_commits().await?;
    let lose = || reset().on(commit_complete());
    drop(pool.get().await?);

    watch.restart().await;
    let reads = async {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        transaction.query("SELECT id FROM paid", &[]).await?;
        Ok::<_, TestError>(transaction.commit().await?)
    };
    let answer = pg.during(lose(), reads).await;
    let resolution = watch.resolve(Outcome::of(&answer)).await;
    assert!(resolution.to_string().starts_with("unknown: "), "{resolution}");
    assert!(resolution.to_string().contains("it wrote nothing"), "{resolution}");

    drop(pool.get().await?);
    watch.restart().await;
    let by_itself = async {
        let client = pool.get().await?;
        Ok::<_, TestError>(client.execute("INSERT INTO paid VALUES (7)", &[]).await?)
    };
    let fault = reset().on(backend(Backend::CommandComplete));
    let answer = pg.during(fault, by_itself).await;
    let resolution = watch.resolve(Outcome::of(&answer)).await;
    assert!(resolution.to_string().contains("outside of any transaction"), "{resolution}");

    // A transaction that its owner has left open may be committed yet.
    watch.restart().await;
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid VALUES (8)", &[]).await?;
    let resolution = watch.resolve(Outcome::Unknown).await;
    assert!(resolution.to_string().contains("still open"), "{resolution}");
    transaction.rollback().await?;
    let resolution = watch.resolve(Outcome::Unknown).await;
    assert_eq!(resolution.outcome, Outcome::Failed, "{resolution}");
    // Nobody watches what was begun before.
    let transaction = client.transaction().await?;
    watch.restart().await;
    transaction.execute("INSERT INTO paid VALUES (9)", &[]).await?;
    transaction.commit().await?;
    let resolution = watch.resolve(Outcome::Unknown).await;
    assert!(!resolution.to_string().starts_with("failed"), "{resolution}");
    Ok(())
}

#[test]
fn the_server_says_what_became_of_a_commit_wherever_its_connection_was_lost() {
    said("moments", 0);
}

#[test]
fn a_server_that_was_killed_around_a_commit_says_what_became_of_it() {
    said("crashes", 0);
}

#[test]
fn operations_of_a_workload_are_resolved_and_agree_with_their_rows() {
    said("runs", 0);
}

#[test]
fn a_commit_is_never_taken_for_that_of_another_operation() {
    said("others", 0);
}

#[test]
fn a_load_may_leave_unknown_what_is_unknown() {
    said("left alone", 0);
}

#[test]
fn a_commit_that_the_server_answered_by_rollback_has_failed() {
    said("rolled back", 0);
}

#[test]
fn what_cannot_be_told_stays_unknown_and_says_why() {
    said("limits", 0);
}
