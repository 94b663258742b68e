//! Strategies for tables that PostgreSQL really accepts, with names and types that programs stumble
//! over.
//!
//! ```
//! use chaos_core::property::schema::{Table, tables};
//! use proptest::prelude::*;
//!
//! proptest! {
//!     fn every_table_has_a_statement(table in tables()) {
//!         prop_assert!(table.create().starts_with("CREATE TABLE "));
//!     }
//! }
//! # every_table_has_a_statement();
//! ```

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};

/// The longest name that PostgreSQL keeps whole, in bytes (`NAMEDATALEN` - 1).
const LONGEST_NAME: usize = 63;

/// How many columns a table has at most.
const MOST_COLUMNS: usize = 12;

/// Words that have to be quoted to be names, and some that only look so.
const WORDS: [&str; 16] = [
    "user", "order", "select", "table", "group", "primary", "check", "limit", "desc", "end", "all",
    "null", "true", "default", "value", "name",
];

/// Names with which nobody reckons. Names of system columns are not among them: PostgreSQL refuses
/// those.
const AWKWARD: [&str; 12] = [
    "Mixed Case",
    "a\"quote",
    "dotted.name",
    "semi;colon",
    "o'clock",
    "1st",
    "back\\slash",
    "%s",
    "$1",
    "\u{fc}ber",
    "\u{1f600}",
    " ",
];

/// The types of columns, each with a literal of it.
const TYPES: [(&str, &str); 26] = [
    ("smallint", "-32768"),
    ("integer", "2147483647"),
    ("bigint", "-9223372036854775808"),
    ("numeric", "0.1"),
    ("numeric(38, 10)", "1e27"),
    ("real", "'NaN'"),
    ("double precision", "'-Infinity'"),
    ("boolean", "true"),
    ("text", "'O''Brien'"),
    ("varchar(1)", "'x'"),
    ("char(8)", "'padded'"),
    ("bytea", "'\\x00ff'"),
    ("date", "'infinity'"),
    ("time", "'24:00:00'"),
    ("timestamp", "'4714-11-24 00:00:00 BC'"),
    ("timestamptz", "'294276-12-31 23:59:59.999999+00'"),
    ("interval", "'-178000000 years'"),
    ("uuid", "'00000000-0000-0000-0000-000000000000'"),
    ("json", "'{\"a\": null}'"),
    ("jsonb", "'[]'"),
    ("inet", "'::1/128'"),
    ("int4range", "'empty'"),
    ("tsvector", "'a:1'"),
    ("integer[]", "'{1,NULL}'"),
    ("text[]", "'{}'"),
    ("bit varying(8)", "B'101'"),
];

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// Its name, as PostgreSQL keeps it.
    pub name: String,
    /// Its columns: at least one.
    pub columns: Vec<Column>,
    /// How many of the first columns are the primary key, if they can be.
    pub key: usize,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Column {
    /// Its name, as PostgreSQL keeps it.
    pub name: String,
    /// Its type, as it is written in SQL.
    pub kind: String,
    /// Its default, as it is written in SQL.
    pub default: Option<String>,
    /// Whether it can hold NULL.
    pub is_nullable: bool,
}

impl Table {
    /// The statement that creates it.
    #[must_use]
    pub fn create(&self) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(Column::definition).collect();
        let key: Vec<String> =
            self.columns.iter().take(self.key).map(|it| quoted(&it.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        format!("CREATE TABLE {} ({})", quoted(&self.name), parts.join(", "))
    }

    /// The statement that removes it.
    #[must_use]
    pub fn drop(&self) -> String {
        format!("DROP TABLE {}", quoted(&self.name))
    }
}

impl Column {
    fn definition(&self) -> String {
        let null = if self.is_nullable { "" } else { " NOT NULL" };
        let default = self.default.as_ref().map(|it| format!(" DEFAULT {it}")).unwrap_or_default();
        format!("{} {}{null}{default}", quoted(&self.name), self.kind)
    }
}

/// The name as it is written in SQL, whatever it is.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names of tables and columns: ordinary ones, reserved words, awkward ones, and such as are 63 bytes
/// long, the most that PostgreSQL keeps.
pub fn identifiers() -> BoxedStrategy<String> {
    let longest = prop_oneof![Just('x'), Just('\u{e9}'), Just('\u{6f22}')].prop_map(|letter| {
        let mut name = letter.to_string().repeat(LONGEST_NAME / letter.len_utf8());
        name.push_str(&"x".repeat(LONGEST_NAME - name.len()));
        name
    });
    prop_oneof![
        4 => "[a-z][a-z0-9_]{0,12}",
        2 => select(WORDS.to_vec()).prop_map(str::to_owned),
        2 => select(AWKWARD.to_vec()).prop_map(str::to_owned),
        1 => longest,
    ]
    .prop_filter("names of system columns are taken", |name| !is_taken(name))
    .boxed()
}

/// Every table has these columns already.
fn is_taken(name: &str) -> bool {
    ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"].contains(&name)
}

/// Tables with 1 to 12 columns, all of which PostgreSQL accepts.
pub fn tables() -> BoxedStrategy<Table> {
    let column = (identifiers(), select(TYPES.to_vec()), any::<bool>(), any::<bool>());
    let column = column.prop_map(|(name, (kind, literal), has_default, is_nullable)| Column {
        name,
        kind: kind.to_owned(),
        default: has_default.then(|| literal.to_owned()),
        is_nullable,
    });
    (identifiers(), prop::collection::vec(column, 1..=MOST_COLUMNS), 0..=2_usize)
        .prop_map(|(name, mut columns, key)| {
            let mut seen = HashSet::new();
            columns.retain(|column| seen.insert(column.name.clone()));
            // Some types have no order, so that nothing can be a key of them.
            let has_order = |column: &Column| !["json"].contains(&column.kind.as_str());
            let key = key.min(columns.iter().take_while(|column| has_order(column)).count());
            for column in columns.iter_mut().take(key) {
                column.is_nullable = false;
            }
            Table { name, columns, key }
        })
        .boxed()
}
