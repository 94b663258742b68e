//! Where the servers of this user keep their files while they run.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layout::names_in;
use super::lock;
use super::privilege::Account;
use crate::postgres::directory::absolute_path;
use crate::postgres::error::PostgresError;

/// A server's data grows with its databases; below this much room another place is better.
const ROOM: u64 = 200 << 20;

/// With less room than this left, no room is the likeliest reason for a failure: a server takes some
/// 60 MiB.
const TOO_LITTLE: u64 = 48 << 20;

/// The longest path of a unix socket that every platform accepts.
const LONGEST_SOCKET: usize = 103;

/// The directory in which every server of this user has one of its own.
///
/// It lies in `CHAOS_PG_DIR`, else in memory (`/dev/shm`) if there is room or a server of ours is
/// there already, else among the temporary files.
pub(super) fn base() -> Result<PathBuf, PostgresError> {
    let name = format!("chaos-harness-{}", rustix::process::geteuid().as_raw());
    if let Some(chosen) = absolute_path("CHAOS_PG_DIR")? {
        if !chosen.is_dir() {
            let problem = format!("is {chosen:?}, which is no directory; create it first");
            return Err(PostgresError::Variable { variable: "CHAOS_PG_DIR", problem });
        }
        return Ok(chosen.join(name));
    }
    let memory = Path::new("/dev/shm");
    let in_memory = memory.join(&name);
    // The room that a server takes must not make the next process look for it elsewhere.
    if room_in(memory).is_some_and(|room| room >= ROOM) || is_inhabited(&in_memory) {
        return Ok(in_memory);
    }
    let temporary = env::temp_dir();
    let absolute = std::path::absolute(&temporary)
        .map_err(PostgresError::file("find the temporary directory", &temporary))?;
    Ok(absolute.join(name))
}

fn room_in(directory: &Path) -> Option<u64> {
    let statistics = rustix::fs::statvfs(directory).ok()?;
    Some(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}

/// Adds what to do when a server failed where there is next to no room.
pub(super) fn advised(error: PostgresError, base: &Path) -> PostgresError {
    match room_in(base) {
        Some(room) if room < TOO_LITTLE => PostgresError::Directory {
            directory: base.to_owned(),
            problem: format!(
                "only {} MiB are free there; set CHAOS_PG_DIR to a directory with more room ({})",
                room >> 20,
                error.with_sources()
            ),
        },
        _ => error,
    }
}

/// Whether a supervisor has its server there.
fn is_inhabited(base: &Path) -> bool {
    let names = names_in(base).unwrap_or_default();
    names.iter().any(|name| name.ends_with(".lock") && lock::is_held(&base.join(name)))
}

/// Refuses a directory whose path is too long for a socket in it.
pub(super) fn check_length(socket: &Path) -> Result<(), PostgresError> {
    let length = socket.as_os_str().len();
    if length <= LONGEST_SOCKET {
        return Ok(());
    }
    let problem = format!(
        "the path of its unix socket would have {length} bytes, and {LONGEST_SOCKET} is the most \
         that the system takes; set CHAOS_PG_DIR to a directory with a shorter path"
    );
    Err(PostgresError::Directory { directory: socket.to_owned(), problem })
}

/// Creates the base directory if need be, and makes sure that it is ours alone and that the server
/// can enter it.
pub(super) fn create(base: &Path, account: Option<&Account>) -> Result<(), PostgresError> {
    let mut tries = 1;
    loop {
        match try_to_create(base, account) {
            // The supervisor of the last server removes the directory, perhaps at this moment.
            Err(_) if tries < 20 => std::thread::sleep(Duration::from_millis(1)),
            result => return result,
        }
        tries += 1;
    }
}

fn try_to_create(base: &Path, account: Option<&Account>) -> Result<(), PostgresError> {
    if let Some(account) = account {
        check_entrance(base, account)?;
    }
    // Whoever root steps down to has to pass through.
    let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(base) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(PostgresError::file("create the directory", base)(error));
        }
        _ => {}
    }
    let wrong = |problem: String| PostgresError::Directory { directory: base.to_owned(), problem };
    let found = fs::symlink_metadata(base).map_err(PostgresError::file("look at", base))?;
    // In a directory that everyone may write to, someone else may have been here first.
    let ours = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != ours || found.mode() & 0o022 != 0 {
        let (uid, mode) = (found.uid(), found.mode() & 0o7777);
        return Err(wrong(format!(
            "it is not a directory that only user {ours} can write to (owner {uid}, mode \
             {mode:o}); remove it, or set CHAOS_PG_DIR to another directory"
        )));
    }
    if found.mode() & 0o777 != mode {
        // A umask took bits away.
        fs::set_permissions(base, fs::Permissions::from_mode(mode))
            .map_err(PostgresError::file("set the mode of", base))?;
    }
    Ok(())
}

/// Makes sure that whoever runs the server can reach the base directory.
fn check_entrance(base: &Path, account: &Account) -> Result<(), PostgresError> {
    let closed = base.ancestors().skip(1).find(|directory| !account.may_enter(directory));
    closed.map_or(Ok(()), |directory| {
        let problem = format!(
            "user `{}`, which runs the server, cannot enter {}; set CHAOS_PG_DIR to a directory \
             that it can enter",
            account.name,
            directory.display()
        );
        Err(PostgresError::Directory { directory: base.to_owned(), problem })
    })
}

/// Creates a directory with exactly this mode, or gives it to one that exists.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<(), PostgresError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(PostgresError::file("create the directory", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().join("chaos-harness-0");
        create(&base, None).unwrap();
        create(&base, None).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
        let error = create(&base, None).unwrap_err().to_string();
        assert!(error.contains("mode 777") && error.contains("CHAOS_PG_DIR"), "{error}");

        fs::remove_dir(&base).unwrap();
        std::os::unix::fs::symlink(parent.path(), &base).unwrap();
        assert!(create(&base, None).is_err(), "a symbolic link leads to somebody else's place");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_failure_where_there_is_no_room_says_what_to_set() {
        let failure = || PostgresError::Start { reason: "FATAL:  out of something".to_owned() };
        // A file system without any room at all.
        let advised = advised(failure(), Path::new("/proc")).to_string();
        assert!(advised.contains("only 0 MiB are free there; set CHAOS_PG_DIR"), "{advised}");
        assert!(advised.contains("FATAL:  out of something"), "{advised}");
        let elsewhere = super::advised(failure(), Path::new("/no/such/place")).to_string();
        assert_eq!(elsewhere, failure().to_string());
    }

    #[test]
    fn a_place_is_inhabited_as_long_as_a_supervisor_lives_there() {
        let base = tempfile::tempdir().unwrap();
        assert!(!is_inhabited(base.path()) && !is_inhabited(&base.path().join("none")));
        let seat = base.path().join("15-0a.lock");
        let held = lock::Lock::try_take_new(&seat, lock::Mode::Exclusive).unwrap().unwrap();
        assert!(is_inhabited(base.path()));
        drop(held);
        assert!(!is_inhabited(base.path()), "its file may be left by one that was killed");
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_says_what_to_set() {
        check_length(Path::new("/dev/shm/chaos-harness-0/own-1/s/.s.PGSQL.65535")).unwrap();
        let error = check_length(Path::new(&"/long".repeat(30))).unwrap_err().to_string();
        assert!(error.contains("150 bytes") && error.contains("CHAOS_PG_DIR"), "{error}");
    }
}
