//! Why a history cannot be read.

use std::io;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The source could not be read.
    #[error("cannot read the history")]
    Read(#[source] io::Error),
    /// A line is no entry of a history.
    #[error(
        "line {line} is no entry of a history; it has to be an object such as \
         {{\"process\": 0, \"type\": \"ok\", \"f\": \"read\", \"value\": 1}}"
    )]
    Line {
        /// The number of the line, counted from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The text is no EDN, or not made of entries.
    #[error("line {line}: {what}")]
    Edn {
        /// The number of the line, counted from 1.
        line: u64,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// A process completed an operation that it had not invoked, or invoked one during another.
    #[error("entry {entry}: {process} {what}")]
    Order {
        /// The number of the entry, counted from 0.
        entry: u64,
        /// The process.
        process: String,
        /// What it did.
        what: &'static str,
    },
    /// The value of an operation is not what the checker works with.
    #[error("entry {entry}: {what}")]
    Value {
        /// The number of the entry, counted from 0.
        entry: u64,
        /// What is wrong, and what is expected.
        what: String,
    },
}
