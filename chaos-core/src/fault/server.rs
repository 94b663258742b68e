//! Faults of the processes of a PostgreSQL server, and of what they need: files, memory, a disk.
//!
//! They are for a server of the test's own (`cx.postgres_server()`). When such a fault ends, the
//! server is brought back: it is started or resumed, and accepts connections again. See
//! [`Postgres::sabotage`](crate::postgres::Postgres::sabotage).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::postgres::{Part, StopMode};
use crate::trigger::message::Moment;

/// One fault of the processes of a server, as plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a fault does nothing until it is injected: `pg.sabotage(..).await?`"]
#[non_exhaustive]
pub struct ServerFault {
    /// What goes wrong.
    pub kind: ServerFaultKind,
    /// Whether it may end without having touched anything. Otherwise that fails the test, where it
    /// can be known.
    #[serde(default)]
    pub may_be_idle: bool,
}

/// The kinds of faults of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[non_exhaustive]
pub enum ServerFaultKind {
    /// See [`crash`](crash()).
    Crash,
    /// See [`crash_at`](crash_at()).
    CrashAt {
        /// The message, and where at it.
        message: Moment,
    },
    /// See [`stopped`](stopped()).
    Stopped {
        /// How it is stopped.
        mode: StopMode,
    },
    /// See [`pause`](pause()) and [`pause_part`](pause_part()).
    Paused {
        /// What is paused.
        part: Part,
    },
    /// See [`socket_moved`](socket_moved()).
    SocketMoved,
    /// See [`file_size_limit`](file_size_limit()).
    FileSizeLimit {
        /// The largest size that a file may have, in bytes.
        bytes: u64,
    },
    /// See [`memory_limit`](memory_limit()).
    MemoryLimit {
        /// How much more memory each session may take than it has, in bytes.
        bytes: u64,
    },
    /// See [`disk_full`](disk_full()).
    DiskFull,
}

impl ServerFault {
    /// A fault of this kind.
    pub const fn new(kind: ServerFaultKind) -> Self {
        Self { kind, may_be_idle: false }
    }

    /// Lets the fault end without having touched anything, which otherwise fails the test.
    pub fn may_be_idle(mut self) -> Self {
        self.may_be_idle = true;
        self
    }
}

impl ServerFaultKind {
    /// The name of the function that builds it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashAt { .. } => "crash_at",
            Self::Stopped { .. } => "stopped",
            Self::Paused { .. } => "pause",
            Self::SocketMoved => "socket_moved",
            Self::FileSizeLimit { .. } => "file_size_limit",
            Self::MemoryLimit { .. } => "memory_limit",
            Self::DiskFull => "disk_full",
        }
    }

    /// Whether it can be known that the fault touched something: an open session, or one that was
    /// opened meanwhile.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        match self {
            Self::Crash
            | Self::CrashAt { .. }
            | Self::Stopped { .. }
            | Self::Paused { part: Part::Server } => true,
            // What only those meet who connect, or write, cannot be seen from here.
            Self::Paused { .. }
            | Self::SocketMoved
            | Self::FileSizeLimit { .. }
            | Self::MemoryLimit { .. }
            | Self::DiskFull => false,
        }
    }

    /// What it means that the fault touched nothing, and what the reason may be.
    pub(crate) const fn silence(&self) -> &'static str {
        match self {
            Self::CrashAt { .. } => {
                "no such message passed; is the client connected through the link (`pg.pool(..)`, \
                 `pg.config()`), and does it send it?"
            }
            _ => {
                "no session of the application was there, and none was opened meanwhile; is the \
                 pool connected to this database?"
            }
        }
    }

    /// What would happen to other tests on a shared server.
    pub(crate) const fn reach(&self) -> &'static str {
        match self {
            Self::Crash | Self::CrashAt { .. } | Self::Stopped { .. } => {
                "takes the server from everyone"
            }
            Self::Paused { .. } => "stops processes that everyone uses",
            Self::SocketMoved => "keeps everyone from connecting",
            Self::FileSizeLimit { .. } | Self::MemoryLimit { .. } | Self::DiskFull => {
                "makes everyone short of it"
            }
        }
    }
}

/// Kills every process of the server at once, as when the machine fails. It is started again when
/// the fault ends, and recovers: what was committed is there, and nothing else.
///
/// Sessions end without a word; who connects is refused, or finds no socket.
pub fn crash() -> ServerFault {
    ServerFault::new(ServerFaultKind::Crash)
}

/// Kills every process of the server when a message passes the link, the first one that the trigger
/// chooses. It is started again when the fault ends.
///
/// The message waits at the link until the server is gone, so what the server knew of it is certain:
///
/// ```
/// use chaos_core::prelude::*;
///
/// // The server never hears of the commit: what the transaction wrote is gone.
/// let before = crash_at(commit());
/// // The server has committed, and its client is not told: it is there.
/// let between = crash_at(commit_complete());
/// // Not even the beginning of the commit is whole: it is gone.
/// let inside = crash_at(commit().torn());
/// ```
///
/// After an answer the server also says that it is ready, and a driver waits for that: to kill the
/// server once the client has been told, have the client commit, and then inject [`crash`](crash()).
///
/// The fault is in effect when the link watches for the message. Only connections through the link
/// are watched.
pub fn crash_at(message: impl Into<Moment>) -> ServerFault {
    ServerFault::new(ServerFaultKind::CrashAt { message: message.into() })
}

/// Stops the server in one of its three ways. It is started again when the fault ends.
///
/// A fast stop ends sessions with SQLSTATE 57P01, and an immediate one without; it is in effect when
/// the server has ended. A smart stop is in effect when the server lets nobody in any more (57P03);
/// sessions may go on, and those that are left when the fault ends are ended then.
pub fn stopped(mode: StopMode) -> ServerFault {
    ServerFault::new(ServerFaultKind::Stopped { mode })
}

/// Stops all processes of the server with SIGSTOP until the fault ends: a machine that hangs. No
/// connection is lost, and nothing answers.
pub fn pause() -> ServerFault {
    pause_part(Part::Server)
}

/// Stops one part of the server with SIGSTOP until the fault ends.
///
/// A paused [`Part::Postmaster`] lets nobody in and does not say so, and disturbs no session; of a
/// paused [`Part::Backend`] the locks stay; a paused [`Part::Checkpointer`] keeps `CHECKPOINT` and
/// `DROP DATABASE` waiting.
pub fn pause_part(part: Part) -> ServerFault {
    ServerFault::new(ServerFaultKind::Paused { part })
}

/// Moves the file of the server's unix socket away until the fault ends: who connects through the
/// link finds nothing, and sessions go on.
pub fn socket_moved() -> ServerFault {
    ServerFault::new(ServerFaultKind::SocketMoved)
}

/// Keeps every file that a session writes from growing beyond this size, in bytes, at least 1 MiB:
/// the nearest thing to a full disk that needs no disk of its own.
///
/// Who extends a larger table gets SQLSTATE 53100, on PostgreSQL 16 and newer XX000 (`could not
/// extend file .. File too large`), and its session goes on. Sessions that are there are limited,
/// and those that are opened meanwhile. Linux only.
pub fn file_size_limit(bytes: u64) -> ServerFault {
    ServerFault::new(ServerFaultKind::FileSizeLimit { bytes })
}

/// Lets no session take more memory than it has and this many bytes beside. A statement that needs
/// more gets SQLSTATE 53200, and its session goes on. Linux only.
pub fn memory_limit(bytes: u64) -> ServerFault {
    ServerFault::new(ServerFaultKind::MemoryLimit { bytes })
}

/// Fills the small disk of the server
/// ([`ServerOptions::small_disk`](crate::postgres::ServerOptions::small_disk)) until the fault ends.
///
/// Who extends a table on it gets SQLSTATE 53100. Where the log cannot be written, the server ends;
/// it is started again when there is room again.
pub fn disk_full() -> ServerFault {
    ServerFault::new(ServerFaultKind::DiskFull)
}

/// `stopped (fast)`.
impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ServerFaultKind::CrashAt { message } = &self.kind {
            return write!(f, "crash {message}");
        }
        f.write_str(self.kind.name())?;
        match &self.kind {
            ServerFaultKind::Stopped { mode } => write!(f, " ({mode})"),
            ServerFaultKind::Paused { part } => write!(f, " ({part})"),
            ServerFaultKind::FileSizeLimit { bytes } | ServerFaultKind::MemoryLimit { bytes } => {
                write!(f, " {bytes} B")
            }
            ServerFaultKind::Crash
            | ServerFaultKind::CrashAt { .. }
            | ServerFaultKind::SocketMoved
            | ServerFaultKind::DiskFull => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultSpec;

    #[test]
    fn they_are_stored_as_they_are_read() {
        for (fault, label) in [
            (crash(), "crash"),
            (crash_at(crate::trigger::message::commit()), "crash at request COMMIT"),
            (stopped(StopMode::Smart).may_be_idle(), "stopped (smart)"),
            (pause(), "pause (server)"),
            (pause_part(Part::Backend(7)), "pause (backend 7)"),
            (socket_moved(), "socket_moved"),
            (file_size_limit(1 << 20), "file_size_limit 1048576 B"),
            (memory_limit(5), "memory_limit 5 B"),
            (disk_full(), "disk_full"),
        ] {
            let spec = FaultSpec::from(fault);
            assert_eq!(spec.to_string(), label);
            let text = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<FaultSpec>(&text).unwrap(), spec, "{text}");
        }
    }
}
