//! One `postgres` process: starting it, knowing when it is ready, stopping it.

use std::fs::{self, File};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::initdb;
use super::layout::Layout;
use super::locate::Installation;
use super::privilege::Account;
use super::process::{self, STOP_LIMIT};
use super::reservation::Reservation;
use super::subprocess::tail;
use crate::postgres::error::PostgresError;

/// How long a server may take until it accepts connections; it needs some hundredths of a second.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often another port is tried when somebody else has it in spite of the reservation.
const PORT_TRIES: u32 = 8;

/// How much of the server's log belongs in an error.
const LOG_TAIL: usize = 2_000;

/// A server, whose parent this process is. It runs until something ends it, and can be started
/// again.
#[derive(Debug)]
pub(super) struct Instance {
    child: Child,
    layout: Layout,
    pub(super) port: u16,
    /// Keeps the port while the server is down.
    _reservation: Reservation,
    /// Where in the log the words of this start begin.
    log_start: u64,
    /// Whether processes of it may be stopped by a signal, and would not notice another.
    pub(super) may_be_paused: bool,
}

impl Instance {
    /// Starts a server on the data directory and waits until it is ready.
    pub(super) fn start(
        installation: &Installation,
        account: Option<&Account>,
        layout: &Layout,
    ) -> Result<Self, PostgresError> {
        let mut tries = 1;
        loop {
            let reservation = Reservation::of_free_port()?;
            let mut instance = Self::spawn(installation, account, layout, reservation)?;
            match instance.wait_until_ready() {
                Ok(()) => return Ok(instance),
                Err(error) => {
                    instance.stop();
                    let log = fs::read(layout.log()).unwrap_or_default();
                    let log = String::from_utf8_lossy(&log);
                    if tries == PORT_TRIES || !log.contains("Address already in use") {
                        let log = tail(log.trim_end(), LOG_TAIL);
                        let reason = match log {
                            "" => format!("{error}; it wrote no log"),
                            _ => format!("{error}; the end of its log:\n{log}"),
                        };
                        return Err(PostgresError::Start { reason });
                    }
                    tries += 1;
                }
            }
        }
    }

    fn spawn(
        installation: &Installation,
        account: Option<&Account>,
        layout: &Layout,
        reservation: Reservation,
    ) -> Result<Self, PostgresError> {
        // What a former server on another port said is of no interest.
        fs::remove_file(layout.log()).ok();
        let port = reservation.port;
        let child = run(installation, account, layout, port)?;
        Ok(Self {
            child,
            layout: layout.clone(),
            port,
            _reservation: reservation,
            log_start: 0,
            may_be_paused: false,
        })
    }

    /// Starts the server again on the same data and the same port. It must have ended.
    pub(super) fn start_again(
        &mut self,
        installation: &Installation,
        account: Option<&Account>,
    ) -> Result<(), PostgresError> {
        self.log_start = fs::metadata(self.layout.log()).map_or(0, |found| found.len());
        self.child = run(installation, account, &self.layout, self.port)?;
        Ok(())
    }

    /// Whether the server accepts connections for the first time since it was started.
    pub(super) fn is_ready(&mut self) -> Result<bool, PostgresError> {
        if let Some(status) = self.exited()? {
            let program = "postgres".to_owned();
            return Err(PostgresError::Program { program, problem: format!("ended ({status})") });
        }
        Ok(self.phase() == "ready")
    }

    /// What the server says of itself: `starting`, `ready` or `stopping`. Nothing when it did not
    /// say anything yet.
    pub(super) fn phase(&self) -> String {
        let file = self.layout.data().join("postmaster.pid");
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut lines = text.lines();
        // The file may be one that a former server left.
        let is_ours = lines.next() == Some(self.child.id().to_string().as_str());
        let phase = lines.nth(6).filter(|_| is_ours).unwrap_or_default();
        phase.trim().to_owned()
    }

    fn wait_until_ready(&mut self) -> Result<(), PostgresError> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if self.is_ready()? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let action = "wait for the server to accept connections".to_owned();
        Err(PostgresError::TimedOut { action, limit: START_LIMIT })
    }

    /// The postmaster.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How the server ended, if it did.
    pub(super) fn exited(&mut self) -> Result<Option<ExitStatus>, PostgresError> {
        self.child.try_wait().map_err(PostgresError::io("wait for `postgres`"))
    }

    /// The end of what the server wrote to its log since it was started.
    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.layout.log()).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or(0).min(log.len());
        tail(String::from_utf8_lossy(&log[start..]).trim_end(), LOG_TAIL).to_owned()
    }

    /// Stops the server, by force if it does not follow. Its data are of no use afterwards.
    pub(super) fn stop(&mut self) {
        let segment = process::shared_memory(self.layout.home());
        if std::mem::take(&mut self.may_be_paused) {
            for pid in process::of_server(self.layout.home()) {
                // It may have ended in the meantime.
                rustix::process::kill_process(pid, Signal::CONT).ok();
            }
        }
        if let Ok(None) = self.child.try_wait() {
            // Without a checkpoint, which would only write what is about to be removed.
            rustix::process::kill_process(Pid::from_child(&self.child), Signal::QUIT).ok();
            let deadline = Instant::now() + STOP_LIMIT;
            while let Ok(None) = self.child.try_wait() {
                if Instant::now() > deadline {
                    self.child.kill().ok();
                    self.child.wait().ok();
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let killed = self.child.try_wait().is_ok_and(|status| {
            use std::os::unix::process::ExitStatusExt;
            status.is_some_and(|status| status.signal().is_some())
        });
        // Processes that are stopped or busy do not notice that their parent is gone.
        process::end_server(self.layout.home());
        if let Some(segment) = segment.filter(|_| killed) {
            process::free(&segment);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    installation: &Installation,
    account: Option<&Account>,
    layout: &Layout,
    port: u16,
) -> Result<Child, PostgresError> {
    let path = layout.log();
    // A file, because a pipe that nobody reads stops the server when it is full.
    let log = File::options().append(true).create(true).open(&path);
    let log = log.map_err(PostgresError::file("create", &path))?;
    let errors = log.try_clone().map_err(PostgresError::file("use", &path))?;
    let mut command = initdb::command(installation, "postgres", account);
    command.arg("-D").arg(layout.data()).arg("-p").arg(port.to_string());
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    command
        .spawn()
        .map_err(PostgresError::io("run `postgres`"))
        .map_err(|error| initdb::advised(error, installation, account))
}
