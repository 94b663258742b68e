//! Servers on this machine: finding PostgreSQL, starting it, sharing it, and leaving nothing behind.
//!
//! A process that wants a database ([`attachment`]) has a supervisor started, which is this program
//! once more ([`supervisor`]). The supervisor alone creates files, processes and databases, and
//! removes them when the kernel says, by the locks that it releases ([`lock`]), that nobody uses
//! them. Both talk by files ([`layout`]).

mod attachment;
mod base;
mod claim;
mod control;
mod disk;
mod duty;
mod fingerprint;
mod given;
mod governor;
mod initdb;
mod instance;
mod job;
mod kept;
mod layout;
mod locate;
mod lock;
mod model;
mod privilege;
mod process;
mod reservation;
mod shortage;
mod stock;
mod subprocess;
mod supervisor;
mod template;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::attachment::Attachment;
use self::claim::Claim;
use self::fingerprint::{fingerprint, random_digits};
use self::job::{Job, PROTOCOL, Source};
use super::endpoint::Endpoint;
use super::error::PostgresError;
use super::options::ServerOptions;
use super::process::{Answer, Request};

pub(super) use self::kept::{held, left_by, release};
pub(super) use self::locate::installed;
pub(super) use self::model::{Leader, Model, find as find_model};

/// How the names of servers that belong to the user begin.
const GIVEN: &str = "given-";

/// How often to start over when a server ends while we take a database from it.
const TRIES: u32 = 5;

/// A database of ours. It is dropped when this is, and its server is left.
#[derive(Debug)]
pub(super) struct Database {
    // Given up before the lease is: the supervisor drops it while the server runs.
    claim: Claim,
    server: Arc<Attachment>,
    is_alone: bool,
}

impl Database {
    pub(super) fn name(&self) -> &str {
        &self.claim.name
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.server.state().endpoint
    }

    /// Whether no other test uses the server.
    pub(super) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Has the supervisor do something to the server, which is one's own.
    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, PostgresError> {
        control::ask(self.server.layout(), request).await
    }

    /// Where the server keeps its data.
    pub(super) fn data_directory(&self) -> PathBuf {
        self.server.layout().data()
    }

    /// Where the server writes its log; not known of a server that belongs to the user.
    pub(super) fn log(&self) -> Option<PathBuf> {
        (!self.server.state().is_given).then(|| self.server.layout().log())
    }

    /// The small disk of the server, if it has one.
    pub(super) fn disk(&self) -> Option<PathBuf> {
        Some(self.server.layout().disk()).filter(|disk| disk.exists())
    }
}

/// A database on the server that everyone shares: the one that the user gave, or one of ours.
pub(super) fn on_shared_server() -> Result<Arc<Database>, PostgresError> {
    let job = match given::endpoint()? {
        Some(endpoint) => {
            let id = format!("{GIVEN}{}", fingerprint(&endpoint.url_direct(&endpoint.maintenance)));
            Job::new(base::base()?, id, Source::Given(endpoint), true)
        }
        None => {
            let installation = locate::locate()?;
            let what = format!(
                "{PROTOCOL} {} {} {}",
                env!("CARGO_PKG_VERSION"),
                installation.identity,
                initdb::settings()
            );
            let id = format!("{}-{}", installation.version.major, fingerprint(&what));
            Job::new(base::base()?, id, Source::of(installation), true)
        }
    };
    database(&job, attachment::shared)
}

/// A database on a server of its own, which writes its log beside this journal.
pub(super) fn on_own_server(
    options: ServerOptions,
    journal: Option<&Path>,
) -> Result<Arc<Database>, PostgresError> {
    let id = format!("own-{}", random_digits(8)?);
    let source = Source::of(locate::locate()?);
    let mut job = Job::new(base::base()?, id, source, false).with(options);
    if let Some(journal) = journal {
        job = job.with_log_beside(journal);
    }
    database(&job, attachment::attach)
}

/// Why no server with a small disk can be started here; nothing if one can.
pub(super) fn obstacle_to_small_disks() -> Option<String> {
    disk::obstacle()
}

fn database(
    job: &Job,
    attach: impl Fn(&Job) -> Result<Arc<Attachment>, PostgresError>,
) -> Result<Arc<Database>, PostgresError> {
    let keep = kept::is_asked()?;
    job.check()?;
    for _ in 0..TRIES {
        let server = attach(job)?;
        let claimed = claim::claim(&server, keep)?;
        if let Some(claim) = claimed.filter(|_| server.is_supervised()) {
            let database = Arc::new(Database { claim, server, is_alone: !job.is_shared });
            if keep {
                kept::hold(&database);
            }
            return Ok(database);
        }
    }
    let reason = format!("it ended {TRIES} times before a database could be taken from it");
    Err(PostgresError::Start { reason })
}

/// Does the job of a supervisor, and ends the process, if this process was started for that.
pub(super) fn supervise_if_asked() {
    let Some(job) = std::env::var_os(job::VARIABLE) else { return };
    // On a thread of its own, because the caller may be inside a runtime.
    let job = job.to_string_lossy().into_owned();
    let supervisor = std::thread::spawn(move || supervisor::main(&job));
    std::process::exit(supervisor.join().unwrap_or(1));
}
