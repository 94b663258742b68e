//! The process that starts a server, looks after it, and removes it when nobody uses it any more.
//!
//! It is this program, started once more. It is the parent of the server, so that somebody waits
//! for it, and lives in a session of its own, so that nothing that ends a test ends it too.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::attachment::Attachment;
use super::base;
use super::disk;
use super::duty;
use super::job::{Job, Source};
use super::layout::{Layout, names_in};
use super::lock::{Lock, Mode};
use super::privilege::Account;
use super::process;
use super::tree;
use crate::postgres::error::PostgresError;

/// How long to wait for another supervisor of the same server, which starts or stops it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Does the job, to the end, and returns the status to exit with.
pub(super) fn main(job: &str) -> i32 {
    // It fails only in a process that leads a group already, which serves as well.
    rustix::process::setsid().ok();
    let done = serde_json::from_str(job)
        .map_err(|error| PostgresError::io("read what a supervisor is to do")(error.into()))
        .and_then(|job| supervise(&job));
    match done {
        Ok(()) => 0,
        Err(error) => {
            // Whoever started us may be gone.
            let words = format!("{}\n", error.with_sources());
            std::io::stderr().write_all(words.as_bytes()).ok();
            1
        }
    }
}

fn supervise(job: &Job) -> Result<(), PostgresError> {
    let layout = job.layout();
    let account = match &job.source {
        Source::Start { .. } => Account::to_step_down_to()?,
        Source::Given(_) => None,
    };
    let Some(seat) = take_seat(job, &layout, account.as_ref())? else { return Ok(()) };
    // Held until the files are gone: whoever gets the lease takes the server for one that runs.
    let mut lease = None;
    let result = clear(job, &layout).and_then(|()| {
        let lease = lease.insert(move_in(&layout)?);
        duty::serve(job, &layout, account.as_ref(), lease)
    });
    // Looked at before what was written is removed.
    let result = match &job.source {
        Source::Start { .. } => result.map_err(|error| base::advised(error, layout.base())),
        Source::Given(_) => result,
    };
    let cleared = match &job.source {
        // The files tell the next supervisor what has to be dropped from the user's server.
        Source::Given(_) if layout.knows_databases()? => Ok(()),
        _ => disk::unmount(layout.home()).and_then(|()| tree::remove(layout.home())),
    };
    fs::remove_file(layout.seat()).ok();
    drop((lease, seat));
    // Others may have servers there, and it stays then.
    fs::remove_dir(layout.base()).ok();
    result.and(cleared)
}

/// Takes the place of the supervisor of this server. None if there is one already, or nobody waits
/// for the server any more.
fn take_seat(
    job: &Job,
    layout: &Layout,
    account: Option<&Account>,
) -> Result<Option<Lock>, PostgresError> {
    let path = layout.seat();
    let deadline = Instant::now() + PATIENCE;
    loop {
        base::create(layout.base(), account)?;
        match Lock::try_take_new(&path, Mode::Exclusive) {
            Ok(Some(seat)) => {
                let pid = rustix::process::getpid().as_raw_nonzero();
                seat.write(&format!("{pid}\n")).map_err(PostgresError::file("write", &path))?;
                return Ok(Some(seat));
            }
            // The last one to leave the base directory removes it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(PostgresError::file("lock", &path)(error)),
            Ok(None) => {}
        }
        if Attachment::to_running(layout).is_some() || !duty::is_awaited(job) {
            return Ok(None);
        }
        if Instant::now() > deadline {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            let action =
                format!("wait for process {}, which locks {}", holder.trim(), path.display());
            return Err(PostgresError::TimedOut { action, limit: PATIENCE });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes what a supervisor that was killed has left in our place.
fn clear(job: &Job, layout: &Layout) -> Result<(), PostgresError> {
    match &job.source {
        Source::Start { .. } => evict(layout.home()),
        Source::Given(_) => {
            // The files say which databases it created on the user's server.
            for path in [layout.lease(), layout.state()] {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(PostgresError::file("remove", &path)(error));
                    }
                    _ => {}
                }
            }
            Ok(())
        }
    }
}

/// Ends what still runs in a directory that has no supervisor, and removes it.
fn evict(home: &Path) -> Result<(), PostgresError> {
    if !home.exists() {
        return Ok(());
    }
    if !process::end_server(home) {
        let problem = "processes of a former server cannot be ended".to_owned();
        return Err(PostgresError::Directory { directory: home.to_owned(), problem });
    }
    disk::unmount(home)?;
    tree::remove(home)
}

/// Removes what other supervisors that were killed have left. Nobody waits for it.
pub(super) fn clear_others(layout: &Layout) -> Result<(), PostgresError> {
    for name in names_in(layout.base())? {
        let id = name.strip_suffix(".lock").unwrap_or(&name);
        let other = Layout::new(layout.base(), id);
        // What was created on the user's server is for a supervisor of that server to drop.
        if id == layout.id() || id.starts_with(super::GIVEN) {
            continue;
        }
        // The lock is there before the directory and longer than it.
        if let Ok(Some(_seat)) = Lock::try_take_new(&other.seat(), Mode::Exclusive) {
            evict(other.home())?;
            let seat = other.seat();
            fs::remove_file(&seat).map_err(PostgresError::file("remove", &seat))?;
        }
    }
    Ok(())
}

/// Creates the directories, and keeps everyone out until the server is ready.
fn move_in(layout: &Layout) -> Result<Lock, PostgresError> {
    // The server's own user has to pass through.
    let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
    base::create_directory(layout.home(), mode)?;
    let directories =
        [layout.making(), layout.spare(), layout.taken(), layout.templates(), layout.kept()];
    for directory in directories {
        base::create_directory(&directory, 0o700)?;
    }
    let path = layout.lease();
    let lease = Lock::try_take_new(&path, Mode::Exclusive);
    lease.map_err(PostgresError::file("lock", &path))?.ok_or_else(|| {
        let problem = "someone uses the server before it is there".to_owned();
        PostgresError::Directory { directory: path, problem }
    })
}

/// Lets go of whoever started us: the pipe through which we would tell of a failure.
pub(super) fn detach() -> Result<(), PostgresError> {
    let null = File::options().write(true).open("/dev/null");
    let null = null.map_err(PostgresError::io("open /dev/null"))?;
    rustix::stdio::dup2_stderr(null)
        .map_err(|error| PostgresError::io("detach from the terminal")(error.into()))
}
