//! Making processes of a server short of something, by limits of the kernel.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::privilege::Account;
use super::subprocess;
use crate::postgres::error::PostgresError;
use crate::postgres::process::{Part, Resource, ServerProcess};

/// How long setting a limit may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The size of a file of the log. With a lower limit on the size of files the log could not be
/// written, which ends the server.
const SMALLEST_FILE: u64 = 1 << 20;

/// The size of a page.
const PAGE: u64 = 8192;

/// How much of the last page may be written. A page that is written in part is what a server takes
/// for a full disk; one that is refused as a whole (EFBIG) is an error without a code of its own.
const PART_OF_PAGE: u64 = 4096;

/// Sets the limit on these processes, or lifts it.
///
/// On the whole server it is set on the sessions, and on the postmaster, from which later ones have
/// theirs. The processes that write for everyone keep what they have.
pub(super) fn limit(
    found: &[ServerProcess],
    resource: Resource,
    bytes: Option<u64>,
    account: Option<&Account>,
) -> Result<(), PostgresError> {
    let refused = |reason: &str| {
        let action = "limit a process of the server".to_owned();
        Err(PostgresError::Process { action, reason: reason.to_owned() })
    };
    if !cfg!(target_os = "linux") {
        return refused("only Linux can limit a process that runs already");
    }
    if resource == Resource::FileSize && bytes.is_some_and(|bytes| bytes < SMALLEST_FILE) {
        return refused(
            "files of less than 1 MiB would keep the log from being written, and end the server; \
             write at least `1.mib()`",
        );
    }
    for process in found {
        let serves_clients = matches!(process.part, Part::Backend(_) | Part::Postmaster);
        if found.len() > 1 && !serves_clients {
            continue;
        }
        let value = match (resource, bytes) {
            (_, None) => "unlimited".to_owned(),
            (Resource::FileSize, Some(bytes)) => (bytes / PAGE * PAGE + PART_OF_PAGE).to_string(),
            (Resource::Memory, Some(bytes)) => (address_space(process.pid)? + bytes).to_string(),
        };
        let name = match resource {
            Resource::FileSize => "fsize",
            Resource::Memory => "as",
        };
        let mut command = Command::new("prlimit");
        // The soft limit alone, so that it can be lifted again.
        command.args(["--pid", &process.pid.to_string(), &format!("--{name}={value}:")]);
        command.current_dir("/");
        // Root without CAP_SYS_RESOURCE, as in a container, may not limit another user's process.
        if let Some(account) = account {
            account.run(&mut command);
        }
        let set = subprocess::output_of(&mut command, LIMIT);
        // A session may have ended in the meantime.
        let is_gone = || fs::metadata(format!("/proc/{}", process.pid)).is_err();
        match set {
            Err(PostgresError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return refused("the program `prlimit` is missing; install util-linux");
            }
            Err(error) if !is_gone() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The size of the address space of a process, in bytes.
fn address_space(pid: i32) -> Result<u64, PostgresError> {
    let path = format!("/proc/{pid}/status");
    let path = std::path::Path::new(&path);
    let status = fs::read_to_string(path).map_err(PostgresError::file("read", path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kilobytes.unwrap_or_default() << 10)
}
