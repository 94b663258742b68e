//! What the tables hold, and the statements that put it back.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::{SCHEMA, asked};
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::Table;
use crate::postgres::inspection::{number, text};
use crate::postgres::quoting::identifier;
use crate::postgres::reset::order;

/// Columns that can be written to, by table.
const WRITABLE: &str = "
    SELECT attrelid, json_agg(attname ORDER BY attnum) FROM pg_catalog.pg_attribute
    WHERE attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND attrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'r')
      AND attrelid >= 16384
    GROUP BY attrelid";

/// The last value of each sequence, if it has one, and the first.
const SEQUENCES: &str = "
    SELECT seqrelid, pg_catalog.pg_sequence_last_value(seqrelid), seqstart
    FROM pg_catalog.pg_sequence";

const REFERS: &str = "SELECT conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'";

/// What is needed to put back what tables hold.
#[derive(Debug)]
pub(super) struct Content {
    tables: Vec<Kept>,
    sequences: Vec<Sequence>,
    /// Whether foreign keys and triggers can be turned off.
    is_superuser: bool,
    /// The places of tables in an order in which they can be emptied.
    order: Vec<usize>,
}

#[derive(Debug)]
struct Kept {
    name: String,
    oid: u32,
    columns: String,
    rows: u64,
}

#[derive(Debug)]
struct Sequence {
    oid: u32,
    last: Option<i64>,
    start: i64,
}

impl Content {
    pub(super) async fn read(admin: &Client, tables: &[Table]) -> Result<Self, PostgresError> {
        let mut writable = BTreeMap::new();
        for row in asked(admin, "list the columns", WRITABLE).await? {
            let columns: Vec<String> = serde_json::from_str(&text(&row, 1)).unwrap_or_default();
            let columns: Vec<_> = columns.iter().map(|column| identifier(column)).collect();
            writable.insert(number::<u32>(&row, 0), columns.join(", "));
        }
        let mut kept = Vec::new();
        for table in tables {
            let sql = format!("SELECT pg_catalog.count(*) FROM ONLY {}", table.name);
            let rows = asked(admin, &format!("count table {}", table.name), &sql).await?;
            let columns = writable.remove(&table.oid).unwrap_or_default();
            let rows = rows.first().map_or(0, |row| number(row, 0));
            kept.push(Kept { name: table.name.clone(), oid: table.oid, columns, rows });
        }
        let sequences = asked(admin, "list the sequences", SEQUENCES).await?;
        let sequences = sequences.iter().map(|row| Sequence {
            oid: number(row, 0),
            last: row.get(1).and_then(|value| value.parse().ok()),
            start: number(row, 2),
        });
        let sequences = sequences.collect();
        let power = asked(admin, "read the powers", "SHOW is_superuser").await?;
        let is_superuser = power.first().is_some_and(|row| text(row, 0) == "on");
        let refers = asked(admin, "list the foreign keys", REFERS).await?;
        let refers: Vec<(u32, u32)> =
            refers.iter().map(|row| (number(row, 0), number(row, 1))).collect();
        let numbers: Vec<u32> = kept.iter().map(|table| table.oid).collect();
        let place = |number: u32| kept.iter().position(|table| table.oid == number);
        let order = match order(&numbers, &refers) {
            Some(order) => order.into_iter().filter_map(place).collect(),
            None if is_superuser => (0..kept.len()).collect(),
            None => {
                let problem = "the tables refer to each other in a circle, and only a superuser can \
                               turn foreign keys off to put their rows back";
                return Err(PostgresError::Reset { problem: problem.to_owned() });
            }
        };
        Ok(Self { tables: kept, sequences, is_superuser, order })
    }

    /// Copies the rows, into tables that survive a killed server.
    pub(super) async fn keep(&self, admin: &Client) -> Result<(), PostgresError> {
        let mut sql = format!("CREATE SCHEMA {SCHEMA};");
        for table in self.tables.iter().filter(|table| table.rows > 0) {
            let Kept { name, oid, columns, .. } = table;
            sql.push_str(&format!(
                "CREATE TABLE {SCHEMA}.t{oid} AS SELECT {columns} FROM ONLY {name};"
            ));
        }
        let kept = admin.batch_execute(&sql).await;
        kept.map_err(PostgresError::sql("keep what the tables hold"))
    }

    /// SQL that puts everything back.
    pub(super) fn restore(&self) -> String {
        if self.tables.is_empty() && self.sequences.is_empty() {
            return String::new();
        }
        let mut sql = String::from("BEGIN;");
        if self.is_superuser {
            sql.push_str("SET LOCAL session_replication_role TO replica;");
        }
        for table in self.order.iter().map(|&place| &self.tables[place]) {
            sql.push_str(&format!("DELETE FROM ONLY {};", table.name));
        }
        for table in self.order.iter().rev().map(|&place| &self.tables[place]) {
            let Kept { name, oid, columns, rows } = table;
            if *rows > 0 {
                sql.push_str(&format!(
                    "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE \
                     SELECT {columns} FROM {SCHEMA}.t{oid};"
                ));
            }
        }
        for Sequence { oid, last, start } in &self.sequences {
            // Only those that moved: `setval` is written down each time.
            let moved = match last {
                Some(last) => format!("setval({oid}, {last})"),
                None => format!("setval({oid}, {start}, false)"),
            };
            let before = last.map_or_else(|| "NULL".to_owned(), |last| last.to_string());
            sql.push_str(&format!(
                "SELECT pg_catalog.{moved} \
                 WHERE pg_catalog.pg_sequence_last_value({oid}) IS DISTINCT FROM {before};"
            ));
        }
        sql.push_str("COMMIT");
        sql
    }
}
