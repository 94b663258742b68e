//! The processes of a server of one's own: killing, stopping, starting and pausing them.
//!
//! [`Postgres::server`] gives the handle. What it does is done by the supervisor of the server,
//! which stays when the server is down: the server can be started again on the same data, the same
//! socket and the same port, and still nothing of it outlives the test, paused processes included.

mod at_message;
mod fault;
mod part;
mod ready;
mod request;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::part::{Part, ServerStatus, StopMode};
pub use self::ready::Ready;
use self::ready::Since;
pub(in crate::postgres) use self::request::{Answer, Request, ServerSignal};
pub use self::request::{Resource, ServerProcess};
use super::Postgres;
use super::endpoint::CONNECT_LIMIT;
use super::error::PostgresError;
use crate::error::Error;
use crate::event::EventKind;
use crate::link::Target;

/// How long the server may take to do what it is asked, 60 s.
const LIMIT: Duration = Duration::from_secs(60);

impl Postgres {
    /// The processes of the server, if it is one of the test's own.
    ///
    /// # Errors
    ///
    /// [`PostgresError::Shared`] when others use the server too: take
    /// [`Chaos::postgres_server`](crate::Chaos::postgres_server) instead.
    pub fn server(&self) -> Result<PostgresServer, Error> {
        if !self.database.is_alone() {
            return Err(PostgresError::Shared { what: "stopped, killed or damaged" }.into());
        }
        Ok(PostgresServer { postgres: self.clone(), since: Arc::default() })
    }

    /// Says that the server is down, where that is why a connection past the link was not opened.
    pub(super) async fn or_down<T>(
        &self,
        opened: Result<T, PostgresError>,
    ) -> Result<T, PostgresError> {
        let error = match opened {
            Err(error) if self.database.is_alone() => error,
            opened => return opened,
        };
        let look = tokio::time::timeout(CONNECT_LIMIT, self.database.ask(&Request::Look)).await;
        Err(match (error, look) {
            (
                PostgresError::Sql { action, source },
                Ok(Ok(Answer::Status(ServerStatus::Down { .. }))),
            ) => PostgresError::Down { action, source },
            (error, _) => error,
        })
    }
}

/// The processes of a server of one's own. Clones are the same server.
///
/// Its methods return when what they do has happened. None of them takes longer than 60 s; then it
/// fails with [`PostgresError::TimedOut`], and what was asked for still happens when it can.
///
/// ```no_run
/// use chaos_core::postgres::{Part, StopMode};
/// # use chaos_core::prelude::*;
/// # async fn example(cx: chaos_core::Chaos) -> TestResult {
/// let pg = cx.postgres_server().await?;
/// let server = pg.server()?;
///
/// server.crash().await?; // every process at once, as when the machine fails
/// let ready = server.start().await?;
/// assert!(ready.recovered);
///
/// server.pause(Part::Postmaster).await?; // sessions go on, and nobody new comes in
/// server.resume(Part::Postmaster).await?;
///
/// server.restart(StopMode::Fast).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresServer {
    pub(super) postgres: Postgres,
    since: Arc<Since>,
}

impl PostgresServer {
    /// How the server is at the moment.
    ///
    /// # Errors
    ///
    /// When its supervisor does not answer.
    pub async fn status(&self) -> Result<ServerStatus, Error> {
        match self.ask(Request::Look, "look at the server").await? {
            Answer::Status(status) => Ok(status),
            other => Err(unexpected("look at the server", &other).into()),
        }
    }

    /// Every process of the server; none when it is down.
    ///
    /// # Errors
    ///
    /// When its supervisor does not answer.
    pub async fn processes(&self) -> Result<Vec<ServerProcess>, Error> {
        match self.ask(Request::List, "list the processes of the server").await? {
            Answer::Processes(processes) => Ok(processes),
            other => Err(unexpected("list the processes of the server", &other).into()),
        }
    }

    /// The part that serves a session of `tokio-postgres`, to be killed or paused.
    ///
    /// # Errors
    ///
    /// When the session does not answer.
    pub async fn backend_of(&self, client: &tokio_postgres::Client) -> Result<Part, Error> {
        let asked = client.query_one("SELECT pg_backend_pid()", &[]).await;
        let row = asked.map_err(PostgresError::sql("ask a session for its process"))?;
        Ok(Part::Backend(row.get(0)))
    }

    /// Kills every process of the server at once, with SIGKILL, as when the machine fails.
    ///
    /// Returns when all are gone. What was committed is there again after
    /// [`start`](Self::start), which recovers first.
    ///
    /// # Errors
    ///
    /// When it cannot be done.
    pub async fn crash(&self) -> Result<(), Error> {
        self.kill(Part::Server).await
    }

    /// Kills one part of the server, or all of it, with SIGKILL.
    ///
    /// * The postmaster: sessions end when they next wait for something, so that a commit that is
    ///   under way may still take place. The server stays down until [`start`](Self::start).
    /// * Any other process: the server ends every session, recovers, and lets clients in again by
    ///   itself, unless `restart_after_crash` is off. Returns when the sessions have ended, which is
    ///   before; wait for it with [`ready`](Self::ready).
    ///
    /// # Errors
    ///
    /// When there is no such part, or it cannot be done.
    pub async fn kill(&self, part: Part) -> Result<(), Error> {
        self.begin();
        self.signal(part, ServerSignal::Kill, "kill").await?;
        self.note(format!("killed: {part}"));
        Ok(())
    }

    /// Stops a part of the server, or all of it, with SIGSTOP: it keeps its locks and sockets and
    /// does nothing.
    ///
    /// * The server: clients wait, without an error.
    /// * The postmaster: sessions go on; who connects gets no answer, and no error either.
    /// * A session: its client waits; its locks stay, and it cannot be terminated.
    /// * The checkpointer: commits go on; `CHECKPOINT` and `DROP DATABASE` wait.
    ///
    /// # Errors
    ///
    /// When there is no such part, or it cannot be done.
    pub async fn pause(&self, part: Part) -> Result<(), Error> {
        self.signal(part, ServerSignal::Pause, "pause").await?;
        self.note(format!("paused: {part}"));
        Ok(())
    }

    /// Lets a part that was paused go on, with SIGCONT.
    ///
    /// # Errors
    ///
    /// When there is no such part, or it cannot be done.
    pub async fn resume(&self, part: Part) -> Result<(), Error> {
        self.begin();
        self.signal(part, ServerSignal::Resume, "resume").await?;
        self.note(format!("resumed: {part}"));
        Ok(())
    }

    /// Stops the server. Returns when it has ended; at once if it is down.
    ///
    /// # Errors
    ///
    /// When it does not end within 60 s: a smart stop waits for the last session, and every stop
    /// for a session that is paused. When the postmaster is paused, which would not notice.
    pub async fn stop(&self, mode: StopMode) -> Result<(), Error> {
        self.done(Request::Stop { mode, until_ended: true }, &format!("stop the server ({mode})"))
            .await?;
        self.note(format!("stopped: {mode}"));
        Ok(())
    }

    /// Begins to stop the server, and returns when it lets nobody in any more.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn begin_stop(&self, mode: StopMode) -> Result<(), Error> {
        let request = Request::Stop { mode, until_ended: false };
        self.done(request, &format!("begin to stop the server ({mode})")).await?;
        self.note(format!("stopping: {mode}"));
        Ok(())
    }

    /// Starts the server if it is down, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// When it ends instead: with the end of its log.
    pub async fn start(&self) -> Result<Ready, Error> {
        self.begin();
        self.done(Request::Start { delay: None }, "start the server").await?;
        self.ready().await
    }

    /// Starts the server after a delay, while the test goes on.
    ///
    /// [`ready`](Self::ready) waits for it.
    ///
    /// # Errors
    ///
    /// When its supervisor does not answer.
    pub async fn start_after(&self, delay: Duration) -> Result<(), Error> {
        self.begin();
        Ok(self.done(Request::Start { delay: Some(delay) }, "start the server later").await?)
    }

    /// Stops the server and starts it again.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub async fn restart(&self, mode: StopMode) -> Result<Ready, Error> {
        self.stop(mode).await?;
        self.start().await
    }

    /// Limits a resource of one session, or of the whole server: of its sessions and of all that are
    /// to come. On Linux only.
    ///
    /// * [`Resource::FileSize`]: a file cannot grow beyond it. Who extends a table gets 53100, as
    ///   from a full disk, on PostgreSQL 16 and newer XX000, and the session goes on.
    /// * [`Resource::Memory`]: who needs more gets 53200, and the session goes on.
    ///
    /// # Errors
    ///
    /// When there is no such part, a file size of less than 1 MiB is asked for, or the program
    /// `prlimit` is missing.
    pub async fn limit(&self, part: Part, resource: Resource, bytes: u64) -> Result<(), Error> {
        self.set_limit(part, resource, Some(bytes)).await?;
        self.note(format!("limited: {resource:?} of {part} to {bytes}"));
        Ok(())
    }

    /// Lifts a limit.
    ///
    /// # Errors
    ///
    /// As [`limit`](Self::limit).
    pub async fn lift_limit(&self, part: Part, resource: Resource) -> Result<(), Error> {
        self.set_limit(part, resource, None).await?;
        self.note(format!("limit lifted: {resource:?} of {part}"));
        Ok(())
    }

    async fn set_limit(
        &self,
        part: Part,
        resource: Resource,
        bytes: Option<u64>,
    ) -> Result<(), Error> {
        let action = format!("limit a resource of the {part}");
        Ok(self.done(Request::Limit { part, resource, bytes }, &action).await?)
    }

    /// Moves the file of the unix socket away: who connects to it finds nothing (`ENOENT`), and
    /// sessions go on. Links lead there.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub async fn move_socket_away(&self) -> Result<(), Error> {
        self.done(Request::MoveSocket { away: true }, "move the socket away").await?;
        self.note("moved the socket away".to_owned());
        Ok(())
    }

    /// Moves the file of the unix socket back.
    ///
    /// # Errors
    ///
    /// When it was not moved away.
    pub async fn move_socket_back(&self) -> Result<(), Error> {
        self.done(Request::MoveSocket { away: false }, "move the socket back").await?;
        self.note("moved the socket back".to_owned());
        Ok(())
    }

    /// What the server has written to its log.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn log(&self) -> Result<String, Error> {
        let path = self.postgres.database.log().expect("a server of its own is ours");
        let log = fs::read(&path).map_err(PostgresError::file("read", &path))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// The directory in which the server keeps its data, `PGDATA`.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.postgres.database.data_directory()
    }

    async fn signal(
        &self,
        part: Part,
        signal: ServerSignal,
        verb: &str,
    ) -> Result<(), PostgresError> {
        self.done(Request::Signal { part, signal }, &format!("{verb} the {part}")).await
    }

    async fn done(&self, request: Request, action: &str) -> Result<(), PostgresError> {
        match self.ask(request, action).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(action, &other)),
        }
    }

    pub(super) async fn ask(
        &self,
        request: Request,
        action: &str,
    ) -> Result<Answer, PostgresError> {
        let answer = tokio::time::timeout(LIMIT, self.postgres.database.ask(&request)).await;
        answer.map_err(|_| {
            let action = format!("{action}; it still happens when it can");
            PostgresError::TimedOut { action, limit: LIMIT }
        })?
    }

    /// Notes that from now on the server is on its way back.
    fn begin(&self) {
        self.since.begin(Instant::now(), self.log().map_or(0, |log| log.len()));
    }

    pub(super) fn note(&self, action: String) {
        let link = self.postgres.link();
        let target = link.name().to_owned();
        link.scope().journal().record(EventKind::ServerAction { target, action });
    }
}

/// An answer that is none to what was asked.
fn unexpected(action: &str, answer: &Answer) -> PostgresError {
    let reason = match answer {
        Answer::Failed(reason) => reason.clone(),
        Answer::NoSuchPart(processes) if processes.is_empty() => {
            "the server is down; start it first".to_owned()
        }
        Answer::NoSuchPart(processes) => {
            let there: Vec<_> = processes.iter().map(|process| process.part.to_string()).collect();
            format!("the server has no such process; it has: {}", there.join(", "))
        }
        other => format!("its supervisor answered {other:?}"),
    };
    PostgresError::Process { action: action.to_owned(), reason }
}
