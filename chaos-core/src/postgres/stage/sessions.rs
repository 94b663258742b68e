//! The sessions of the application in the database.

use std::fmt;

use tokio_postgres::Row;

use crate::postgres::Postgres;
use crate::postgres::endpoint::not_ours;
use crate::postgres::quoting::literal;

/// How much of the last statement belongs in a sentence.
const WORDS: usize = 120;

/// A session of the application.
#[derive(Debug, Clone)]
pub(crate) struct OpenSession {
    pub(crate) process: i32,
    state: String,
    statement: String,
}

impl OpenSession {
    pub(super) fn read(row: &Row) -> Self {
        let text = |column: usize| row.get::<_, Option<String>>(column).unwrap_or_default();
        Self { process: row.get(0), state: text(1), statement: text(2) }
    }

    /// Whether it does nothing and is in no transaction.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state == "idle"
    }
}

impl fmt::Display for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: String = self.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = words.chars().take(WORDS).collect();
        write!(f, "a session is {}; its last statement: {words}", self.state)
    }
}

/// Past the view of the same name, which looks up names that nobody asks for.
pub(super) fn question(postgres: &Postgres) -> String {
    format!(
        "SELECT s.pid, s.state, s.query FROM pg_catalog.pg_stat_get_activity(NULL) s \
         WHERE s.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = {}) \
           AND s.backend_type = 'client backend' AND s.pid <> pg_catalog.pg_backend_pid() \
           AND {}",
        literal(postgres.database()),
        not_ours()
    )
}

/// Who holds how many advisory locks of the database.
pub(super) fn locks(postgres: &Postgres) -> String {
    format!(
        "SELECT l.pid, pg_catalog.count(*) FROM pg_catalog.pg_lock_status() l \
         WHERE l.locktype = 'advisory' AND l.pid IS NOT NULL AND l.database = \
           (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = {}) \
         GROUP BY 1",
        literal(postgres.database())
    )
}
