//! What a test asks of the supervisor of its own server, and what it is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Part, ServerStatus, StopMode};

/// What a test asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::postgres) enum Request {
    /// How the server is.
    Look,
    /// Every process of the server.
    List,
    /// Sends a signal to one process, or to all of them. Answered when it has taken effect.
    Signal { part: Part, signal: ServerSignal },
    /// Stops the server. Answered when it lets nobody in any more, or when it has ended.
    Stop { mode: StopMode, until_ended: bool },
    /// Starts the server if it does not run. Answered when it is ready, or with a delay at once.
    Start { delay: Option<Duration> },
    /// Limits a resource of a process; without a number of bytes the limit is lifted.
    Limit { part: Part, resource: Resource, bytes: Option<u64> },
    /// Moves the file of the unix socket away, or back.
    MoveSocket { away: bool },
}

/// Signals that a server can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::postgres) enum ServerSignal {
    Kill,
    Pause,
    Resume,
}

/// What a process can be made short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// The size of any file that it writes, in bytes, rounded to half a page. At least 1 MiB, the
    /// size of a file of the log: less would end the server.
    FileSize,
    /// Its address space, in bytes beyond what it has at the moment.
    Memory,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::postgres) enum Answer {
    Done,
    Status(ServerStatus),
    Processes(Vec<ServerProcess>),
    /// It could not be done, and why.
    Failed(String),
    /// No process of the server is that part.
    NoSuchPart(Vec<ServerProcess>),
}

/// A process of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerProcess {
    /// Its number.
    pub pid: i32,
    /// Which part of the server it is.
    pub part: Part,
    /// What it says of itself, such as `walwriter` or `chaos_1 chaos_1 [local] idle`.
    pub title: String,
    /// Whether it is stopped by a signal.
    pub is_paused: bool,
}
