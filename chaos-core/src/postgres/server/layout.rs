//! The files of one server, by which its supervisor and its users talk.
//!
//! Only the supervisor creates and removes them, so that a user that is killed leaves nothing.
//!
//! ```text
//! <base>/<id>.lock      held by the supervisor as long as it lives; holds its process id
//! <base>/<id>/          everything else, removed with the server
//!   lease               every process that uses the server holds a shared lock on it;
//!                       the supervisor an exclusive one while it starts or stops the server;
//!                       empty until its first use
//!   state               where the server is, from when it is ready until it is to end
//!   trouble             why there is no spare database, if there should be one
//!   data/  s/  log      the server's data, its unix socket and its log; the log of a server of a test's
//!                       own lies beside the journal of the attempt, if it has one
//!   control/s           the socket on which the supervisor of a server that is not shared does what
//!                       a test asks of its processes
//!   disk/               a file system of its own, for what is to run out of room
//!   making/<database>   is being created
//!   spare/<database>    is free; who locks the file and moves it to `taken` owns the database
//!   taken/<database>    is owned by whoever holds the lock on the file; dropped once nobody does
//!   templates/<database>  is copied for tests, and says what it was made from; dropped with the server
//!   kept/<database>     is kept for a person to look at, and the server with it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::postgres::error::PostgresError;

/// Where the files of one server are.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    base: PathBuf,
    id: String,
    home: PathBuf,
    log: PathBuf,
}

impl Layout {
    pub(super) fn new(base: &Path, id: &str) -> Self {
        let home = base.join(id);
        Self { base: base.to_owned(), id: id.to_owned(), log: home.join("log"), home }
    }

    /// The same with the log in another place, where it outlives the server.
    pub(super) fn with_log(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn seat(&self) -> PathBuf {
        self.base.join(format!("{}.lock", self.id))
    }

    pub(super) fn lease(&self) -> PathBuf {
        self.home.join("lease")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.home.join("state")
    }

    pub(super) fn trouble(&self) -> PathBuf {
        self.home.join("trouble")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Short, because the path of a socket may not be long.
    pub(super) fn socket_directory(&self) -> PathBuf {
        self.home.join("s")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    pub(super) fn control(&self) -> PathBuf {
        self.home.join("control")
    }

    pub(super) fn control_socket(&self) -> PathBuf {
        self.control().join("s")
    }

    pub(super) fn disk(&self) -> PathBuf {
        self.home.join("disk")
    }

    /// A newly initialised cluster, until it has been copied to the cache.
    pub(super) fn template(&self) -> PathBuf {
        self.home.join("template")
    }

    pub(super) fn making(&self) -> PathBuf {
        self.home.join("making")
    }

    pub(super) fn spare(&self) -> PathBuf {
        self.home.join("spare")
    }

    pub(super) fn taken(&self) -> PathBuf {
        self.home.join("taken")
    }

    pub(super) fn templates(&self) -> PathBuf {
        self.home.join("templates")
    }

    /// Held by whoever makes the template that this stands for.
    pub(super) fn template_lock(&self, fingerprint: &str) -> PathBuf {
        self.home.join(format!("template-{fingerprint}.lock"))
    }

    pub(super) fn kept(&self) -> PathBuf {
        self.home.join("kept")
    }

    /// Whether there may be a database that nobody has dropped.
    pub(super) fn knows_databases(&self) -> Result<bool, PostgresError> {
        for directory in [self.making(), self.spare(), self.taken(), self.templates()] {
            if !names_in(&directory)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The names of the files in a directory; none if there is no such directory.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, PostgresError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(PostgresError::file("read", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(PostgresError::file("read", directory))?;
        // Every name of ours is ASCII.
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}
