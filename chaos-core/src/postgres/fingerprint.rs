//! What a database holds, in a few bytes for each table: to tell later whether it still does.
//!
//! A fingerprint is the number of rows of every table and a hash of their content that does not
//! depend on their order. It is taken by reading every row of every table, without any index, in
//! one snapshot. Two databases with the same content have the same fingerprint, and so has one
//! database before and after something that was to change nothing, or to change it only once.

mod request;
mod selection;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::request::FingerprintRequest;
pub(super) use self::selection::Selection;
pub use self::table::TableFingerprint;
pub(super) use self::table::{TABLES, Table, tables, take};
use super::Postgres;
use super::error::PostgresError;

impl Postgres {
    /// Takes the fingerprint of the content: what the tables and materialized views hold.
    ///
    /// Leave out what may differ, then await the request.
    ///
    /// ```
    /// # use chaos_core::postgres::Postgres;
    /// # async fn example(pg: Postgres) -> chaos_core::TestResult {
    /// let before = pg.fingerprint().without_column("updated_at").await?;
    /// // .. whatever is to leave the content as it was ..
    /// let after = pg.fingerprint().without_column("updated_at").await?;
    /// assert_eq!(before.differences(&after), []);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint(&self) -> FingerprintRequest {
        FingerprintRequest::new(self)
    }
}

/// The number of rows of every table, and a hash of their content.
///
/// Partitions are tables of their own. Foreign, temporary and system tables are not read. Values are
/// hashed as their text, with settings that are the same in every session. The hash is that of the
/// server's own `hashtextextended`: compare fingerprints of servers of one version and one
/// architecture only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub(super) selection: Selection,
    pub(super) tables: BTreeMap<String, TableFingerprint>,
}

impl Fingerprint {
    /// The tables, by name as SQL would write it: `public.orders`, `"Sales"."Order lines"`.
    #[must_use]
    pub fn tables(&self) -> &BTreeMap<String, TableFingerprint> {
        &self.tables
    }

    /// The number of rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(TableFingerprint::rows).sum()
    }

    /// What differs in `after`, by table. Fingerprints that leave out different columns differ in
    /// every table that has them.
    #[must_use]
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let names: BTreeSet<_> = self.tables.keys().chain(after.tables.keys()).collect();
        let differences = names.into_iter().filter_map(|name| {
            let (before, after) = (self.tables.get(name), after.tables.get(name));
            let (before, after) = (before.copied(), after.copied());
            (before != after).then(|| Difference { table: name.clone(), before, after })
        });
        differences.collect()
    }
}

/// A table whose content is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// Its name, as SQL would write it.
    pub table: String,
    /// What it held before; absent when it did not exist.
    pub before: Option<TableFingerprint>,
    /// What it holds after; absent when it does not exist any more.
    pub after: Option<TableFingerprint>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}: ", self.table)?;
        match (self.before, self.after) {
            (Some(before), Some(after)) if before.rows() == after.rows() => {
                write!(f, "{} rows as before, but their content differs", after.rows())
            }
            (Some(before), Some(after)) => {
                write!(f, "{} rows before, {} now", before.rows(), after.rows())
            }
            (Some(before), None) => write!(f, "{} rows before, the table is gone", before.rows()),
            (None, Some(after)) => write!(f, "a new table with {} rows", after.rows()),
            (None, None) => f.write_str("absent before and now"),
        }
    }
}

/// Why a fingerprint could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// A table that was to be left out, or whose column was, does not exist.
    #[error("no table is called `{table}`; the database has {}", List(.known))]
    UnknownTable {
        /// The name that was given.
        table: String,
        /// The tables that exist.
        known: Vec<String>,
    },
    /// A column that was to be left out does not exist.
    #[error(
        "no {} has a column `{column}`",
        table.as_ref().map_or("table".to_owned(), |table| format!("table called `{table}`"))
    )]
    UnknownColumn {
        /// The table, if one was named.
        table: Option<String>,
        /// The column that was named.
        column: String,
    },
    /// A table could not be read. [`Postgres::audit`] tells more.
    #[error("cannot read table {table}: {message} (SQLSTATE {sqlstate})")]
    Unreadable {
        /// The table.
        table: String,
        /// What the server said.
        message: String,
        /// The SQLSTATE: `XX001` when the table is damaged.
        sqlstate: String,
    },
    /// The server could not be asked.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no tables"),
            names => f.write_str(&names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tables: &[(&str, u64, i128)]) -> Fingerprint {
        let tables = tables
            .iter()
            .map(|&(name, rows, sum)| (name.to_owned(), TableFingerprint::from_sum(rows, sum)));
        Fingerprint { selection: Selection::default(), tables: tables.collect() }
    }

    #[test]
    fn differences_are_told_in_words() {
        let before = of(&[("a", 1, 7), ("b", 2, 7), ("c", 3, 7), ("same", 9, 9)]);
        let after = of(&[("a", 1, 8), ("b", 1, 7), ("d", 4, 7), ("same", 9, 9)]);
        let words: Vec<_> = before.differences(&after).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "table a: 1 rows as before, but their content differs",
                "table b: 2 rows before, 1 now",
                "table c: 3 rows before, the table is gone",
                "table d: a new table with 4 rows",
            ]
        );
        assert_eq!(before.differences(&before), []);
    }

    #[test]
    fn a_fingerprint_survives_being_stored() {
        let print = of(&[("public.orders", 3, i128::from(i64::MIN) * 3)]);
        let text = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), print, "{text}");
    }
}
