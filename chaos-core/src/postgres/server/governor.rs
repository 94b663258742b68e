//! Does to a server what its test asks: signals, stops, starts.
//!
//! The supervisor does it, because it is the parent of the postmaster: the number of a child belongs
//! to nobody else until its parent has waited for it, so what is sent to the postmaster reaches no
//! other process. The postmaster's own children are found by their titles, which name the server, at
//! the moment they are asked for, and the signals follow. In between one of them may end and its
//! number be given out anew. Linux gives numbers out in turn, so that all others would have to be
//! used up first; that is unlikely, not impossible.

use std::cell::{Cell, RefCell};
use std::fs;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::base;
use super::instance::Instance;
use super::layout::Layout;
use super::locate::Installation;
use super::privilege::Account;
use super::process::{self, STOP_LIMIT};
use super::shortage;
use crate::postgres::error::PostgresError;
use crate::postgres::process::{
    Answer, Part, Request, ServerProcess, ServerSignal, ServerStatus, StopMode,
};

/// How often processes are looked at that are waited for.
const POLL: Duration = Duration::from_millis(1);

/// How long the postmaster may take to notice that one of its processes was killed and to end the
/// others. It kills those that do not follow after 5 s.
const CRASH_LIMIT: Duration = Duration::from_secs(20);

/// How long a signal may take to act on a process.
const SIGNAL_LIMIT: Duration = Duration::from_secs(10);

/// Does what a test asks of its own server.
#[derive(Debug)]
pub(super) struct Governor<'server> {
    listener: UnixListener,
    layout: &'server Layout,
    installation: Installation,
    account: Option<&'server Account>,
    instance: &'server RefCell<Instance>,
    /// How many starts are yet to come.
    delayed: Cell<u32>,
}

impl<'server> Governor<'server> {
    /// Listens for what is asked.
    pub(super) fn new(
        layout: &'server Layout,
        installation: Installation,
        account: Option<&'server Account>,
        instance: &'server RefCell<Instance>,
    ) -> Result<Self, PostgresError> {
        // Of a mode that lets nobody else in.
        base::create_directory(&layout.control(), 0o700)?;
        let socket = layout.control_socket();
        let listener =
            UnixListener::bind(&socket).map_err(PostgresError::file("listen on", &socket))?;
        let delayed = Cell::new(0);
        Ok(Self { listener, layout, installation, account, instance, delayed })
    }

    /// Does what is asked, one thing beside the other: a server that is on its way up can be killed.
    pub(super) async fn serve<T>(&self) -> T {
        let mut work = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => work.push(self.converse(stream)),
                    // No descriptor is left, perhaps; whoever asks waits.
                    Err(_) => tokio::time::sleep(10 * POLL).await,
                },
                Some(()) = work.next() => {}
            }
        }
    }

    async fn converse(&self, mut stream: UnixStream) {
        let mut question = Vec::new();
        if stream.read_to_end(&mut question).await.is_err() {
            return;
        }
        let request = serde_json::from_slice(&question);
        let delayed = match &request {
            Ok(Request::Start { delay: Some(delay) }) => Some(*delay),
            _ => None,
        };
        let answer = match request {
            Err(error) => Answer::Failed(format!("the request makes no sense: {error}")),
            Ok(_) if delayed.is_some() => {
                self.delayed.set(self.delayed.get() + 1);
                Answer::Done
            }
            Ok(request) => self.answer(request).await,
        };
        // Whoever asked may not wait for it.
        if let Ok(answer) = serde_json::to_vec(&answer) {
            stream.write_all(&answer).await.ok();
        }
        drop(stream);
        if let Some(delay) = delayed {
            tokio::time::sleep(delay).await;
            // Why it failed stands in the log, where whoever waits for the server finds it.
            self.start().await.ok();
            self.delayed.set(self.delayed.get() - 1);
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        let done = match request {
            Request::Look => return Answer::Status(self.status()),
            Request::List => return Answer::Processes(self.processes()),
            Request::Signal { part, signal } => {
                let Some(found) = self.find(part) else {
                    return Answer::NoSuchPart(self.processes());
                };
                match signal {
                    ServerSignal::Kill => self.kill(part, &found).await,
                    ServerSignal::Pause => self.pause(part, &found).await,
                    ServerSignal::Resume => self.resume(&found).await,
                }
            }
            Request::Stop { mode, until_ended } => self.stop(mode, until_ended).await,
            Request::Start { .. } => self.start().await,
            Request::Limit { part, resource, bytes } => {
                let Some(found) = self.find(part) else {
                    return Answer::NoSuchPart(self.processes());
                };
                shortage::limit(&found, resource, bytes, self.account)
            }
            Request::MoveSocket { away } => self.move_socket(away),
        };
        done.map_or_else(|error| Answer::Failed(error.with_sources()), |()| Answer::Done)
    }

    fn status(&self) -> ServerStatus {
        let mut instance = self.instance.borrow_mut();
        match instance.exited() {
            Ok(Some(_)) if self.delayed.get() > 0 => ServerStatus::Starting,
            Ok(Some(status)) => ServerStatus::Down { how: status.to_string() },
            _ if process::state_of(instance.pid()) == Some('T') => ServerStatus::Paused,
            _ => match instance.phase().as_str() {
                "ready" => ServerStatus::Running,
                "stopping" => ServerStatus::Stopping,
                _ => ServerStatus::Starting,
            },
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.instance.borrow_mut().exited(), Ok(Some(_)))
    }

    fn processes(&self) -> Vec<ServerProcess> {
        process::parts(self.layout.home(), self.instance.borrow().pid())
    }

    /// The processes of a part; none if there is no such part.
    fn find(&self, part: Part) -> Option<Vec<ServerProcess>> {
        let wanted = |process: &ServerProcess| match part {
            Part::Server => true,
            Part::Other(pid) | Part::Backend(pid) => process.pid == pid,
            part => process.part == part,
        };
        let found: Vec<_> = self.processes().into_iter().filter(wanted).collect();
        (!found.is_empty()).then_some(found)
    }

    async fn kill(&self, part: Part, found: &[ServerProcess]) -> Result<(), PostgresError> {
        let before = self.processes();
        let mut victims: Vec<_> = found.to_vec();
        // First, so that it has no time to notice the end of the others.
        victims.sort_by_key(|process| process.part != Part::Postmaster);
        for victim in &victims {
            send(victim, Signal::KILL)?;
        }
        let postmaster = self.instance.borrow().pid();
        let ended = |process: &ServerProcess| match pid_of(process) {
            Some(pid) if pid == postmaster => self.has_ended(),
            Some(pid) => !process::is_alive(pid),
            None => true,
        };
        until(SIGNAL_LIMIT, "end a process that was killed", || victims.iter().all(ended)).await?;
        if matches!(part, Part::Server) {
            // A process that was being made meanwhile is an orphan now.
            process::end_server(self.layout.home());
        }
        if matches!(part, Part::Server | Part::Postmaster) || self.is_paused() {
            return Ok(());
        }
        // The postmaster ends all others before it starts anew.
        let crashed = || self.has_ended() || before.iter().filter(is_child).all(ended);
        until(CRASH_LIMIT, "wait for the server to notice that a process was killed", crashed).await
    }

    fn is_paused(&self) -> bool {
        process::state_of(self.instance.borrow().pid()) == Some('T')
    }

    async fn pause(&self, part: Part, found: &[ServerProcess]) -> Result<(), PostgresError> {
        self.instance.borrow_mut().may_be_paused = true;
        let stopped = |process: &ServerProcess| {
            pid_of(process)
                .is_none_or(|pid| !process::is_alive(pid) || process::state_of(pid) == Some('T'))
        };
        if part == Part::Server {
            // First, so that there are no new ones.
            let first = found.iter().filter(|process| process.part == Part::Postmaster);
            for postmaster in first {
                send(postmaster, Signal::STOP)?;
                until(SIGNAL_LIMIT, "pause the postmaster", || stopped(postmaster)).await?;
            }
        }
        let found = if part == Part::Server { self.processes() } else { found.to_vec() };
        for process in &found {
            send(process, Signal::STOP)?;
        }
        until(SIGNAL_LIMIT, "pause a process", || found.iter().all(stopped)).await
    }

    async fn resume(&self, found: &[ServerProcess]) -> Result<(), PostgresError> {
        for process in found {
            send(process, Signal::CONT)?;
        }
        let runs = |process: &ServerProcess| {
            pid_of(process).is_none_or(|pid| process::state_of(pid) != Some('T'))
        };
        until(SIGNAL_LIMIT, "resume a process", || found.iter().all(runs)).await
    }

    async fn stop(&self, mode: StopMode, until_ended: bool) -> Result<(), PostgresError> {
        if self.has_ended() {
            return Ok(());
        }
        let action = || format!("stop the server ({mode})");
        if self.is_paused() {
            let reason = "it is paused, and would not notice; resume it first".to_owned();
            return Err(PostgresError::Process { action: action(), reason });
        }
        let signal = match mode {
            StopMode::Smart => Signal::TERM,
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        let pid = self.instance.borrow().pid();
        rustix::process::kill_process(pid, signal)
            .map_err(|error| PostgresError::io(action())(error.into()))?;
        // How long it takes is for whoever asked to judge: a session may take for ever.
        loop {
            let is_stopping = || self.instance.borrow().phase() == "stopping";
            if self.has_ended() || !until_ended && is_stopping() {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn start(&self) -> Result<(), PostgresError> {
        if self.has_ended() {
            self.await_orphans().await;
            let mut instance = self.instance.borrow_mut();
            // Somebody else may have started it meanwhile.
            if matches!(instance.exited(), Ok(Some(_))) {
                instance.may_be_paused = false;
                instance.start_again(&self.installation, self.account)?;
            }
        }
        // Recovery takes as long as it takes; whoever asked knows for how long to wait.
        loop {
            let ready = self.instance.borrow_mut().is_ready();
            match ready {
                Ok(true) => return Ok(()),
                Ok(false) => tokio::time::sleep(POLL).await,
                Err(error) => {
                    let log = self.instance.borrow().log_tail();
                    let reason = format!("{}; the end of its log:\n{log}", error.with_sources());
                    return Err(PostgresError::Start { reason });
                }
            }
        }
    }

    /// Waits until the processes of a server whose postmaster was killed have noticed, and ends those
    /// that do not: a server does not start beside them.
    async fn await_orphans(&self) {
        let home = self.layout.home();
        let segment = process::shared_memory(home);
        // One that is ending is not found any more while it still holds the memory that it shared.
        let is_held = || segment.as_deref().is_some_and(process::is_attached);
        let gone = || process::of_server(home).is_empty() && !is_held();
        if until(STOP_LIMIT, "end", gone).await.is_err() {
            for pid in process::of_server(home) {
                // It may have ended in the meantime.
                rustix::process::kill_process(pid, Signal::KILL).ok();
            }
            // What is left shows itself when the server is started.
            until(SIGNAL_LIMIT, "end", gone).await.ok();
        }
    }

    fn move_socket(&self, away: bool) -> Result<(), PostgresError> {
        let socket = format!(".s.PGSQL.{}", self.instance.borrow().port);
        let socket = self.layout.socket_directory().join(socket);
        let aside = socket.with_extension("aside");
        if away {
            return fs::rename(&socket, &aside).map_err(PostgresError::file("move", &socket));
        }
        if socket.exists() {
            // A server that was started meanwhile has made a new one.
            return fs::remove_file(&aside).map_err(PostgresError::file("remove", &aside));
        }
        fs::rename(&aside, &socket).map_err(PostgresError::file("move", &aside))
    }
}

fn is_child(process: &&ServerProcess) -> bool {
    process.part != Part::Postmaster
}

fn pid_of(process: &ServerProcess) -> Option<Pid> {
    Pid::from_raw(process.pid)
}

/// Sends a signal to a process, which may have ended in the meantime.
fn send(process: &ServerProcess, signal: Signal) -> Result<(), PostgresError> {
    let Some(pid) = pid_of(process) else { return Ok(()) };
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            let action = format!("send a signal to the {}", process.part);
            Err(PostgresError::io(action)(error.into()))
        }
    }
}

/// Waits until something holds.
async fn until(
    limit: Duration,
    action: &str,
    mut holds: impl FnMut() -> bool,
) -> Result<(), PostgresError> {
    let deadline = Instant::now() + limit;
    while !holds() {
        if Instant::now() > deadline {
            return Err(PostgresError::TimedOut { action: action.to_owned(), limit });
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
