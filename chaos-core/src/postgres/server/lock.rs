//! Locks on files, which the kernel releases however their holder dies.
//!
//! The standard library opens every file so that child processes do not inherit it, and with it the
//! lock.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// Who else may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everyone who holds it in this mode.
    Shared,
    /// Nobody.
    Exclusive,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock on an existing file, unless someone holds it.
    ///
    /// # Errors
    ///
    /// When the file does not exist or cannot be opened.
    pub(super) fn try_take(path: &Path, mode: Mode) -> io::Result<Option<Self>> {
        Self::try_take_with(path, mode, OpenOptions::new().read(true).write(true))
    }

    /// Takes the lock on a file, which is created if need be, unless someone holds it.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or opened.
    pub(super) fn try_take_new(path: &Path, mode: Mode) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Self::try_take_with(path, mode, &options)
    }

    fn try_take_with(path: &Path, mode: Mode, options: &OpenOptions) -> io::Result<Option<Self>> {
        let lock = Self { file: options.open(path)? };
        if !lock.try_change(mode)? {
            return Ok(None);
        }
        // Its last holder may have removed the file after we opened it; a lock on a file that
        // nobody else can find keeps nobody out.
        Ok(lock.is_still_at(path).then_some(lock))
    }

    /// Takes the lock again in another mode, unless that would disturb someone.
    pub(super) fn try_change(&self, mode: Mode) -> io::Result<bool> {
        let operation = match mode {
            Mode::Shared => FlockOperation::NonBlockingLockShared,
            Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match rustix::fs::flock(&self.file, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets others take it, but keeps the file open.
    pub(super) fn release(&self) -> io::Result<()> {
        Ok(rustix::fs::flock(&self.file, FlockOperation::Unlock)?)
    }

    /// Whether the locked file is the one that the path leads to.
    pub(super) fn is_still_at(&self, path: &Path) -> bool {
        let (Ok(ours), Ok(there)) = (self.file.metadata(), fs::metadata(path)) else {
            return false;
        };
        (ours.dev(), ours.ino()) == (there.dev(), there.ino())
    }

    /// Whether the locked file says anything.
    pub(super) fn is_written(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() > 0)
    }

    /// Replaces what the locked file says.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.file.set_len(0)?;
        self.file.write_all_at(text.as_bytes(), 0)
    }
}

/// Whether someone holds an exclusive lock on the file.
pub(super) fn is_held(path: &Path) -> bool {
    matches!(Lock::try_take(path, Mode::Shared), Ok(None)) && path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_holders_keep_an_exclusive_one_out_until_the_last_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert!(Lock::try_take(&path, Mode::Shared).is_err(), "there is no such file yet");
        let one = Lock::try_take_new(&path, Mode::Shared).unwrap().unwrap();
        let two = Lock::try_take(&path, Mode::Shared).unwrap().unwrap();
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_none());
        drop(one);
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_none());
        drop(two);
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_some());
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_counts_for_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let old = Lock::try_take_new(&path, Mode::Exclusive).unwrap().unwrap();
        assert!(is_held(&path));
        fs::remove_file(&path).unwrap();
        assert!(!old.is_still_at(&path));
        let new = Lock::try_take_new(&path, Mode::Exclusive).unwrap();
        assert!(new.is_some_and(|new| new.is_still_at(&path)));
        assert!(!is_held(&path));
    }
}
