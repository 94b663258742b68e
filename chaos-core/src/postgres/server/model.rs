//! Finding the database that tests start from a copy of, or becoming the one that makes it.
//!
//! One process makes it while the others wait, which a lock decides; it is a spare database until
//! then, so nothing stays when its maker is killed or fails.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Database;
use super::attachment::Attachment;
use super::claim::{self, Claim};
use super::fingerprint::fingerprint;
use super::layout::{Layout, names_in};
use super::lock::{Lock, Mode};
use crate::postgres::error::PostgresError;

/// How long to wait for another process that makes the same database.
const PATIENCE: Duration = Duration::from_secs(150);

/// The database to copy.
#[derive(Debug)]
pub(in crate::postgres) enum Model {
    /// It is there, under this name.
    Ready(String),
    /// It is not, and whoever asked is to make it.
    Missing(Leader),
}

/// Makes a database that others are waiting for; gives up when dropped.
#[derive(Debug)]
pub(in crate::postgres) struct Leader {
    claim: Claim,
    server: Arc<Attachment>,
    made_from: String,
    _lock: Lock,
}

impl Leader {
    /// The name of the database, which is empty.
    pub(in crate::postgres) fn database(&self) -> &str {
        &self.claim.name
    }

    /// Lets everyone copy it.
    pub(in crate::postgres) fn keep(self) -> Result<(), PostgresError> {
        self.claim.give(&self.server, &self.made_from)
    }
}

/// Finds the database that was made from this, on the server of `database`.
pub(in crate::postgres) fn find(
    database: &Database,
    name: &str,
    made_from: &str,
) -> Result<Model, PostgresError> {
    let server = &database.server;
    let layout = server.layout();
    let path = layout.template_lock(&fingerprint(made_from));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(ready) = made(layout, made_from)? {
            return Ok(Model::Ready(ready));
        }
        let lock = Lock::try_take_new(&path, Mode::Exclusive);
        if let Some(lock) = lock.map_err(PostgresError::file("lock", &path))? {
            // Whoever had the lock may just have made it.
            if let Some(ready) = made(layout, made_from)? {
                return Ok(Model::Ready(ready));
            }
            let claim = claim::claim(server, false)?.ok_or_else(|| PostgresError::Start {
                reason: "it ended while a template was made".to_owned(),
            })?;
            let (server, made_from) = (Arc::clone(server), made_from.to_owned());
            return Ok(Model::Missing(Leader { claim, server, made_from, _lock: lock }));
        }
        if Instant::now() > deadline {
            let action = format!("wait for another process that makes the template `{name}`");
            return Err(PostgresError::TimedOut { action, limit: PATIENCE });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn made(layout: &Layout, made_from: &str) -> Result<Option<String>, PostgresError> {
    let mut names = names_in(&layout.templates())?.into_iter();
    let is_it = |name: &String| {
        fs::read_to_string(layout.templates().join(name)).is_ok_and(|text| text == made_from)
    };
    Ok(names.find(is_it))
}
