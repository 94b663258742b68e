//! The SQL behind the statements and portals of a session.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::wire::sql::{self, Statement};

/// The SQL of a statement or query, as it was sent, up to what is kept of it.
#[derive(Debug, Default)]
pub(crate) struct SqlText {
    bytes: Vec<u8>,
    statements: OnceLock<Vec<Statement>>,
}

/// Shared by all that refer to it.
pub(crate) type Sql = Arc<SqlText>;

impl SqlText {
    /// As it was sent.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Its statements, to be compared. They are worked out once.
    pub(crate) fn statements(&self) -> &[Statement] {
        self.statements.get_or_init(|| sql::statements(&self.text()))
    }
}

/// What is known of the statements and portals of a session.
#[derive(Debug, Default)]
pub(super) struct Statements {
    unnamed: Option<Sql>,
    named: HashMap<Vec<u8>, Sql>,
    unnamed_portal: Option<Sql>,
    named_portals: HashMap<Vec<u8>, Sql>,
    /// One that nobody refers to, so that a session which goes on and on needs no new memory.
    spare: Option<Sql>,
}

impl Statements {
    /// Keeps the SQL of a query.
    pub(super) fn keep(&mut self, sql: &[u8]) -> Sql {
        let mut kept = self.spare.take().unwrap_or_default();
        if let Some(text) = Arc::get_mut(&mut kept) {
            text.bytes.clear();
            text.bytes.extend_from_slice(sql);
            text.statements = OnceLock::new();
            return kept;
        }
        Arc::new(SqlText { bytes: sql.to_vec(), statements: OnceLock::new() })
    }

    /// Takes back what a request referred to.
    pub(super) fn give_back(&mut self, sql: Option<Sql>) {
        if let Some(mut sql) = sql {
            if Arc::get_mut(&mut sql).is_some() {
                self.spare = Some(sql);
            }
        }
    }

    /// A `Parse`: its name, and its SQL.
    pub(super) fn parse(&mut self, head: &[u8]) {
        let (name, rest) = split(head);
        let (sql, _) = split(rest);
        if name.is_empty() {
            let before = self.unnamed.take();
            self.give_back(before);
        }
        let sql = self.keep(sql);
        if name.is_empty() {
            self.unnamed = Some(sql);
        } else {
            self.named.insert(name.to_vec(), sql);
        }
    }

    /// A `Bind`: the portal, and the statement.
    pub(super) fn bind(&mut self, head: &[u8]) {
        let (portal, rest) = split(head);
        let (statement, _) = split(rest);
        let sql = if statement.is_empty() {
            self.unnamed.clone()
        } else {
            self.named.get(statement).cloned()
        };
        if portal.is_empty() {
            let before = std::mem::replace(&mut self.unnamed_portal, sql);
            self.give_back(before);
        } else if let Some(sql) = sql {
            self.named_portals.insert(portal.to_vec(), sql);
        }
    }

    /// The SQL of the portal that an `Execute` runs.
    pub(super) fn execute(&self, head: &[u8]) -> Option<Sql> {
        let (portal, _) = split(head);
        if portal.is_empty() {
            return self.unnamed_portal.clone();
        }
        self.named_portals.get(portal).cloned()
    }

    /// A `Close` of a statement or a portal.
    pub(super) fn close(&mut self, head: &[u8]) {
        let Some((kind, rest)) = head.split_first() else { return };
        let (name, _) = split(rest);
        match (kind, name.is_empty()) {
            (b'S', true) => self.unnamed = None,
            (b'S', false) => drop(self.named.remove(name)),
            (_, true) => self.unnamed_portal = None,
            (_, false) => drop(self.named_portals.remove(name)),
        }
    }

    /// The transaction is over, and with it its portals.
    pub(super) fn end_transaction(&mut self) {
        self.named_portals.clear();
    }

    /// All statements were dropped by SQL.
    pub(super) fn forget(&mut self) {
        self.named.clear();
    }
}

/// Splits a text that ends with a zero byte from what follows. The zero may be missing where only
/// the beginning of a message is kept.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}
