//! How triggers on messages are written in reports.

use std::fmt;

use super::{At, Count, MessageTrigger, Moment, StatementPattern, Which};
use crate::direction::Directions;

/// `after CommandComplete INSERT 2`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            At::Before => write!(f, "at {}", self.message),
            At::After => write!(f, "after {}", self.message),
            At::Half => write!(f, "inside {}", self.message),
            At::Inside(bytes) => write!(f, "{bytes} B into {}", self.message),
        }
    }
}

impl fmt::Display for MessageTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.which.fmt(f)?;
        match self.count {
            Count::Every => {}
            Count::Nth(n) => write!(f, " number {n}")?,
            Count::EveryNth(n) => write!(f, ", 1 in {n}")?,
            Count::First(n) => write!(f, ", the first {n}")?,
        }
        if self.over_link { f.write_str(" of the link") } else { Ok(()) }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => kind.fmt(f),
            Self::Statement(pattern) => write!(f, "request {pattern}"),
            Self::StatementComplete(pattern) => write!(f, "answer to {pattern}"),
            Self::Tag(tag) => write!(f, "answer {tag}"),
            Self::Ordinal(direction, n) => {
                let directions = Directions::from(*direction);
                write!(f, "message {n} {directions}")
            }
        }
    }
}

impl fmt::Display for StatementPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit => f.write_str("COMMIT"),
            Self::Prefix(prefix) if prefix.is_empty() => f.write_str("of any statement"),
            Self::Prefix(prefix) => write!(f, "`{prefix}`"),
            Self::Regex(regex) => write!(f, "/{}/", regex.as_str()),
            Self::Like(sql) => write!(f, "like `{sql}`"),
        }
    }
}
