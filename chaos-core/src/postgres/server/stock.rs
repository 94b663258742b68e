//! Making databases ahead, and dropping those that nobody owns any more.
//!
//! Only the supervisor does either. A file with the name of a database exists before the database
//! and longer than it, so that none is forgotten whenever a process is killed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::claim::Note;
use super::fingerprint::random_digits;
use super::initdb::write_secret;
use super::layout::{Layout, names_in};
use super::lock::{Lock, Mode};
use super::process;
use crate::postgres::endpoint::{self, Endpoint};
use crate::postgres::error::PostgresError;

/// How long one statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(15);

/// How long to leave a database alone that could not be dropped.
const PAUSE: Duration = Duration::from_secs(1);

/// The administrator's connection, which is opened again when it was lost.
#[derive(Debug)]
pub(super) struct Session {
    endpoint: Endpoint,
    /// By which the server knows the connections of this supervisor.
    name: String,
    client: Option<Client>,
}

impl Session {
    pub(super) fn new(endpoint: &Endpoint, layout: &Layout) -> Self {
        let name = session_name(layout);
        Self { endpoint: endpoint.clone(), name, client: None }
    }

    /// Runs one statement, and returns the first column of the rows.
    pub(super) async fn run(&mut self, sql: &str) -> Result<Vec<String>, PostgresError> {
        let database = self.endpoint.maintenance.clone();
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => connect(&self.endpoint, &database, &self.name).await?,
        };
        // Put back only when the statement has ended: an unfinished one would delay the next.
        let rows = run_on(&client, sql).await;
        if !matches!(rows, Err(PostgresError::TimedOut { .. })) {
            self.client = Some(client);
        }
        rows
    }
}

/// What the sessions of the supervisor of this server are called.
fn session_name(layout: &Layout) -> String {
    format!("{}supervisor of {}", endpoint::OURS, process::cluster_name(layout.home()))
}

async fn connect(endpoint: &Endpoint, database: &str, name: &str) -> Result<Client, PostgresError> {
    let mut config = endpoint.own_session(database, STATEMENT_LIMIT);
    config.application_name(name);
    let what = format!("to {}", endpoint.upstream());
    endpoint::open(config.connect(NoTls), &what, ()).await
}

async fn run_on(client: &Client, sql: &str) -> Result<Vec<String>, PostgresError> {
    // A statement may hold a password; its first words say enough.
    let action = || sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let messages = tokio::time::timeout(STATEMENT_LIMIT, client.simple_query(sql))
        .await
        .map_err(|_| PostgresError::TimedOut { action: action(), limit: STATEMENT_LIMIT })?
        .map_err(PostgresError::sql(action()))?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(rows.collect())
}

/// Makes databases.
#[derive(Debug)]
pub(super) struct Maker {
    session: Session,
    layout: Layout,
    /// What follows the name in `CREATE DATABASE`.
    options: &'static str,
}

impl Maker {
    /// `by_files` copies files instead of writing every page to the log as well. It needs
    /// checkpoints, which are cheap only where nothing waits for the disk.
    pub(super) fn new(endpoint: &Endpoint, layout: &Layout, by_files: bool) -> Self {
        let options = match by_files {
            true => "TEMPLATE template0 STRATEGY file_copy",
            false => "TEMPLATE template0",
        };
        Self { session: Session::new(endpoint, layout), layout: layout.clone(), options }
    }

    /// Makes databases until `count` are spare.
    pub(super) async fn fill(&mut self, count: usize) -> Result<(), PostgresError> {
        while names_in(&self.layout.spare())?.len() < count {
            self.make().await?;
        }
        Ok(())
    }

    async fn make(&mut self) -> Result<(), PostgresError> {
        let name = format!("chaos_{}", random_digits(12)?);
        let file = self.layout.making().join(&name);
        write_secret(&file, "")?;
        let made = self.create(&name).await;
        // Where nobody locks it, it will be dropped.
        let next = if made.is_ok() { self.layout.spare() } else { self.layout.taken() };
        fs::rename(&file, next.join(&name)).map_err(PostgresError::file("rename", &file))?;
        made
    }

    async fn create(&mut self, name: &str) -> Result<(), PostgresError> {
        let options = self.options;
        let owner = match self.session.endpoint.owner_password.clone() {
            None => String::new(),
            Some(password) => {
                self.session
                    .run(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"))
                    .await?;
                format!("OWNER {name} ")
            }
        };
        self.session.run(&format!("CREATE DATABASE {name} {owner}{options}")).await?;
        // The first connection to a database builds a file that all later ones read. Without it
        // they are slower, and nothing else.
        drop(connect(&self.session.endpoint, name, &self.session.name).await);
        Ok(())
    }
}

/// Drops databases.
#[derive(Debug)]
pub(super) struct Cleaner {
    session: Session,
    layout: Layout,
    /// When to try again what could not be dropped.
    postponed: HashMap<String, Instant>,
}

impl Cleaner {
    pub(super) fn new(endpoint: &Endpoint, layout: &Layout) -> Self {
        let session = Session::new(endpoint, layout);
        Self { session, layout: layout.clone(), postponed: HashMap::new() }
    }

    /// Drops every database whose owner gave it up or died, unless it is to be kept.
    pub(super) async fn sweep(&mut self) -> Result<(), PostgresError> {
        for name in names_in(&self.layout.taken())? {
            let file = self.layout.taken().join(&name);
            let postponed = self.postponed.get(&name).is_some_and(|until| *until > Instant::now());
            // The lock is held until the file is gone, so that nobody takes it for an owned one.
            let Some(_lock) = (!postponed).then(|| abandoned(&file)).flatten() else { continue };
            if Note::read(&file).is_some_and(|note| note.keep) {
                let kept = self.layout.kept().join(&name);
                fs::rename(&file, kept).map_err(PostgresError::file("rename", &file))?;
                continue;
            }
            if self.drop(&name).await.is_ok() {
                self.postponed.remove(&name);
                fs::remove_file(&file).map_err(PostgresError::file("remove", &file))?;
            } else {
                self.postponed.insert(name, Instant::now() + PAUSE);
            }
        }
        Ok(())
    }

    /// Drops every database that nobody owns, spare or not. Returns whether none is left.
    pub(super) async fn drop_all(&mut self) -> Result<bool, PostgresError> {
        for directory in [self.layout.making(), self.layout.spare(), self.layout.templates()] {
            for name in names_in(&directory)? {
                let file = directory.join(&name);
                fs::rename(&file, self.layout.taken().join(&name))
                    .map_err(PostgresError::file("rename", &file))?;
            }
        }
        self.postponed.clear();
        self.end_others().await?;
        self.sweep().await?;
        Ok(names_in(&self.layout.taken())?.is_empty())
    }

    /// Ends statements that a supervisor, this one included, left unfinished: a database that is
    /// still being created cannot be seen yet.
    async fn end_others(&mut self) -> Result<(), PostgresError> {
        let name = session_name(&self.layout);
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND pid <> pg_backend_pid()"
        );
        let deadline = Instant::now() + STATEMENT_LIMIT;
        while !self.session.run(&end).await?.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn drop(&mut self, name: &str) -> Result<(), PostgresError> {
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        if self.session.run(&statement).await.is_err() {
            self.free(name).await?;
            self.session.run(&statement).await?;
        }
        if self.session.endpoint.owner_password.is_some() {
            self.session.run(&format!("DROP ROLE IF EXISTS {name}")).await?;
        }
        Ok(())
    }

    /// Removes what keeps a database from being dropped, beside connections.
    async fn free(&mut self, name: &str) -> Result<(), PostgresError> {
        let prepared = format!(
            "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts \
             WHERE database = '{name}'"
        );
        let rollbacks = self.session.run(&prepared).await?;
        if !rollbacks.is_empty() {
            // Only a connection to the same database may end them.
            let client = connect(&self.session.endpoint, name, &self.session.name).await?;
            for rollback in rollbacks {
                run_on(&client, &rollback).await?;
            }
        }
        let slots = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
             WHERE database = '{name}' AND NOT active"
        );
        self.session.run(&slots).await?;
        Ok(())
    }
}

/// The lock on the file of a database, if nobody owns it.
fn abandoned(file: &Path) -> Option<Lock> {
    Lock::try_take(file, Mode::Exclusive).ok().flatten()
}
