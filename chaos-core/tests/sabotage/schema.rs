//! What a database consists of changes, and changes back.

use chaos_core::Error;
use chaos_core::prelude::*;
use chaos_core::sabotage::SabotageError;

use crate::support::{state, with_accounts};

pub(crate) async fn names_are_hidden_and_come_back(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("CREATE TABLE \"Odd \"\"one\" (\"a b\" int)").await?;
    let read = "SELECT balance FROM accounts";
    let hidden = pg.sabotage(rename_table("accounts")).await?;
    assert_eq!(state(client.query(read, &[]).await), "42P01");
    hidden.clear().await?;
    client.query(read, &[]).await?;

    let hidden = pg.sabotage(rename_column("accounts", "Balance")).await?;
    assert_eq!(state(client.query(read, &[]).await), "42703");
    hidden.clear().await?;
    client.query(read, &[]).await?;

    let hidden = pg.sabotage(rename_column("\"Odd \"\"one\"", "\"a b\"")).await?;
    assert_eq!(state(client.query("SELECT \"a b\" FROM \"Odd \"\"one\"", &[]).await), "42703");
    hidden.clear().await?;
    client.query("SELECT \"a b\" FROM \"Odd \"\"one\"", &[]).await?;

    let error = pg.sabotage(rename_column("accounts", "amount")).await.unwrap_err().to_string();
    assert!(error.contains("has no column amount; it has id, balance"), "{error}");
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn a_cached_plan_is_invalid(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let prepared = client.prepare("SELECT * FROM accounts").await?;
    client.query(&prepared, &[]).await?;
    let changed = pg.sabotage(add_column("accounts")).await?;
    assert_eq!(state(client.query(&prepared, &[]).await), "0A000");
    changed.clear().await?;
    client.query(&prepared, &[]).await?;
    Ok(())
}

pub(crate) async fn sequences_run_out_and_give_numbers_twice(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client
        .batch_execute(
            "CREATE TABLE orders (id serial PRIMARY KEY); INSERT INTO orders VALUES (DEFAULT); \
             INSERT INTO orders VALUES (DEFAULT); \
             CREATE SEQUENCE fresh CYCLE; CREATE SEQUENCE down INCREMENT -2",
        )
        .await?;
    let insert = "INSERT INTO orders VALUES (DEFAULT) RETURNING id";
    let next = async |sequence: &str| -> Result<i64, tokio_postgres::Error> {
        let sql = "SELECT nextval($1::text::regclass)";
        Ok(client.query_one(sql, &[&sequence]).await?.get(0))
    };
    let exhausted = pg.sabotage(exhaust_sequence("orders_id_seq")).await?;
    assert_eq!(state(client.query(insert, &[]).await), "2200H");
    exhausted.clear().await?;
    assert_eq!(client.query_one(insert, &[]).await?.get::<_, i32>(0), 3);
    for (sequence, expected) in [("fresh", 1), ("down", -1)] {
        let exhausted = pg.sabotage(exhaust_sequence(sequence)).await?;
        assert_eq!(state(next(sequence).await), "2200H", "{sequence}");
        exhausted.clear().await?;
        assert_eq!(next(sequence).await?, expected);
    }
    let cycles = "SELECT seqcycle AND seqmax = 9223372036854775807 FROM pg_sequence \
         WHERE seqrelid = 'fresh'::regclass";
    assert!(client.query_one(cycles, &[]).await?.get::<_, bool>(0));

    let rewound = pg.sabotage(rewind_sequence("orders_id_seq", 1)).await?;
    assert_eq!(state(client.query(insert, &[]).await), "23505");
    assert_eq!(state(client.query(insert, &[]).await), "23505");
    rewound.clear().await?;
    assert_eq!(cx.scope().faults()[3].hits(), 2);
    assert_eq!(client.query_one(insert, &[]).await?.get::<_, i32>(0), 4);

    let rewound = pg.sabotage(rewind_sequence("orders_id_seq", 10)).await?;
    assert_eq!(next("orders_id_seq").await?, 10);
    rewound.clear().await?;
    assert_eq!(next("orders_id_seq").await?, 11, "behind the highest number");
    let error = pg.sabotage(rewind_sequence("orders_id_seq", 0)).await.unwrap_err().to_string();
    assert!(error.contains("goes from 1 to 2147483647, which 0 is not in"), "{error}");
    let error = pg.sabotage(exhaust_sequence("orders")).await.unwrap_err().to_string();
    assert!(error.contains("\"orders\" is a table, and no sequence"), "{error}");
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

pub(crate) async fn a_transaction_that_is_in_the_way_is_named(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let failing = sql_error("accounts", SqlState::DISK_FULL).at_commit().may_be_idle();
    let began = pg.sabotage(failing).await?;
    client.batch_execute("BEGIN; UPDATE accounts SET balance = 1").await?;
    let error = began.clear().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Sabotage(SabotageError::TimedOut { .. })), "{error:?}");
    assert!(text.contains("\"accounts\" is used by process"), "{text}");
    assert!(text.contains("idle in transaction, its last query: BEGIN; UPDATE"), "{text}");
    // It is disarmed all the same: this commit would fail otherwise.
    client.batch_execute("COMMIT").await?;
    Ok(())
}
