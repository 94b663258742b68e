//! One line of a history.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a history: an operation was invoked, or completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the entry in its history, counted from 0.
    #[serde(default)]
    pub index: u64,
    /// When, in nanoseconds since the history began.
    #[serde(default)]
    pub time: i64,
    /// Who did it.
    pub process: Process,
    /// Whether the operation was invoked, or how it completed.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Which operation, such as `read`.
    #[serde(default)]
    pub f: Option<String>,
    /// Its argument, and its result once it is known.
    #[serde(default)]
    pub value: Value,
    /// Why it did not succeed, or may not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

/// Whether an operation was invoked, or how it completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// It was invoked.
    Invoke,
    /// It took effect.
    Ok,
    /// It certainly took no effect.
    Fail,
    /// It may take effect, now or at any later time, or never.
    Info,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Process {
    /// One of the clients, which has at most one operation under way.
    Client(i64),
    /// Somebody else by this name, such as `nemesis`, who injects faults. Checkers leave it out.
    Other(String),
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(f, "process {number}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}
