//! One table: its rows, counted and hashed by reading all of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::error::DbError;

use super::selection::Selection;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, number, text};
use crate::postgres::quoting::identifier;

/// A table that holds rows of its own.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Table {
    pub(in crate::postgres) oid: u32,
    /// With its schema, as SQL would write it.
    pub(in crate::postgres) name: String,
    /// Without its schema, as it is.
    plain: String,
    /// Whether it is a materialized view.
    pub(in crate::postgres) is_view: bool,
    /// Their names, as they are.
    pub(in crate::postgres) columns: Vec<String>,
}

impl Table {
    /// From a row of [`TABLES`].
    pub(in crate::postgres) fn listed(row: &SimpleQueryRow) -> Self {
        Self {
            oid: number(row, 0),
            name: text(row, 1),
            plain: text(row, 2),
            columns: serde_json::from_str(&text(row, 3)).unwrap_or_default(),
            is_view: flag(row, 4),
        }
    }

    /// SQL that counts the rows and adds up their hashes, over these columns.
    pub(in crate::postgres) fn digest<'a>(
        &self,
        columns: impl IntoIterator<Item = &'a String>,
    ) -> String {
        let columns = columns.into_iter().map(|column| format!("r.{}", identifier(column)));
        let columns: Vec<_> = columns.collect();
        format!(
            "SELECT pg_catalog.count(*), \
                    pg_catalog.sum(pg_catalog.hashtextextended(ROW({})::text COLLATE \"C\", 0)) \
               FROM ONLY {} AS r",
            columns.join(", "),
            self.name
        )
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        name == self.name || name == self.plain
    }
}

/// Lists the tables and materialized views that hold rows, by name.
pub(in crate::postgres) const TABLES: &str =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname,
        (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]')
           FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        c.relkind = 'm'
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
    AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY n.nspname, c.relname";

/// The tables and materialized views that hold rows, by name.
pub(in crate::postgres) async fn tables(
    inspection: &Inspection,
) -> Result<Vec<Table>, PostgresError> {
    let rows = inspection.rows("list the tables", TABLES).await?;
    Ok(rows.iter().map(Table::listed).collect())
}

/// How many rows a table has, and a hash of their content that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFingerprint {
    rows: u64,
    /// As text, because not every reader of JSON keeps 64 bits.
    #[serde(with = "hexadecimal")]
    hash: u64,
}

impl TableFingerprint {
    /// The sum of the hashes of all rows, in which equal rows do not cancel each other.
    pub(in crate::postgres) fn from_sum(rows: u64, sum: i128) -> Self {
        let modulus = i128::from(u64::MAX) + 1;
        Self { rows, hash: u64::try_from(sum.rem_euclid(modulus)).unwrap_or_default() }
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The hash of their content.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for TableFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {:016x}", self.rows, self.hash)
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
        u64::from_str_radix(&String::deserialize(reader)?, 16).map_err(D::Error::custom)
    }
}

/// Reads every row of a table, and what is stored out of line too.
pub(in crate::postgres) async fn take(
    inspection: &Inspection,
    table: &Table,
    selection: &Selection,
) -> Result<Result<TableFingerprint, Box<DbError>>, PostgresError> {
    let columns = table.columns.iter().filter(|column| selection.has_column(table, column));
    let sql = table.digest(columns);
    let answer = inspection.ask(&format!("read table {}", table.name), &sql).await?;
    Ok(answer.map(|rows| {
        let row = rows.first();
        let count = row.map_or(0, |row| number(row, 0));
        TableFingerprint::from_sum(count, row.map_or(0, |row| number(row, 1)))
    }))
}
