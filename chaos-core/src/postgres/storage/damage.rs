//! Damage as plain data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Damage to what a server keeps, as plain data. See
/// [`PostgresServer::damage`](super::super::PostgresServer::damage).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "damage")]
#[must_use = "nothing is damaged until it is asked for: `server.damage(..).await?`"]
#[non_exhaustive]
pub enum Damage {
    /// See [`zero_page`].
    ZeroPage {
        /// The table or index.
        relation: String,
        /// The page, counted from 0.
        page: Option<u32>,
    },
    /// See [`flip_bytes`].
    FlipBytes {
        /// The table or index.
        relation: String,
        /// The page, counted from 0.
        page: Option<u32>,
        /// The first byte, counted from the beginning of the page.
        offset: Option<u16>,
    },
    /// See [`forge_xmin`].
    ForgeXmin {
        /// The table.
        relation: String,
        /// The page, counted from 0.
        page: Option<u32>,
    },
    /// See [`truncate_file`].
    TruncateFile {
        /// The table or index.
        relation: String,
        /// How many pages stay.
        pages: u32,
    },
    /// See [`remove_file`].
    RemoveFile {
        /// The table or index.
        relation: String,
    },
    /// See [`flip_wal_tail`].
    FlipWalTail,
    /// See [`remove_wal`].
    RemoveWal,
    /// See [`corrupt_control_file`].
    CorruptControlFile,
    /// See [`bypass_index`].
    BypassIndex {
        /// The index.
        index: String,
        /// What is done meanwhile.
        statement: String,
    },
    /// See [`bypass_triggers`].
    BypassTriggers {
        /// What is done meanwhile.
        statement: String,
    },
    /// See [`rewind_sequence`].
    RewindSequence {
        /// The sequence.
        sequence: String,
        /// The next number that it gives out.
        next: i64,
    },
    /// See [`invalid_index`].
    InvalidIndex {
        /// The table.
        table: String,
        /// The index that is left.
        index: String,
        /// What is indexed, as it stands between the parentheses of `CREATE INDEX`.
        on: String,
    },
    /// See [`prepared_transaction`].
    PreparedTransaction {
        /// Its name.
        name: String,
        /// What it did.
        statement: String,
    },
}

/// By which means damage is done.
pub(super) enum Means {
    Pages,
    Files,
    WalTail,
    Statement,
}

impl Damage {
    /// In this page, counted from 0, instead of one that the seed chooses.
    ///
    /// # Panics
    ///
    /// When it is no damage to a page.
    #[track_caller]
    pub fn page(mut self, number: u32) -> Self {
        match &mut self {
            Self::ZeroPage { page, .. }
            | Self::FlipBytes { page, .. }
            | Self::ForgeXmin { page, .. } => *page = Some(number),
            other => panic!("`page` makes no sense for `{other}`"),
        }
        self
    }

    /// From this byte of the page on, instead of one in its data that the seed chooses.
    ///
    /// # Panics
    ///
    /// When it is not [`flip_bytes`].
    #[track_caller]
    pub fn offset(mut self, byte: u16) -> Self {
        match &mut self {
            Self::FlipBytes { offset, .. } => *offset = Some(byte),
            other => panic!("`offset` makes no sense for `{other}`"),
        }
        self
    }

    pub(super) fn means(&self) -> Means {
        match self {
            Self::ZeroPage { .. }
            | Self::FlipBytes { .. }
            | Self::ForgeXmin { .. }
            | Self::TruncateFile { .. }
            | Self::RemoveFile { .. } => Means::Pages,
            Self::FlipWalTail => Means::WalTail,
            Self::RemoveWal | Self::CorruptControlFile => Means::Files,
            Self::BypassIndex { .. }
            | Self::BypassTriggers { .. }
            | Self::RewindSequence { .. }
            | Self::InvalidIndex { .. }
            | Self::PreparedTransaction { .. } => Means::Statement,
        }
    }
}

/// Fills a page of a table or an index with zeros.
///
/// Of a table: its rows are gone, and nothing notices. A page of zeros is an empty page to
/// PostgreSQL: its checksum is not checked, `amcheck` finds nothing, and an index still leads to the
/// lost rows. Of an index: whoever reads the page gets XX002, as does `bt_index_check`; `REINDEX`
/// repairs it.
pub fn zero_page(relation: impl Into<String>) -> Damage {
    Damage::ZeroPage { relation: relation.into(), page: None }
}

/// Inverts four bytes in the data of a page.
///
/// With checksums whoever reads the page gets XX001. Without them nobody notices, and wrong data are
/// read.
pub fn flip_bytes(relation: impl Into<String>) -> Damage {
    Damage::FlipBytes { relation: relation.into(), page: None, offset: None }
}

/// Says of a row of a table that a transaction wrote it that was never there.
///
/// Without checksums `verify_heapam` of `amcheck` notices; the row may still be read, because its
/// transaction has long been known to be committed. With checksums it is [`flip_bytes`].
pub fn forge_xmin(table: impl Into<String>) -> Damage {
    Damage::ForgeXmin { relation: table.into(), page: None }
}

/// Cuts off the file of a table or an index after this many pages.
///
/// A scan of the table ends early without a word; an index that leads beyond the end gets XX001.
pub fn truncate_file(relation: impl Into<String>, pages: u32) -> Damage {
    Damage::TruncateFile { relation: relation.into(), pages }
}

/// Removes the file of a table or an index. Whoever reads it gets 58P01.
pub fn remove_file(relation: impl Into<String>) -> Damage {
    Damage::RemoveFile { relation: relation.into() }
}

/// Crashes the server, and inverts a byte in the last record of its log.
///
/// Recovery takes it for the end of the log and ends there without an error: the last transaction
/// that was acknowledged is lost. Nothing in the server notices.
pub fn flip_wal_tail() -> Damage {
    Damage::FlipWalTail
}

/// Removes the log. The server does not start any more.
pub fn remove_wal() -> Damage {
    Damage::RemoveWal
}

/// Inverts a byte of `pg_control`. The server does not start any more.
pub fn corrupt_control_file() -> Damage {
    Damage::CorruptControlFile
}

/// Runs a statement as superuser while an index is not kept up: rows that it writes have no entry in
/// the index, and a unique index does not refuse them.
///
/// `bt_index_check(index, true)` notices (XX001), `REINDEX` repairs, or fails with 23505 when there
/// are duplicates.
pub fn bypass_index(index: impl Into<String>, statement: impl Into<String>) -> Damage {
    Damage::BypassIndex { index: index.into(), statement: statement.into() }
}

/// Runs a statement as superuser while no trigger fires, and with them no foreign key
/// (`session_replication_role = replica`).
///
/// Nothing notices until the constraint is validated again.
pub fn bypass_triggers(statement: impl Into<String>) -> Damage {
    Damage::BypassTriggers { statement: statement.into() }
}

/// Has a sequence give out this number next, which it may have given out before: inserts fail with
/// 23505, or give a number twice where nothing is unique.
pub fn rewind_sequence(sequence: impl Into<String>, next: i64) -> Damage {
    Damage::RewindSequence { sequence: sequence.into(), next }
}

/// Leaves an index that is not valid, as a `CREATE INDEX CONCURRENTLY` does that was given up:
/// another transaction is open, and it waits for it no longer than its `lock_timeout` (55P03).
///
/// No query uses the index, and `CREATE INDEX CONCURRENTLY IF NOT EXISTS` takes it for done.
pub fn invalid_index(
    table: impl Into<String>,
    index: impl Into<String>,
    on: impl Into<String>,
) -> Damage {
    Damage::InvalidIndex { table: table.into(), index: index.into(), on: on.into() }
}

/// Leaves a transaction prepared that nobody will end (`PREPARE TRANSACTION`). It keeps its locks,
/// over a crash too, until `ROLLBACK PREPARED`. It does not fail the test at its end.
pub fn prepared_transaction(name: impl Into<String>, statement: impl Into<String>) -> Damage {
    Damage::PreparedTransaction { name: name.into(), statement: statement.into() }
}

/// `zero page 5 of accounts`.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = |page: &Option<u32>| match page {
            Some(page) => format!("page {page}"),
            None => "a page".to_owned(),
        };
        match self {
            Self::ZeroPage { relation, page: which } => {
                write!(f, "zero {} of {relation}", page(which))
            }
            Self::FlipBytes { relation, page: which, offset } => {
                write!(f, "flip bytes in {} of {relation}", page(which))?;
                offset.map_or(Ok(()), |offset| write!(f, " at {offset}"))
            }
            Self::ForgeXmin { relation, page: which } => {
                write!(f, "forge xmin in {} of {relation}", page(which))
            }
            Self::TruncateFile { relation, pages } => {
                write!(f, "truncate the file of {relation} to {pages} pages")
            }
            Self::RemoveFile { relation } => write!(f, "remove the file of {relation}"),
            Self::FlipWalTail => f.write_str("flip the tail of the WAL"),
            Self::RemoveWal => f.write_str("remove the WAL"),
            Self::CorruptControlFile => f.write_str("corrupt pg_control"),
            Self::BypassIndex { index, .. } => write!(f, "write past the index {index}"),
            Self::BypassTriggers { .. } => f.write_str("write past triggers and foreign keys"),
            Self::RewindSequence { sequence, next } => {
                write!(f, "rewind the sequence {sequence} to {next}")
            }
            Self::InvalidIndex { table, index, .. } => {
                write!(f, "leave the invalid index {index} on {table}")
            }
            Self::PreparedTransaction { name, .. } => {
                write!(f, "leave the prepared transaction {name}")
            }
        }
    }
}
