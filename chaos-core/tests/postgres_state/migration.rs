//! Migrations that break at every statement, and that run twice at once.

use chaos_core::TestResult;
use chaos_core::event::EventKind;
use chaos_core::postgres::migration::{
    Again, Break, BrokenRun, Left, Migration, MigrationError, RunEnd,
};
use tokio_postgres::{Client, Error};

use crate::arena::Stage;
use crate::{act, done};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    match role {
        "careful" => careful_one(stage).await?,
        "crash" => crash(stage).await?,
        "careless" => careless_one(stage).await?,
        "concurrently" => concurrently_one(stage).await?,
        "text" => text_one(stage).await?,
        "false" => false_one(stage).await?,
        "data" => data_one(stage).await?,
        "race" => races(stage).await?,
        "wrong" => wrong(stage).await?,
        other => panic!("unknown role {other}"),
    }
    done(stage)
}

/// What a migration tool does when it does it well: everything in one transaction, one at a time.
async fn careful(client: &mut Client) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("SELECT pg_advisory_xact_lock(7)").await?;
    transaction.batch_execute("CREATE TABLE IF NOT EXISTS versions (version int)").await?;
    let applied = transaction.query("SELECT FROM versions WHERE version = $1", &[&1]).await?;
    if applied.is_empty() {
        transaction
            .batch_execute("CREATE TABLE users (id int PRIMARY KEY); CREATE INDEX late ON old (id)")
            .await?;
        transaction.execute("INSERT INTO versions VALUES ($1)", &[&1]).await?;
    }
    transaction.commit().await
}

/// Statement by statement.
async fn careless(client: &mut Client) -> Result<(), Error> {
    client.batch_execute("CREATE TABLE users (id int PRIMARY KEY)").await?;
    client.batch_execute("ALTER TABLE old ADD COLUMN more text").await?;
    client.execute("INSERT INTO users VALUES ($1)", &[&1]).await?;
    Ok(())
}

fn run(runs: &[BrokenRun], statement: usize, how: Break) -> &BrokenRun {
    runs.iter().find(|run| run.statement == statement && run.how == how).unwrap()
}

const OLD: &str = "CREATE TABLE old (id int); INSERT INTO old SELECT generate_series(1, 100)";

#[test]
fn a_transaction_leaves_all_or_nothing_wherever_it_breaks() {
    act("migration careful");
}

async fn careful_one(stage: &Stage) -> TestResult {
    let migration =
        Migration::new(&stage.cx, careful).starting_from(OLD).comparing_content(|content| content);
    let report = migration.break_everywhere().await?;
    assert_eq!(
        report.statements(),
        [
            "START TRANSACTION",
            "SELECT pg_advisory_xact_lock(7)",
            "CREATE TABLE IF NOT EXISTS versions (version int)",
            "SELECT FROM versions WHERE version = $1",
            "CREATE TABLE users (id int PRIMARY KEY)",
            "CREATE INDEX late ON old (id)",
            "INSERT INTO versions VALUES ($1)",
            "COMMIT",
        ],
    );
    // In two ways at each statement, and a third one where a statement has an answer of its own.
    assert_eq!(report.runs().len(), 8 + 8 + 7, "{report}");
    for run in report.runs() {
        let committed = run.statement == 8 && run.how == Break::AnswerLost;
        let left = if committed { Left::After } else { Left::Before };
        assert_eq!((&run.left, &run.again), (&left, &Again::Converged), "{run}");
        let error = run.error.as_deref().unwrap();
        assert_eq!(
            error.contains("this statement was made to fail"),
            run.how == Break::Refused,
            "{error}"
        );
    }
    report.leaves_all_or_nothing()?;
    report.can_be_repeated()?;
    let checks = stage.cx.scope().journal().events().into_iter().filter(|event| {
        matches!(&event.what, EventKind::Check { passed: true, name, .. } if name.contains("migration"))
    });
    assert_eq!(checks.count(), 2);
    Ok(())
}

#[test]
fn a_crash_of_the_server_leaves_all_or_nothing_of_a_transaction() {
    act("migration crash");
}

async fn crash(stage: &Stage) -> TestResult {
    let migration = Migration::new(&stage.cx, careful).starting_from(OLD);
    let report = migration.breaking([Break::ServerCrash]).break_everywhere().await?;
    assert_eq!(report.runs().len(), report.statements().len(), "{report}");
    assert!(report.runs().iter().all(|run| run.error.is_some() && run.left == Left::Before));
    report.leaves_all_or_nothing()?;

    let migration = Migration::new(&stage.cx, careless).starting_from(OLD);
    let report = migration.breaking([Break::ServerCrash]).break_everywhere().await?;
    let second = run(report.runs(), 2, Break::ServerCrash);
    assert!(matches!(second.left, Left::Between { .. }), "{second}");
    Ok(())
}

#[test]
fn what_a_migration_without_a_transaction_leaves_is_told() {
    act("migration careless");
}

async fn careless_one(stage: &Stage) -> TestResult {
    let migration = Migration::new(&stage.cx, careless).starting_from(OLD);
    let report = migration.break_everywhere().await?;
    assert_eq!(report.statements().len(), 3);
    let first = run(report.runs(), 1, Break::ConnectionLost);
    assert_eq!((&first.left, &first.again), (&Left::Before, &Again::Converged));
    let second = run(report.runs(), 2, Break::Refused);
    let Left::Between { changes } = &second.left else { panic!("{second}") };
    assert_eq!(changes.to_string(), "table public.users: new");
    let Again::Failed { sqlstate, .. } = &second.again else { panic!("{second}") };
    assert_eq!(sqlstate.as_deref(), Some("42P07"));
    let lost = run(report.runs(), 1, Break::AnswerLost);
    assert!(matches!(lost.left, Left::Between { .. }), "it was carried out: {lost}");
    let error = report.leaves_all_or_nothing().unwrap_err().to_string();
    assert!(error.contains("refused statement 2, `ALTER TABLE old ADD COLUMN more text`: it left a part (table public.users: new)"), "{error}");
    report.can_be_repeated().unwrap_err();
    Ok(())
}

#[test]
fn an_index_that_a_killed_session_left_invalid_is_found_though_the_next_run_says_all_is_well() {
    act("migration concurrently");
}

async fn concurrently_one(stage: &Stage) -> TestResult {
    let index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS old_id ON old (id)";
    let plain = async |client: &mut Client| client.batch_execute(index).await;
    let migration = Migration::new(&stage.cx, plain).starting_from(OLD);
    let report = migration.break_everywhere().await?;
    let killed = run(report.runs(), 1, Break::KilledInside);
    assert_eq!(
        killed.to_string(),
        "session ended inside of statement 1, `CREATE INDEX CONCURRENTLY IF NOT EXISTS old_id ON old (id)`: \
         it left a part (index old_id on public.old: new, invalid); run again, it said that all was well, but \
         beside an unbroken run: index old_id on public.old: valid before, invalid now"
    );
    assert!(report.can_be_repeated().is_err());

    // The remedy, and the same through the extended protocol.
    let healing = async |client: &mut Client| {
        let invalid =
            "SELECT FROM pg_index WHERE indexrelid = to_regclass('old_id') AND NOT indisvalid";
        if !client.query(invalid, &[]).await?.is_empty() {
            client.execute("DROP INDEX CONCURRENTLY old_id", &[]).await?;
        }
        client.execute(index, &[]).await?;
        Ok::<_, Error>(())
    };
    let migration = Migration::new(&stage.cx, healing).starting_from(OLD);
    let report = migration.break_everywhere().await?;
    let killed = run(report.runs(), 2, Break::KilledInside);
    assert!(matches!(killed.left, Left::Between { .. }), "{killed}");
    report.can_be_repeated()?;
    Ok(())
}

#[test]
fn statements_of_one_text_break_one_by_one() {
    act("migration text");
}

async fn text_one(stage: &Stage) -> TestResult {
    let text = "-- the first;\nCREATE TABLE IF NOT EXISTS one (id int);\n\
                DO $$ BEGIN PERFORM 1; PERFORM 2; END $$; CREATE TABLE IF NOT EXISTS two (id int);";
    // Without a transaction of its own, one message is one.
    let plain = async |client: &mut Client| client.batch_execute(text).await;
    let report = Migration::new(&stage.cx, plain).break_everywhere().await?;
    assert_eq!(report.statements().len(), 3, "{report}");
    assert_eq!(report.runs().len(), 3 + 3 + 1, "{report}");
    report.leaves_all_or_nothing()?;

    // What the text itself commits stays.
    let committing = format!("BEGIN; {text} COMMIT; CREATE TABLE three (id int)");
    let plain = async |client: &mut Client| client.batch_execute(&committing).await;
    let report = Migration::new(&stage.cx, plain).break_everywhere().await?;
    let commit = run(report.runs(), 5, Break::ConnectionLost);
    assert_eq!(commit.left, Left::Before, "{commit}");
    for how in [Break::Refused, Break::ConnectionLost] {
        let last = run(report.runs(), 6, how);
        let Left::Between { changes } = &last.left else { panic!("{last}") };
        assert_eq!(changes.to_string(), "table public.one: new\ntable public.two: new", "{last}");
    }
    let whole = run(report.runs(), 6, Break::AnswerLost);
    assert_eq!(whole.left, Left::After, "{whole}");
    assert!(matches!(whole.again, Again::Failed { .. }), "{whole}");
    Ok(())
}

#[test]
fn a_migration_that_hides_an_error_is_found() {
    act("migration false");
}

async fn false_one(stage: &Stage) -> TestResult {
    let hiding = async |client: &mut Client| {
        client.batch_execute("CREATE TABLE IF NOT EXISTS one ()").await?;
        client.batch_execute("CREATE TABLE IF NOT EXISTS two ()").await.ok();
        Ok::<_, Error>(())
    };
    let migration = Migration::new(&stage.cx, hiding).breaking([Break::Refused]);
    let report = migration.break_everywhere().await?;
    assert_eq!(report.runs().len(), 2);
    let hidden = run(report.runs(), 2, Break::Refused);
    assert!(hidden.is_false_success());
    let error = report.can_be_repeated().unwrap_err().to_string();
    assert!(error.contains("1 of 2 broken runs went wrong"), "{error}");
    assert!(error.contains("and said that all was well; run again, it came to its end"), "{error}");
    Ok(())
}

#[test]
fn rows_that_are_changed_twice_are_found_where_content_is_compared() {
    act("migration data");
}

async fn data_one(stage: &Stage) -> TestResult {
    let twice = async |client: &mut Client| {
        client.execute("UPDATE old SET id = id * 100", &[]).await?;
        client.batch_execute("CREATE TABLE IF NOT EXISTS done (at timestamptz)").await?;
        client.execute("INSERT INTO done VALUES (clock_timestamp())", &[]).await?;
        Ok::<_, Error>(())
    };
    let schema_only = Migration::new(&stage.cx, twice).starting_from(OLD);
    let report = schema_only.break_everywhere().await?;
    report.can_be_repeated()?;
    let migration = Migration::new(&stage.cx, twice)
        .starting_from(OLD)
        .comparing_content(|content| content.without_table("old_copy"))
        .break_everywhere()
        .await;
    assert!(matches!(migration, Err(MigrationError::Content(_))), "no such table");
    let report = Migration::new(&stage.cx, twice)
        .starting_from("CREATE TABLE old (id int); INSERT INTO old VALUES (1); CREATE TABLE done (at timestamptz)")
        .comparing_content(|content| content.without_column("at"))
        .break_everywhere()
        .await?;
    let lost = run(report.runs(), 1, Break::AnswerLost);
    let Again::Diverged { schema, content } = &lost.again else { panic!("{lost}") };
    assert!(schema.is_empty(), "{lost}");
    assert_eq!(content[..], ["table public.old: 1 rows as before, but their content differs"]);
    assert_eq!(run(report.runs(), 1, Break::Refused).again, Again::Converged);
    Ok(())
}

#[test]
fn two_migrations_at_once_wait_fail_or_drift_and_it_is_told_which() {
    act("migration race");
}

async fn races(stage: &Stage) -> TestResult {
    let report = Migration::new(&stage.cx, careful)
        .starting_from(OLD)
        .comparing_content(|content| content)
        .race()
        .await?;
    assert_eq!(report.races().len(), 8, "{report}");
    // From the lock on the second one waits, and there is nothing left for it to do.
    let waited: Vec<_> = report.races().iter().map(|race| race.second_waited).collect();
    assert_eq!(waited, [false, false, true, true, true, true, true, true], "{report}");
    // The first run began before the second one and looked after it, at its third statement.
    report.both_succeed()?;

    let report = Migration::new(&stage.cx, careless).starting_from(OLD).race().await?;
    assert_eq!(report.races().len(), 3, "{report}");
    for race in report.races() {
        let failed = [&race.first, &race.second].into_iter().filter_map(|end| match end {
            RunEnd::Failed { sqlstate, .. } => sqlstate.as_deref(),
            RunEnd::Succeeded => None,
            _ => None,
        });
        let failed: Vec<_> = failed.collect();
        assert_eq!(failed, ["42P07"], "{race}");
    }
    report.keeps_the_schema()?;
    assert!(report.both_succeed().is_err());

    // A question that both ask before either answers it.
    let unguarded = async |client: &mut Client| {
        let there = client.query("SELECT FROM old WHERE id = 7", &[]).await?;
        if there.is_empty() {
            client.execute("INSERT INTO old VALUES (7)", &[]).await?;
        }
        Ok::<_, Error>(())
    };
    let report = Migration::new(&stage.cx, unguarded)
        .starting_from("CREATE TABLE old (id int)")
        .comparing_content(|content| content)
        .race()
        .await?;
    let drifted: Vec<_> = report.races().iter().map(|race| race.has_drifted()).collect();
    assert_eq!(drifted, [false, true], "{report}");
    let error = report.keeps_the_schema().unwrap_err().to_string();
    assert!(error.contains("begun before statement 2, `INSERT INTO old VALUES (7)`, succeeded; the first succeeded; beside a run alone: table public.old: 1 rows before, 2 now"), "{error}");
    Ok(())
}

#[test]
fn a_migration_that_cannot_be_judged_is_told() {
    act("migration wrong");
}

async fn wrong(stage: &Stage) -> TestResult {
    let broken = async |client: &mut Client| client.batch_execute("CREATE TABLE").await;
    let error = Migration::new(&stage.cx, broken).break_everywhere().await.unwrap_err();
    assert!(matches!(error, MigrationError::FailsAlone { .. }), "{error}");
    let idle = async |_: &mut Client| Ok::<_, Error>(());
    let error = Migration::new(&stage.cx, idle).race().await.unwrap_err();
    assert!(matches!(error, MigrationError::NoStatements), "{error}");
    let start = Migration::new(&stage.cx, careless).starting_from("CREATE TABLE x");
    let error = start.break_everywhere().await.unwrap_err();
    assert_eq!(error.to_string(), "failed to make what the migration starts from: CREATE TABLE x");
    let slow =
        async |client: &mut Client| client.batch_execute("SELECT 1; SELECT pg_sleep(20)").await;
    let slow = Migration::new(&stage.cx, slow).patience(std::time::Duration::from_millis(300));
    let error = slow.break_everywhere().await.unwrap_err().to_string();
    assert!(error.contains("at statement 2: SELECT pg_sleep(20)"), "{error}");
    Ok(())
}
