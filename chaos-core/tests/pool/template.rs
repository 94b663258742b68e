//! Databases that start from a copy.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use chaos_core::error::with_sources;
use chaos_core::postgres::Template;
use chaos_core::prelude::*;
use futures::future::try_join_all;

const SCHEMA: &str = "
    CREATE TABLE accounts (id serial PRIMARY KEY, balance int NOT NULL DEFAULT 100);
    INSERT INTO accounts SELECT FROM generate_series(1, 3);
    CREATE SCHEMA billing;
    CREATE VIEW billing.total AS SELECT sum(balance) AS total FROM accounts;
    CREATE FUNCTION billing.one() RETURNS int LANGUAGE sql AS 'SELECT 1'";

pub(crate) async fn a_migration_runs_once_and_its_owner_owns_the_copies(cx: Chaos) -> TestResult {
    let template = Template::new("accounts", SCHEMA).extension("pg_trgm");
    let migrations = AtomicU32::new(0);
    let open = async || {
        let migrate = async |client: &tokio_postgres::Client| {
            migrations.fetch_add(1, Ordering::Relaxed);
            client.batch_execute(SCHEMA).await
        };
        cx.postgres_from(&template, migrate).await
    };
    let databases = try_join_all((0..4).map(|_| open())).await?;
    assert_eq!(migrations.load(Ordering::Relaxed), 1);
    for pg in &databases {
        let client = pg.connect().await?;
        // Whoever connects owns everything, and is no superuser.
        client
            .batch_execute(
                "UPDATE accounts SET balance = 0 WHERE id = 1; ALTER TABLE accounts ADD note text; \
                 INSERT INTO accounts DEFAULT VALUES; DROP FUNCTION billing.one(); \
                 ALTER SCHEMA billing RENAME TO invoices; CREATE TABLE more ()",
            )
            .await?;
        let total: i64 = client.query_one("SELECT total FROM invoices.total", &[]).await?.get(0);
        assert_eq!(total, 300, "each has its own");
        let owners = "SELECT count(DISTINCT relowner)::int FROM pg_class \
                      WHERE relnamespace IN ('public'::regnamespace, 'invoices'::regnamespace)";
        assert_eq!(client.query_one(owners, &[]).await?.get::<_, i32>(0), 1);
        let similar = client.query_one("SELECT similarity('cat', 'cat')", &[]).await?;
        assert!(similar.get::<_, f32>(0) > 0.9);
        let power: String = client.query_one("SHOW is_superuser", &[]).await?.get(0);
        assert_eq!(power, "off");
    }
    // Other content is another template.
    let other = Template::new("accounts", "CREATE TABLE other ()");
    let pg = cx
        .postgres_from(&other, async |client| client.batch_execute("CREATE TABLE other ()").await)
        .await?;
    let absent = pg.connect().await?.query("SELECT FROM accounts", &[]).await;
    assert!(absent.is_err());
    Ok(())
}

pub(crate) async fn a_migration_that_fails_is_tried_again(cx: Chaos) -> TestResult {
    let template = Template::new("broken", "1");
    for _ in 0..2 {
        let failing = async |client: &tokio_postgres::Client| {
            client.batch_execute("CREATE TABLE half (); SELECT no_such_column FROM half").await
        };
        let error = with_sources(&cx.postgres_from(&template, failing).await.unwrap_err());
        assert!(error.contains("the migration of the template `broken` failed"), "{error}");
        assert!(error.contains("no_such_column"), "{error}");
    }
    // A future that is dropped in the midst lets the next one try.
    let never = cx.postgres_from(&template, async |_| {
        std::future::pending::<()>().await;
        TestResult::Ok(())
    });
    assert!(tokio::time::timeout(300.ms(), never).await.is_err());
    let good = async |client: &tokio_postgres::Client| client.batch_execute("CREATE TABLE half ()").await;
    let pg = cx.postgres_from(&template, good).await?;
    pg.connect().await?.query("SELECT FROM half", &[]).await?;
    // An extension that is not there is told as such.
    let missing = Template::new("broken", "2").extension("no_such_extension");
    let error = cx.postgres_from(&missing, async |_| TestResult::Ok(())).await.unwrap_err();
    assert!(with_sources(&error).contains("create the extension `no_such_extension`"), "{error}");
    Ok(())
}

/// Played by several processes at once.
pub(crate) async fn a_template_survives_its_maker(cx: Chaos) -> TestResult {
    let place = PathBuf::from(std::env::var_os("CHAOS_PG_DIR").unwrap_or_default());
    let template = Template::new("shared", SCHEMA);
    let migrate = async |client: &tokio_postgres::Client| -> TestResult {
        let path = place.join("migrations");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "by process {}", std::process::id())?;
        Ok(client.batch_execute(SCHEMA).await?)
    };
    for _ in 0..2 {
        let pg = cx.postgres_from(&template, migrate).await?;
        let client = pg.connect().await?;
        let total: i64 = client.query_one("SELECT total FROM billing.total", &[]).await?.get(0);
        assert_eq!(total, 300);
        client.batch_execute("UPDATE accounts SET balance = 1").await?;
    }
    Ok(())
}
