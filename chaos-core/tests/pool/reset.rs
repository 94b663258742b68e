//! Emptying the tables of a database.

use chaos_core::postgres::ResetMethod;
use chaos_core::prelude::*;
use tokio_postgres::Client;

/// Tables that refer to each other, also in a circle, with every kind of sequence.
const SCHEMA: &str = "
    CREATE TABLE countries (code text PRIMARY KEY);
    CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                            country text REFERENCES countries);
    CREATE TABLE orders (id serial PRIMARY KEY, customer int NOT NULL REFERENCES customers);
    ALTER TABLE customers ADD latest int REFERENCES orders DEFERRABLE;
    CREATE SCHEMA \"Odd name\";
    CREATE TABLE \"Odd name\".\"Table\" (parent int, id int PRIMARY KEY);
    ALTER TABLE \"Odd name\".\"Table\" ADD FOREIGN KEY (parent) REFERENCES \"Odd name\".\"Table\";
    CREATE TABLE events (at int NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
    CREATE TABLE animals (name text);
    CREATE TABLE cats () INHERITS (animals);
    CREATE SEQUENCE tickets START 1000;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'nothing is deleted here'; END $$;
    CREATE TRIGGER refuses BEFORE DELETE ON orders EXECUTE FUNCTION refuse();";

const ROWS: &str = "
    INSERT INTO countries VALUES ('CH');
    INSERT INTO customers (country) VALUES ('CH');
    INSERT INTO orders (customer) VALUES (1);
    UPDATE customers SET latest = 1;
    INSERT INTO \"Odd name\".\"Table\" VALUES (1, 1);
    INSERT INTO events VALUES (7);
    INSERT INTO animals VALUES ('crow');
    INSERT INTO cats VALUES ('tom');
    SELECT nextval('tickets')";

const COUNT: &str = "SELECT (SELECT count(*) FROM countries) + (SELECT count(*) FROM customers)
    + (SELECT count(*) FROM orders) + (SELECT count(*) FROM \"Odd name\".\"Table\")
    + (SELECT count(*) FROM events) + (SELECT count(*) FROM animals)";

async fn count(client: &Client, sql: &str) -> TestResult<i64> {
    Ok(client.query_one(sql, &[]).await?.get(0))
}

pub(crate) async fn tables_are_emptied_whatever_refers_to_what(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    pg.reset().await?;
    let client = pg.connect().await?;
    client.batch_execute(SCHEMA).await?;
    let reset = pg.plan_reset(&[]).await?;
    assert_eq!(reset.tables().len(), 7, "{:?}", reset.tables());
    for method in [ResetMethod::Automatic, ResetMethod::Delete, ResetMethod::Truncate] {
        let reset = reset.clone().method(method);
        for _ in 0..2 {
            // The identities begin anew, or the second round would not fit.
            client.batch_execute(ROWS).await?;
            assert_eq!(count(&client, COUNT).await?, 7);
            reset.run().await?;
            assert_eq!(count(&client, COUNT).await?, 0, "{method:?}");
            assert_eq!(count(&client, "SELECT nextval('tickets')").await?, 1000);
        }
        reset.run().await?;
    }
    // Many rows are truncated: the table gives its place back.
    let size = "SELECT pg_relation_size('animals')";
    let many = "INSERT INTO animals SELECT repeat('x', 100) FROM generate_series(1, 100000)";
    client.batch_execute(many).await?;
    assert!(count(&client, size).await? > 8 << 20);
    reset.run().await?;
    assert_eq!(count(&client, size).await?, 0);
    // Triggers are back at work.
    client.batch_execute(ROWS).await?;
    assert!(client.batch_execute("DELETE FROM orders").await.is_err());
    pg.reset().await?;
    assert_eq!(count(&client, COUNT).await?, 0);
    Ok(())
}

pub(crate) async fn some_tables_are_kept(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute(SCHEMA).await?;
    client.batch_execute(ROWS).await?;
    let reset = pg.plan_reset(&["countries", "public.events_1", "cats"]).await?;
    for method in [ResetMethod::Delete, ResetMethod::Truncate] {
        reset.clone().method(method).run().await?;
        assert_eq!(count(&client, COUNT).await?, 3, "{method:?}");
    }
    // The rows of a partitioned table are those of its partitions.
    pg.plan_reset(&["events"]).await?.run().await?;
    assert_eq!(count(&client, "SELECT count(*) FROM events").await?, 1);
    let refers = pg.plan_reset(&["orders"]).await.unwrap_err().to_string();
    assert!(refers.contains("public.orders is to be kept and refers to public.customers"), "{refers}");
    let unknown = pg.plan_reset(&["nothing"]).await.unwrap_err().to_string();
    assert!(unknown.contains("there is no table `nothing` to keep"), "{unknown}");
    // A kept table keeps its sequence.
    client.batch_execute("CREATE TABLE log (id serial); INSERT INTO log DEFAULT VALUES").await?;
    pg.plan_reset(&["log"]).await?.run().await?;
    assert_eq!(count(&client, "SELECT nextval('log_id_seq')").await?, 2);
    // So does one that only takes its numbers from a sequence, and a partition whose numbers are
    // those of the table above it.
    client
        .batch_execute(
            "CREATE SEQUENCE shared; CREATE TABLE notes (id int DEFAULT nextval('shared')); \
             INSERT INTO notes DEFAULT VALUES; \
             CREATE SEQUENCE above; CREATE TABLE readings (id int NOT NULL) PARTITION BY RANGE (id); \
             ALTER SEQUENCE above OWNED BY readings.id; \
             CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (0) TO (100); \
             INSERT INTO readings VALUES (nextval('above'))",
        )
        .await?;
    pg.plan_reset(&["notes", "readings_1"]).await?.run().await?;
    assert_eq!(count(&client, "SELECT nextval('shared')").await?, 2);
    assert_eq!(count(&client, "SELECT nextval('above')").await?, 2);
    pg.reset().await?;
    assert_eq!(count(&client, "SELECT nextval('shared')").await?, 1);
    assert_eq!(count(&client, "SELECT nextval('above')").await?, 1);
    Ok(())
}

/// As on a server that `CHAOS_POSTGRES_URL` names, whose user need not be a superuser.
pub(crate) async fn an_unprivileged_user_resets_too(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE parents (id serial PRIMARY KEY); \
             CREATE TABLE children (parent int REFERENCES parents); \
             INSERT INTO parents DEFAULT VALUES; INSERT INTO children VALUES (1)",
        )
        .await?;
    let reset = pg.plan_reset_on(&client, &[]).await?;
    for method in [ResetMethod::Delete, ResetMethod::Truncate] {
        reset.clone().method(method).run_on(&client).await?;
        assert_eq!(count(&client, "SELECT count(*) FROM children").await?, 0);
        client.batch_execute("INSERT INTO parents DEFAULT VALUES").await?;
        client.batch_execute("INSERT INTO children VALUES (1)").await?;
    }
    Ok(())
}

pub(crate) async fn a_locked_table_is_told_with_its_holder(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE kept ()").await?;
    client.batch_execute("BEGIN; LOCK TABLE kept").await?;
    let admin = pg.admin().await?;
    let reset = pg.plan_reset(&[]).await?;
    let error = reset.run_on(&admin).await.unwrap_err().to_string();
    assert!(error.contains("waited 5s for a table that is locked"), "{error}");
    assert!(error.contains("idle in transaction: BEGIN; LOCK TABLE kept"), "{error}");
    client.batch_execute("COMMIT").await?;
    reset.run_on(&admin).await?;
    Ok(())
}
