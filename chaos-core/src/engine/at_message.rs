//! Waiting for a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_lite::Regex;

use crate::trigger::message::{At, Backend, MessageKind, Moment, StatementPattern, Which};
use crate::wire::postgres::{Message, Session, Sql, commits};
use crate::wire::sql;

/// A moment at a message for which a fault waits.
#[derive(Debug)]
pub(super) struct AtMessage {
    moment: Moment,
    pattern: Pattern,
    /// How many messages counted on this connection.
    matched: u64,
    counts_over_link: bool,
    /// How many counted on all connections of the link.
    pub(super) over_link: Arc<AtomicU64>,
}

/// A pattern, made ready to be compared.
#[derive(Debug)]
enum Pattern {
    None,
    Commit,
    Prefix(String),
    Regex(Regex),
    Like(Vec<String>),
}

impl AtMessage {
    /// Which counts over all connections of the link, or on each as the trigger has it.
    pub(super) fn new(moment: &Moment, counts_over_link: bool) -> Self {
        let pattern = match &moment.message.which {
            Which::Statement(pattern) | Which::StatementComplete(pattern) => Pattern::new(pattern),
            _ => Pattern::None,
        };
        let counts_over_link = counts_over_link || moment.message.over_link;
        let moment = moment.clone();
        Self { moment, pattern, matched: 0, counts_over_link, over_link: Arc::default() }
    }

    /// Whether this is the message, which is counted.
    pub(super) fn is(&mut self, message: &Message, session: &Session) -> bool {
        if !self.counts(message, session) {
            return false;
        }
        self.matched += 1;
        let over_link = self.over_link.fetch_add(1, Ordering::Relaxed) + 1;
        let count = if self.counts_over_link { over_link } else { self.matched };
        self.moment.message.count.includes(count)
    }

    /// Where at the message the fault begins to act.
    pub(super) fn at(&self) -> At {
        self.moment.at
    }

    fn counts(&self, message: &Message, session: &Session) -> bool {
        match (&self.moment.message.which, message.kind) {
            (Which::Kind(kind), is) => *kind == is,
            (Which::Ordinal(direction, n), _) => {
                message.direction == *direction && message.nth == n.get()
            }
            (Which::Tag(tag), MessageKind::Backend(Backend::CommandComplete)) => {
                session.tag().starts_with(tag.as_str())
            }
            (Which::StatementComplete(_), MessageKind::Backend(Backend::CommandComplete)) => {
                self.pattern.is_like(message.sql.as_ref())
            }
            (Which::Statement(_), MessageKind::Frontend(_)) => {
                self.pattern.is_like(message.sql.as_ref())
            }
            _ => false,
        }
    }
}

impl Pattern {
    fn new(pattern: &StatementPattern) -> Self {
        match pattern {
            StatementPattern::Commit => Self::Commit,
            StatementPattern::Prefix(prefix) => {
                Self::Prefix(sql::statements(prefix).into_iter().next().unwrap_or_default().text)
            }
            // It was compiled before, so that it does again.
            StatementPattern::Regex(regex) => {
                Regex::new(regex.as_str()).map_or(Self::None, Self::Regex)
            }
            StatementPattern::Like(sql) => {
                Self::Like(sql::statements(sql).into_iter().map(|one| one.fingerprint).collect())
            }
        }
    }

    fn is_like(&self, sql: Option<&Sql>) -> bool {
        let Some(sql) = sql else { return false };
        match self {
            Self::None => false,
            Self::Commit => commits(sql),
            Self::Prefix(prefix) if prefix.is_empty() => true,
            Self::Prefix(prefix) => sql.statements().iter().any(|one| one.text.starts_with(prefix)),
            Self::Regex(regex) => regex.is_match(&sql.text()),
            Self::Like(all) => {
                let mut statements = sql.statements().iter();
                statements.any(|statement| all.contains(&statement.fingerprint))
            }
        }
    }
}
