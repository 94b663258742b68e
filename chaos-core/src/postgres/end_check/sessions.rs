//! What the server knows of the sessions in a database.

use std::fmt;
use std::time::Duration;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::postgres::endpoint::{self, Endpoint, OURS, not_ours};
use crate::postgres::error::PostgresError;
use crate::postgres::quoting::literal;
use crate::postgres::server::Database;

/// How long the server may take to answer. A test may have stopped or paused it.
const LIMIT: Duration = Duration::from_millis(1500);

/// How much of the last statement belongs in a message.
const WORDS: usize = 120;

/// A session of the application.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) process: i32,
    /// When its transaction began; empty if it has none.
    pub(super) transaction: String,
    pub(super) advisory_locks: u32,
    state: String,
    role: String,
    application: String,
    seconds: String,
    locks: u32,
    statement: String,
}

impl Session {
    pub(super) fn is_idle_in_transaction(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state.starts_with("idle")
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, state, role, application, seconds, locks, statement, .. } = self;
        write!(f, "session {process} of `{role}`")?;
        if !application.is_empty() {
            write!(f, " (application `{application}`)")?;
        }
        write!(f, " is {state} for {seconds} s")?;
        if *locks > 0 {
            write!(f, " and holds {locks} lock(s)")?;
        }
        let words: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "; its last statement: {}", words.chars().take(WORDS).collect::<String>())
    }
}

/// What the server says.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sessions: Vec<Session>,
    /// Name, owner and time of each prepared transaction.
    pub(super) prepared: Vec<(String, String, String)>,
}

/// Asks the server, on a connection that is opened with the first question.
#[derive(Debug)]
pub(super) struct Witness {
    endpoint: Endpoint,
    client: Option<Client>,
}

impl Witness {
    pub(super) fn new(database: &Database) -> Self {
        Self { endpoint: database.endpoint().clone(), client: None }
    }

    pub(super) async fn look(&mut self, database: &str) -> Result<Found, PostgresError> {
        let action = || "ask the server for its sessions".to_owned();
        let looking = async {
            let client = match self.client.take() {
                Some(client) => client,
                None => self.connect().await?,
            };
            let asked = client.simple_query(&question(&self.endpoint, database)).await;
            let answer = asked.map_err(PostgresError::sql(action()))?;
            self.client = Some(client);
            Ok(understood(&answer))
        };
        tokio::time::timeout(LIMIT, looking)
            .await
            .map_err(|_| PostgresError::TimedOut { action: action(), limit: LIMIT })?
    }

    async fn connect(&self) -> Result<Client, PostgresError> {
        let mut config = self.endpoint.administrator(&self.endpoint.maintenance);
        config.application_name(format!("{OURS}end of test"));
        endpoint::open(config.connect(NoTls), "as superuser", ()).await
    }
}

/// Both questions in one round trip.
fn question(endpoint: &Endpoint, database: &str) -> String {
    // On a server of ours every session of a superuser is one that the library or the test opened on
    // purpose, past the application.
    let others = match &endpoint.owner_password {
        Some(_) => format!("AND usename <> {}", literal(&endpoint.admin.user)),
        None => String::new(),
    };
    let (database, not_ours) = (literal(database), not_ours());
    format!(
        "SELECT pid, state, usename, application_name, \
             round(extract(epoch FROM clock_timestamp() - state_change)::numeric, 1), \
             xact_start, query, \
             (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid AND l.granted \
                 AND locktype NOT IN ('virtualxid', 'transactionid')), \
             (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid AND l.granted \
                 AND locktype = 'advisory') \
         FROM pg_stat_activity a \
         WHERE datname = {database} AND backend_type = 'client backend' AND state IS NOT NULL \
             AND pid <> pg_backend_pid() AND {not_ours} {others}; \
         SELECT gid, owner, prepared FROM pg_prepared_xacts WHERE database = {database}"
    )
}

fn understood(answer: &[SimpleQueryMessage]) -> Found {
    let mut found = Found::default();
    for message in answer {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let text = |column: usize| row.get(column).unwrap_or_default().to_owned();
        if row.len() == 3 {
            found.prepared.push((text(0), text(1), text(2)));
        } else {
            found.sessions.extend(session(row));
        }
    }
    found
}

fn session(row: &SimpleQueryRow) -> Option<Session> {
    let text = |column: usize| row.get(column).unwrap_or_default().to_owned();
    Some(Session {
        process: text(0).parse().ok()?,
        state: text(1),
        role: text(2),
        application: text(3),
        seconds: text(4),
        transaction: text(5),
        statement: text(6),
        locks: text(7).parse().ok()?,
        advisory_locks: text(8).parse().ok()?,
    })
}
