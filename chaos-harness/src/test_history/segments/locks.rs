//! Who waits for whom at the files of a history.
//!
//! | lock | held | by |
//! |---|---|---|
//! | `files.lock`, beside others | from choosing a file until the line is in it | whoever appends |
//! | | until all files are open | whoever reads |
//! | `files.lock`, alone | while a compact file gets its name and others are removed | whoever replaces files |
//! | `compact.lock` | from reading what is replaced until it is | whoever replaces files |
//!
//! Who holds both took `compact.lock` first. Who appends waits at most for a few files to be named and
//! removed, never for their lines to be read. Who makes files compact does not insist: files may stay
//! as many as they are until the next line is appended, so it gives up when others append without a
//! pause, or were stopped in the midst of it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file_lock;

/// How often somebody who does not insist tries to be alone, and how long after each try it waits. An
/// append takes less than a tenth of that pause.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(1);

/// The locks of one directory.
#[derive(Debug)]
pub(super) struct Locks {
    files: PathBuf,
    compact: PathBuf,
}

/// Holds a lock until it is dropped.
#[derive(Debug)]
#[must_use = "a lock is released when it is dropped"]
pub(super) struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        file_lock::release(&self.0);
    }
}

impl Locks {
    pub(super) fn of(directory: &Path) -> Self {
        Self { files: directory.join("files.lock"), compact: directory.join("compact.lock") }
    }

    /// Keeps the files from being removed.
    pub(super) fn beside_others(&self) -> io::Result<Held> {
        let file = open(&self.files)?;
        file_lock::shared(&file)?;
        Ok(Held(file))
    }

    /// Keeps the files from being removed. There is nothing to hold where nobody appends, such as in
    /// what another machine left.
    pub(super) fn to_read(&self) -> io::Result<Option<Held>> {
        let Some(file) = self.open_to_read()? else { return Ok(None) };
        file_lock::shared(&file)?;
        Ok(Some(Held(file)))
    }

    /// Waits until nobody appends and nobody opens files, and keeps them from it.
    pub(super) fn alone(&self) -> io::Result<Held> {
        let file = open(&self.files)?;
        file_lock::exclusive(&file)?;
        Ok(Held(file))
    }

    /// The same, unless that takes long.
    pub(super) fn try_alone(&self) -> io::Result<Option<Held>> {
        try_alone(open(&self.files)?)
    }

    /// Waits until everybody has finished who is appending now, unless that takes long. Says whether
    /// they have.
    pub(super) fn all_have_finished(&self) -> io::Result<bool> {
        let Some(file) = self.open_to_read()? else { return Ok(true) };
        Ok(try_alone(file)?.is_some())
    }

    /// Waits until nobody else replaces files, and keeps others from it.
    pub(super) fn to_replace(&self) -> io::Result<Held> {
        let file = open(&self.compact)?;
        file_lock::exclusive(&file)?;
        Ok(Held(file))
    }

    /// The same, unless somebody else does.
    pub(super) fn try_to_replace(&self) -> io::Result<Option<Held>> {
        let file = open(&self.compact)?;
        Ok(file_lock::try_exclusive(&file)?.then_some(Held(file)))
    }

    /// `files.lock` for somebody who may not be allowed to write; absent if nobody has made it and this
    /// process may not.
    fn open_to_read(&self) -> io::Result<Option<File>> {
        match File::open(&self.files) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => return other.map(Some),
        }
        match open(&self.files) {
            Err(error) if may_not_write(&error) => Ok(None),
            other => other.map(Some),
        }
    }
}

fn try_alone(file: File) -> io::Result<Option<Held>> {
    for _ in 0..TRIES {
        if file_lock::try_exclusive(&file)? {
            return Ok(Some(Held(file)));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

fn may_not_write(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}
