//! The processes that a server consists of, and the states that it can be in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of a server: all of its processes, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// All processes.
    Server,
    /// The process that the others are children of. It lets clients in.
    Postmaster,
    /// The process of one session, by its number: what `pg_backend_pid()` says in that session.
    Backend(i32),
    /// Writes pages at checkpoints. Creating a database by copying files waits for it.
    Checkpointer,
    /// Writes pages between checkpoints.
    BackgroundWriter,
    /// Writes the log for commits that do not wait for it.
    WalWriter,
    /// Starts workers that vacuum tables.
    AutovacuumLauncher,
    /// Recovers the data after a crash. It is there while the server starts.
    Startup,
    /// Any other process, by its number: a worker, a WAL sender.
    Other(i32),
}

impl Part {
    /// Which part a process is that says this of itself.
    pub(in crate::postgres) fn of_title(title: &str, pid: i32) -> Self {
        let title = title.trim();
        let begins = |word: &str| title == word || title.starts_with(&format!("{word} "));
        match title {
            "checkpointer" => Self::Checkpointer,
            "background writer" => Self::BackgroundWriter,
            "walwriter" => Self::WalWriter,
            "autovacuum launcher" => Self::AutovacuumLauncher,
            _ if begins("startup") => Self::Startup,
            // Workers say what they are; sessions say who they are, as whom, from where.
            _ if ["autovacuum worker", "logical replication", "parallel worker", "walsender"]
                .into_iter()
                .chain(["walreceiver", "archiver", "stats collector", "io worker", "slotsync"])
                .chain(["bgworker", "walsummarizer", "dead-end"])
                .any(begins) =>
            {
                Self::Other(pid)
            }
            _ => Self::Backend(pid),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Postmaster => f.write_str("postmaster"),
            Self::Backend(pid) => write!(f, "backend {pid}"),
            Self::Checkpointer => f.write_str("checkpointer"),
            Self::BackgroundWriter => f.write_str("background writer"),
            Self::WalWriter => f.write_str("walwriter"),
            Self::AutovacuumLauncher => f.write_str("autovacuum launcher"),
            Self::Startup => f.write_str("startup process"),
            Self::Other(pid) => write!(f, "process {pid}"),
        }
    }
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMode {
    /// It lets nobody in (57P03), and ends when the last session has.
    Smart,
    /// It ends every session (57P01), writes everything down, and ends.
    Fast,
    /// It ends at once, and recovers when it is started again. Clients are told nothing, or 57P02 as
    /// a warning.
    Immediate,
}

impl fmt::Display for StopMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smart => "smart",
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        })
    }
}

/// How a server is, seen from its supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerStatus {
    /// It is on its way up, and recovers first if it has to.
    Starting,
    /// It runs. After the crash of one process it may be recovering nevertheless.
    Running,
    /// It is on its way down.
    Stopping,
    /// It runs, and does nothing: its postmaster is stopped by a signal.
    Paused,
    /// It does not run.
    Down {
        /// How its postmaster ended, such as `signal: 9 (SIGKILL)`.
        how: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_what_processes_say_of_themselves() {
        for (title, part) in [
            ("checkpointer ", Part::Checkpointer),
            ("background writer", Part::BackgroundWriter),
            ("walwriter ", Part::WalWriter),
            ("autovacuum launcher", Part::AutovacuumLauncher),
            ("startup recovering 000000010000000000000003", Part::Startup),
            ("autovacuum worker chaos_1", Part::Other(7)),
            ("logical replication launcher ", Part::Other(7)),
            ("io worker 0", Part::Other(7)),
            ("chaos_1 chaos_1 [local] idle in transaction", Part::Backend(7)),
            ("postgres postgres 127.0.0.1(40000) startup", Part::Backend(7)),
            ("startup_user db [local] idle", Part::Backend(7)),
        ] {
            assert_eq!(Part::of_title(title, 7), part, "{title:?}");
        }
    }
}
