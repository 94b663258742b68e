//! What a supervisor is told when it is started, and what it tells its users once the server runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::locate::Installation;
use crate::postgres::endpoint::Endpoint;
use crate::postgres::error::PostgresError;
use crate::postgres::options::ServerOptions;
use crate::postgres::version::Version;

/// The variable that makes this program a supervisor.
pub(super) const VARIABLE: &str = "CHAOS_INTERNAL_SUPERVISOR";

/// Raised when an older supervisor and a newer user, or the other way round, would misunderstand
/// each other. Shared servers of different versions are different servers.
pub(super) const PROTOCOL: u32 = 2;

/// How many databases are made ahead on a shared server: enough for as many tests to begin at the
/// same time on a small machine, and 8 MB each.
const SPARES: usize = 4;

/// The longest name of a socket.
const LONGEST_SOCKET: &str = ".s.PGSQL.65535";

/// What a supervisor is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    base: PathBuf,
    id: String,
    pub(super) source: Source,
    /// The process that wants the server.
    pub(super) creator: i32,
    /// Where initialised clusters are kept, if anywhere.
    pub(super) cache: Option<PathBuf>,
    /// How many databases to make ahead.
    pub(super) spares: usize,
    /// Whether others may want the server after its last user is gone: databases that are used up
    /// are replaced, and it stays for a moment.
    pub(super) is_shared: bool,
    /// What a server of one's own is to be like.
    pub(super) options: ServerOptions,
    /// Where the server is to write its log, if not among its own files.
    log: Option<PathBuf>,
}

/// Where the server comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Source {
    /// It is started.
    Start { programs: PathBuf, version: String, identity: String },
    /// It runs already, and belongs to the user.
    Given(Endpoint),
}

impl Job {
    pub(super) fn new(base: PathBuf, id: String, source: Source, is_shared: bool) -> Self {
        let creator = rustix::process::getpid().as_raw_nonzero().get();
        let cache = crate::postgres::directory::cache_directory().ok();
        let spares = if is_shared { SPARES } else { 1 };
        let (options, log) = (ServerOptions::new(), None);
        Self { base, id, source, creator, cache, spares, is_shared, options, log }
    }

    /// The same with options.
    pub(super) fn with(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// The same with its log beside the journal of an attempt, so that it is there when the server is
    /// gone with its attempt.
    pub(super) fn with_log_beside(mut self, journal: &Path) -> Self {
        // The supervisor has another working directory.
        let beside = journal.with_extension(format!("{}.log", self.id));
        self.log = std::path::absolute(beside).ok();
        self
    }

    pub(super) fn layout(&self) -> Layout {
        let layout = Layout::new(&self.base, &self.id);
        match &self.log {
            Some(log) => layout.with_log(log.clone()),
            None => layout,
        }
    }

    /// Refuses what cannot work, before a process is started for it.
    pub(super) fn check(&self) -> Result<(), PostgresError> {
        self.options.check()?;
        match &self.source {
            Source::Given(_) => Ok(()),
            Source::Start { .. } => {
                super::base::check_length(&self.layout().socket_directory().join(LONGEST_SOCKET))
            }
        }
    }
}

impl Source {
    pub(super) fn of(installation: Installation) -> Self {
        let Installation { programs, version, identity } = installation;
        Self::Start { programs, version: version.to_string(), identity }
    }

    /// The installation to start, if the server does not run already.
    pub(super) fn installation(&self) -> Result<Option<Installation>, PostgresError> {
        let Self::Start { programs, version, identity } = self else { return Ok(None) };
        let version = Version::from_text(version).ok_or_else(|| PostgresError::Variable {
            variable: VARIABLE,
            problem: format!("names the version {version:?}, which is none"),
        })?;
        let (programs, identity) = (programs.clone(), identity.clone());
        Ok(Some(Installation { programs, version, identity }))
    }
}

/// What the file `state` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// The supervisor.
    pub(super) supervisor: i32,
    pub(super) endpoint: Endpoint,
    /// Whether the server belongs to the user, and stays when its supervisor ends.
    pub(super) is_given: bool,
}
