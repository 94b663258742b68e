//! Owning a database: taking a spare one, and giving it up by dropping the lock or by dying.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::attachment::Attachment;
use super::layout::names_in;
use super::lock::{Lock, Mode};
use crate::postgres::error::PostgresError;

/// How long to wait for a spare database. Making one takes some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database of ours. Its supervisor drops it when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) name: String,
    lock: Lock,
}

impl Claim {
    /// Gives the database to the server, which keeps it to copy from. `made_from` says what it is.
    pub(super) fn give(self, server: &Attachment, made_from: &str) -> Result<(), PostgresError> {
        let layout = server.layout();
        let (taken, template) =
            (layout.taken().join(&self.name), layout.templates().join(&self.name));
        self.lock.write(made_from).map_err(PostgresError::file("write", &taken))?;
        // Still locked: among the taken ones it would be dropped otherwise.
        fs::rename(&taken, &template).map_err(PostgresError::file("rename", &taken))
    }
}

/// What the file of an owned database says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// The owner.
    pub(super) process: u32,
    /// Whether the database is to outlive its owner.
    pub(super) keep: bool,
}

impl Note {
    /// What a file says. None if it is no file of an owned database.
    pub(super) fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }
}

/// Takes a spare database of the server.
///
/// # Errors
///
/// When there is none for too long. `Ok(None)` when the supervisor is gone, and with it the server.
pub(super) fn claim(server: &Attachment, keep: bool) -> Result<Option<Claim>, PostgresError> {
    let deadline = Instant::now() + PATIENCE;
    let layout = server.layout();
    loop {
        for name in names_in(&layout.spare())? {
            if let Some(claim) = take(server, name, keep)? {
                return Ok(Some(claim));
            }
        }
        if !server.is_supervised() {
            return Ok(None);
        }
        if Instant::now() > deadline {
            let action = format!(
                "wait for a database from the supervisor of the server, process {} in {}{}",
                server.state().supervisor,
                layout.home().display(),
                server.trouble()
            );
            return Err(PostgresError::TimedOut { action, limit: PATIENCE });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Takes this database, unless someone else was faster.
fn take(server: &Attachment, name: String, keep: bool) -> Result<Option<Claim>, PostgresError> {
    let (spare, taken) = (server.layout().spare().join(&name), server.layout().taken().join(&name));
    let vanished = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let lock = match Lock::try_take(&spare, Mode::Exclusive) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Ok(None),
        Err(error) if vanished(&error) => return Ok(None),
        Err(error) => return Err(PostgresError::file("lock", &spare)(error)),
    };
    let note = Note { process: std::process::id(), keep };
    let text = serde_json::to_string(&note).map_err(std::io::Error::from);
    text.and_then(|text| lock.write(&text)).map_err(PostgresError::file("write", &spare))?;
    // Locked before it is moved: among the taken ones it would be dropped otherwise.
    match fs::rename(&spare, &taken) {
        Ok(()) => Ok(Some(Claim { name, lock })),
        Err(error) if vanished(&error) => Ok(None),
        Err(error) => Err(PostgresError::file("rename", &spare)(error)),
    }
}
