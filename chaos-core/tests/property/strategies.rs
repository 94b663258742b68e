//! What the strategies draw, and what PostgreSQL says to it.

use std::time::SystemTime;

use chaos_core::outcome::sqlstate;
use chaos_core::property::data;
use chaos_core::property::proptest::prelude::*;
use chaos_core::property::proptest::strategy::ValueTree;
use chaos_core::property::proptest::test_runner::TestRunner;
use chaos_core::property::schema::tables;
use chaos_core::{Chaos, TestResult};

const DRAWN: usize = 200;

fn drawn<T>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..DRAWN).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

pub(crate) async fn postgres_takes_every_table(cx: Chaos) -> TestResult {
    let client = cx.postgres().await?.connect().await?;
    let tables = drawn(tables());
    for table in &tables {
        let create = table.create();
        client.batch_execute(&create).await.map_err(|error| format!("{create}: {error:?}"))?;
        let found = client
            .query("SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum",
                &[&chaos_core::property::schema::quoted(&table.name)])
            .await?;
        // No name was cut short on the way.
        let names: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        let expected: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        assert_eq!(names, expected);
        client.batch_execute(&table.drop()).await?;
    }
    for odd in ["\"select\"", "\"\"", "char(8)", "PRIMARY KEY", "bytea"] {
        assert!(tables.iter().any(|table| table.create().contains(odd)), "no {odd}");
    }
    assert!(tables.iter().any(|table| table.columns.iter().any(|it| it.name.len() == 63)));
    Ok(())
}

pub(crate) async fn postgres_gives_back_what_it_takes(cx: Chaos) -> TestResult {
    let client = cx.postgres().await?.connect().await?;
    for text in drawn(data::text(40)) {
        let row = client.query_one("SELECT $1::text", &[&text]).await?;
        assert_eq!(row.get::<_, String>(0), text);
    }
    for number in drawn(data::integer()) {
        let row = client.query_one("SELECT $1::bigint", &[&number]).await?;
        assert_eq!(row.get::<_, i64>(0), number);
    }
    for number in drawn(data::float()) {
        let row = client.query_one("SELECT $1::double precision", &[&number]).await?;
        let found: f64 = row.get(0);
        assert!(found.to_bits() == number.to_bits() || (found.is_nan() && number.is_nan()));
    }
    for bytes in drawn(data::large(100_000)).into_iter().take(40) {
        let row = client.query_one("SELECT $1::bytea", &[&bytes]).await?;
        assert_eq!(row.get::<_, Vec<u8>>(0), bytes);
    }
    for time in drawn(data::timestamp()) {
        let row = client.query_one("SELECT $1::timestamptz", &[&time]).await?;
        assert_eq!(row.get::<_, SystemTime>(0), time);
    }
    for literal in drawn(data::timestamp_literal()) {
        client.batch_execute(&format!("SELECT '{literal}'::timestamptz")).await?;
    }
    Ok(())
}

pub(crate) async fn postgres_refuses_what_is_no_text(cx: Chaos) -> TestResult {
    let client = cx.postgres().await?.connect().await?;
    let refused = Some("22021".to_owned());
    for text in drawn(data::with_nul()) {
        let error = client.query_one("SELECT $1::text", &[&text]).await.unwrap_err();
        assert_eq!(sqlstate(&error), refused, "{text:?}");
    }
    for bytes in drawn(data::not_utf8()) {
        let query = "SELECT convert_from($1::bytea, 'UTF8')";
        let error = client.query_one(query, &[&bytes]).await.unwrap_err();
        assert_eq!(sqlstate(&error), refused, "{bytes:?}");
    }
    Ok(())
}
