//! Locks on files, which the kernel releases however a process ends.
//!
//! There are none in the standard library of the compilers that are supported, so outside Unix nobody
//! is kept apart.

use std::fs::File;
use std::io;

#[cfg(unix)]
use rustix::fs::{FlockOperation, flock};

/// Waits until the file can be locked beside others.
///
/// # Errors
///
/// When the file system has no locks.
pub(crate) fn shared(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    rustix::io::retry_on_intr(|| flock(file, FlockOperation::LockShared))?;
    let _ = file;
    Ok(())
}

/// Waits until the file can be locked alone.
///
/// # Errors
///
/// When the file system has no locks.
pub(crate) fn exclusive(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    rustix::io::retry_on_intr(|| flock(file, FlockOperation::LockExclusive))?;
    let _ = file;
    Ok(())
}

/// Locks the file alone, unless somebody else has it.
///
/// # Errors
///
/// When the file system has no locks.
pub(crate) fn try_exclusive(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    match rustix::io::retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let _ = file;
    Ok(true)
}

/// Releases the lock of the file. To close it would do, but that a child which another thread is just
/// starting has the file open too until it is another program.
pub(crate) fn release(file: &File) {
    #[cfg(unix)]
    // To unlock what is open does not fail, and to close it comes next.
    rustix::io::retry_on_intr(|| flock(file, FlockOperation::Unlock)).ok();
    let _ = file;
}
