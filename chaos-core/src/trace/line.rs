//! What is kept of one event, or of the beginning or the end of a span.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{Display, rounded};

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TraceKind {
    /// Something happened.
    Event,
    /// A span was opened.
    Opened,
    /// A span was closed, for good.
    Closed,
}

/// One event, or the beginning or the end of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceLine {
    /// When, in nanoseconds since the attempt began: the time base of the journal.
    pub at: u64,
    /// What it tells.
    pub kind: TraceKind,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// Who tells it, usually the path of a module.
    pub target: String,
    /// The spans that it happened in, from the outermost, with their fields: `request{id=3}:transfer`.
    /// Of a span, those around it and itself. Empty outside of any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub spans: String,
    /// The message and the fields of an event; empty for spans.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How long a span that was closed had been open, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
}

impl TraceLine {
    /// When, as a time since the attempt began.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.at)
    }
}

impl fmt::Display for TraceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, target, spans, text, .. } = self;
        write!(f, "{level} {target}: ")?;
        match self.kind {
            TraceKind::Event if spans.is_empty() => f.write_str(text),
            TraceKind::Event => write!(f, "{spans}: {text}"),
            TraceKind::Opened => write!(f, "{spans}: opened"),
            TraceKind::Closed => {
                let took = Duration::from_nanos(self.took.unwrap_or_default());
                write!(f, "{spans}: closed after {}", Display(rounded(took)))
            }
        }
    }
}

/// The same as it is written, without a copy of its texts.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    pub(super) at: u64,
    pub(super) kind: TraceKind,
    pub(super) level: &'a str,
    pub(super) target: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) spans: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took: Option<u64>,
}
