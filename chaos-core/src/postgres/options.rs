//! What a server of one's own is to be like.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::error::PostgresError;

/// Settings by which the library finds, reaches and ends a server, and reads its log.
const OURS: [&str; 17] = [
    "cluster_name",
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "log_destination",
    "log_filename",
    "log_line_prefix",
    "log_timezone",
    "logging_collector",
    "port",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "update_process_title",
];

/// The smallest disk that a new cluster fits on, in bytes: it takes 28 MiB, and its log 8 MiB more.
const SMALLEST_DISK: u64 = 48 << 20;

/// The smallest disk that the log of a new cluster fits on, in bytes.
const SMALLEST_WAL_DISK: u64 = 8 << 20;

/// What a server of one's own is to be like, for
/// [`Chaos::postgres_server_with`](crate::Chaos::postgres_server_with).
///
/// ```
/// use chaos_core::postgres::{DiskHolds, ServerOptions};
/// use chaos_core::units::ByteUnits;
///
/// let options = ServerOptions::new()
///     .setting("max_connections", 20)
///     .setting("restart_after_crash", "off")
///     .checksums(false)
///     .small_disk(DiskHolds::Wal, 16.mib());
/// # drop(options);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "options do nothing until a server is made: `cx.postgres_server_with(options)`"]
pub struct ServerOptions {
    settings: Vec<(String, String)>,
    checksums: Option<bool>,
    disk: Option<SmallDisk>,
}

/// What lies on a small disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DiskHolds {
    /// The whole cluster, at least 48 MiB. Full, it refuses to extend tables, and then to write the
    /// log, which ends the server.
    Cluster,
    /// The write-ahead log alone, at least 8 MiB. Full, it ends the server.
    Wal,
}

/// A disk that is about to be full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SmallDisk {
    pub(super) holds: DiskHolds,
    pub(super) bytes: u64,
}

impl ServerOptions {
    /// The options of [`Chaos::postgres_server`](crate::Chaos::postgres_server): the library's own
    /// settings, with checksums, on the disk that all servers are on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter of the server, as a line of `postgresql.conf` would. The last value of a
    /// parameter counts.
    ///
    /// The library has set `fsync = off`, `shared_buffers = 16MB`, `max_connections = 400`,
    /// `wal_level = replica` and `max_prepared_transactions = 10`; all of these may be changed.
    /// Parameters by which the library reaches the server, or reads its log, are refused when it is
    /// made, and so is what the server itself refuses, in its own words. `lc_messages` may be any.
    pub fn setting(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// Whether every page of data has a checksum, which is so by default on every version. Without
    /// it a damaged page is read as if nothing were wrong.
    pub fn checksums(mut self, checksums: bool) -> Self {
        self.checksums = Some(checksums);
        self
    }

    /// Puts the cluster, or a part of it, on a file system of its own that has room for this many
    /// bytes, so that it can be
    /// [filled](crate::fault::disk_full).
    ///
    /// Such a file system can be made by root on Linux; elsewhere the server is
    /// [unavailable](crate::Error::Unavailable), which skips the test.
    pub fn small_disk(mut self, holds: DiskHolds, bytes: u64) -> Self {
        self.disk = Some(SmallDisk { holds, bytes });
        self
    }

    pub(super) fn has_checksums(&self) -> bool {
        self.checksums.unwrap_or(true)
    }

    pub(super) fn disk(&self) -> Option<SmallDisk> {
        self.disk
    }

    pub(super) fn has_settings(&self) -> bool {
        !self.settings.is_empty()
    }

    /// Refuses what cannot work, before a process is started for it.
    pub(super) fn check(&self) -> Result<(), PostgresError> {
        for (name, value) in &self.settings {
            let wrong = |problem: String| PostgresError::Setting { name: name.clone(), problem };
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            if name.is_empty() || !is_name {
                let problem = "is no name of a setting; write one such as `max_connections`";
                return Err(wrong(problem.to_owned()));
            }
            if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
                let problem =
                    "is how the library finds the server or reads its log, and cannot be changed";
                return Err(wrong(problem.to_owned()));
            }
            if value.contains(['\n', '\r', '\0']) {
                return Err(wrong("has a value of more than one line".to_owned()));
            }
        }
        let Some(disk) = self.disk else { return Ok(()) };
        let (what, smallest) = match disk.holds {
            DiskHolds::Cluster => ("cluster", SMALLEST_DISK),
            DiskHolds::Wal => ("log", SMALLEST_WAL_DISK),
        };
        if disk.bytes < smallest {
            return Err(PostgresError::Setting {
                name: "small_disk".to_owned(),
                problem: format!(
                    "has room for {} bytes, and a new {what} needs {smallest}",
                    disk.bytes
                ),
            });
        }
        Ok(())
    }

    /// The settings as lines of `postgresql.conf`.
    pub(super) fn lines(&self) -> String {
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "''");
        let line = |(name, value): &(String, String)| format!("{name} = '{}'\n", quoted(value));
        self.settings.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_the_server_reads_them() {
        let options = ServerOptions::new()
            .setting("max_connections", 20)
            .setting("app.path", r"it's C:\temp");
        options.check().unwrap();
        assert_eq!(options.lines(), "max_connections = '20'\napp.path = 'it''s C:\\\\temp'\n");
    }

    #[test]
    fn what_would_lose_the_server_is_refused_before_it_is_started() {
        let refused = |options: ServerOptions| options.check().unwrap_err().to_string();
        let port = refused(ServerOptions::new().setting("PORT", 5432));
        assert!(port.contains("`PORT` is how the library finds the server"), "{port}");
        let name = refused(ServerOptions::new().setting("x = 1\ny", "2"));
        assert!(name.contains("is no name of a setting"), "{name}");
        let value = refused(ServerOptions::new().setting("work_mem", "1MB\nport = 1"));
        assert!(value.contains("more than one line"), "{value}");
        let disk = refused(ServerOptions::new().small_disk(DiskHolds::Cluster, 1 << 20));
        assert!(disk.contains("has room for 1048576 bytes, and a new cluster needs"), "{disk}");
    }
}
