//! What an error says went wrong below the code that returns it.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};

use deadpool_postgres::{PoolError, TimeoutType};
use serde::{Deserialize, Serialize};

use super::chain;

/// What an error says went wrong below the code that returns it: with a connection, a clock, or what
/// the machine has to give.
///
/// The error of an answer of PostgreSQL has its SQLSTATE instead: see [`sqlstate`](super::sqlstate()).
///
/// ```
/// use chaos_core::outcome::Cause;
///
/// let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
/// assert_eq!(Cause::of(&error), Some(Cause::ConnectionLost));
/// assert_eq!(Cause::of(&std::fmt::Error), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// Nobody listens where it wanted to connect, or no way leads there.
    ConnectionRefused,
    /// A connection ended under it: closed, reset, aborted, a broken pipe, an unexpected end.
    ConnectionLost,
    /// Something took longer than it was given.
    TimedOut,
    /// No connection of the pool came free in time.
    PoolTimedOut,
    /// The port or the path to listen at is taken, or the address is none of this machine.
    AddressInUse,
    /// The disk, or this user's share of it, is full.
    DiskFull,
    /// The process or the system has as many files and sockets open as it may.
    TooManyFiles,
    /// There is no memory left, or no process may be started any more.
    OutOfMemory,
    /// The file system takes no writes.
    ReadOnly,
}

impl Cause {
    /// What the first of the error and its sources says that says anything: errors of I/O, of
    /// `tokio-postgres`, of `deadpool-postgres`, and of [`tokio::time::timeout`].
    #[must_use]
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        chain(error).find_map(of_one)
    }

    /// Whether it is the machine that has run out of something.
    #[must_use]
    pub const fn is_of_the_machine(self) -> bool {
        matches!(
            self,
            Self::AddressInUse
                | Self::DiskFull
                | Self::TooManyFiles
                | Self::OutOfMemory
                | Self::ReadOnly
        )
    }
}

/// Completes "it says that ..".
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionRefused => "a connection was refused",
            Self::ConnectionLost => "a connection was lost",
            Self::TimedOut => "something took too long",
            Self::PoolTimedOut => "no connection of the pool came free in time",
            Self::AddressInUse => "an address is taken or is not there",
            Self::DiskFull => "the disk is full",
            Self::TooManyFiles => "too many files are open",
            Self::OutOfMemory => "there is no memory left",
            Self::ReadOnly => "the file system takes no writes",
        })
    }
}

fn of_one(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    if error.is::<tokio::time::error::Elapsed>() {
        return Some(Cause::TimedOut);
    }
    if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
        // Of its own time limit the driver makes an error without a source or a question to ask it.
        let is_late = error.source().is_none() && error.to_string().starts_with("timeout waiting");
        return if error.is_closed() {
            Some(Cause::ConnectionLost)
        } else {
            is_late.then_some(Cause::TimedOut)
        };
    }
    match error.downcast_ref::<PoolError>()? {
        PoolError::Timeout(TimeoutType::Wait) => Some(Cause::PoolTimedOut),
        PoolError::Timeout(_) => Some(Cause::TimedOut),
        _ => None,
    }
}

fn of_io(error: &io::Error) -> Option<Cause> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => Cause::ConnectionRefused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => Cause::ConnectionLost,
        ErrorKind::TimedOut => Cause::TimedOut,
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => Cause::AddressInUse,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Cause::DiskFull,
        ErrorKind::OutOfMemory => Cause::OutOfMemory,
        ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
        _ => return of_system(error.raw_os_error()?),
    })
}

/// What the standard library has no kind for.
fn of_system(code: i32) -> Option<Cause> {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        match Errno::from_raw_os_error(code) {
            Errno::MFILE | Errno::NFILE => Some(Cause::TooManyFiles),
            // What the kernel says when it refuses a process or a thread.
            Errno::AGAIN => Some(Cause::OutOfMemory),
            _ => None,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = code;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the ledger is unavailable")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn errors_of_io_are_known_wherever_they_are_wrapped() {
        for (kind, cause) in [
            (ErrorKind::ConnectionRefused, Cause::ConnectionRefused),
            (ErrorKind::BrokenPipe, Cause::ConnectionLost),
            (ErrorKind::UnexpectedEof, Cause::ConnectionLost),
            (ErrorKind::TimedOut, Cause::TimedOut),
            (ErrorKind::AddrInUse, Cause::AddressInUse),
            (ErrorKind::StorageFull, Cause::DiskFull),
        ] {
            assert_eq!(Cause::of(&Wrapped(kind.into())), Some(cause), "{kind}");
        }
        assert_eq!(Cause::of(&Wrapped(ErrorKind::InvalidData.into())), None);
    }

    #[test]
    #[cfg(unix)]
    fn what_the_standard_library_has_no_kind_for_is_known_by_its_number() {
        let raw = rustix::io::Errno::MFILE.raw_os_error();
        assert_eq!(Cause::of(&io::Error::from_raw_os_error(raw)), Some(Cause::TooManyFiles));
    }

    #[tokio::test]
    async fn time_limits_of_the_runtime_and_of_the_pool_are_told_apart() {
        let never = std::future::pending::<()>();
        let late = tokio::time::timeout(std::time::Duration::ZERO, never).await;
        assert_eq!(Cause::of(&late.unwrap_err()), Some(Cause::TimedOut));
        let waited = PoolError::Timeout(TimeoutType::Wait);
        assert_eq!(Cause::of(&waited), Some(Cause::PoolTimedOut));
        assert_eq!(Cause::of(&PoolError::Timeout(TimeoutType::Create)), Some(Cause::TimedOut));
    }
}
