//! Using a server: finding it or having it started, and keeping it up with a lease.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::job::{self, Job, State};
use super::layout::Layout;
use super::lock::{self, Lock, Mode};
use super::subprocess::tail;
use crate::postgres::error::PostgresError;
use crate::reexec;

/// How long a server may take to be there. Its supervisor gives up on every single step before, and
/// then says which.
const PATIENCE: Duration = Duration::from_secs(150);

/// How much of what a supervisor says belongs in an error.
const WORDS: usize = 4_000;

/// The shared servers that this process uses.
static SHARED: Mutex<Option<HashMap<PathBuf, Weak<Attachment>>>> = Mutex::new(None);

/// A server that this process uses; it stays up until this is dropped.
#[derive(Debug)]
pub(super) struct Attachment {
    layout: Layout,
    state: State,
    lease: Lock,
}

/// Attaches to the shared server of this job, which is started if need be. Everything in this
/// process that uses it has the same attachment.
pub(super) fn shared(job: &Job) -> Result<Arc<Attachment>, PostgresError> {
    // Held meanwhile, so that the threads of this process start one supervisor and not one each.
    let mut registry = SHARED.lock();
    let servers = registry.get_or_insert_default();
    servers.retain(|_, server| server.strong_count() > 0);
    let home = job.layout().home().to_owned();
    let known = servers.get(&home).and_then(Weak::upgrade);
    if let Some(server) = known.filter(|server| server.is_supervised()) {
        return Ok(server);
    }
    let server = attach(job)?;
    servers.insert(home, Arc::downgrade(&server));
    Ok(server)
}

/// Attaches to the server of this job, which is started if need be.
pub(super) fn attach(job: &Job) -> Result<Arc<Attachment>, PostgresError> {
    let layout = job.layout();
    let deadline = Instant::now() + PATIENCE;
    let mut supervisor = None;
    loop {
        if let Some(attachment) = Attachment::to_running(&layout) {
            if let Some(child) = supervisor {
                reap(child);
            }
            return Ok(Arc::new(attachment));
        }
        match &mut supervisor {
            None => supervisor = Some(start_supervisor(job)?),
            Some(child) => {
                let ended = child.try_wait().map_err(PostgresError::io("wait for a supervisor"))?;
                if let Some(status) = ended {
                    if !status.success() {
                        let reason = last_words(child, status);
                        return Err(PostgresError::Start { reason });
                    }
                    // It left the server to another one, which may have stopped it since.
                    supervisor = None;
                }
            }
        }
        if Instant::now() > deadline {
            if let Some(child) = supervisor {
                reap(child);
            }
            let holder = fs::read_to_string(layout.seat()).unwrap_or_default();
            let action = format!(
                "wait for the server in {}, which is up to its supervisor, process {}; end that \
                 process if it hangs",
                layout.home().display(),
                holder.trim()
            );
            return Err(PostgresError::TimedOut { action, limit: PATIENCE });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Attachment {
    /// Takes a lease of the server if it is ready. Nothing is created: a process that is killed at
    /// any moment leaves nothing.
    pub(super) fn to_running(layout: &Layout) -> Option<Self> {
        // The supervisor keeps everyone out while the server starts or stops.
        let lease = Lock::try_take(&layout.lease(), Mode::Shared).ok()??;
        // The supervisor may not look while we hold it, and has to know that it was used. Said
        // once only: there may be no room for it any more where the server keeps its files.
        if !lease.is_written().ok()? {
            lease.write("used").ok()?;
        }
        let state = serde_json::from_slice(&fs::read(layout.state()).ok()?).ok()?;
        let attachment = Self { layout: layout.clone(), state, lease };
        attachment.is_supervised().then_some(attachment)
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether the supervisor lives and has not begun to end the server.
    pub(super) fn is_supervised(&self) -> bool {
        let seat = self.layout.seat();
        // Another supervisor may have found the files of one that was killed.
        let holder = fs::read_to_string(&seat).unwrap_or_default();
        lock::is_held(&seat)
            && holder.trim() == self.state.supervisor.to_string()
            && self.lease.is_still_at(&self.layout.lease())
            && self.layout.state().exists()
    }

    /// What the supervisor cannot do at the moment, to be added to an error.
    pub(super) fn trouble(&self) -> String {
        let trouble = fs::read_to_string(self.layout.trouble()).unwrap_or_default();
        if trouble.is_empty() { trouble } else { format!(": {trouble}") }
    }
}

fn start_supervisor(job: &Job) -> Result<Child, PostgresError> {
    if !reexec::is_ready() {
        return Err(PostgresError::NoSupervisor);
    }
    let start = PostgresError::io("start a supervisor");
    let text = serde_json::to_string(job).map_err(std::io::Error::from);
    let spawned = text.and_then(|text| {
        reexec::command()?
            .env(job::VARIABLE, text)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
    });
    spawned.map_err(start)
}

/// Waits for a supervisor on a thread of its own, so that it leaves no zombie however much later
/// it ends.
fn reap(mut child: Child) {
    drop(child.stderr.take());
    // Without the thread its end would only go unnoticed.
    let thread = std::thread::Builder::new().name("chaos-reaper".to_owned());
    drop(thread.spawn(move || child.wait()));
}

fn last_words(child: &mut Child, status: std::process::ExitStatus) -> String {
    let mut words = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(&mut words).ok();
    }
    let words = String::from_utf8_lossy(&words);
    match tail(words.trim(), WORDS) {
        "" => format!("its supervisor ended ({status}) and said nothing"),
        words => words.to_owned(),
    }
}
