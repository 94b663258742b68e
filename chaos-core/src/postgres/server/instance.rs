//! One `postgres` process: starting it, knowing when it is ready, stopping it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::initdb;
use super::layout::Layout;
use super::locate::Installation;
use super::privilege::Account;
use super::process::{self, STOP_LIMIT};
use super::subprocess::tail;
use crate::postgres::error::PostgresError;

/// How long a server may take until it accepts connections; it needs some hundredths of a second.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often another port is tried when somebody else was faster.
const PORT_TRIES: u32 = 8;

/// How much of the server's log belongs in an error.
const LOG_TAIL: usize = 2_000;

/// A running server, whose parent this process is.
#[derive(Debug)]
pub(super) struct Instance {
    child: Child,
    layout: Layout,
    pub(super) port: u16,
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
            let port = free_port()?;
            let mut instance = Self::spawn(installation, account, layout, port)?;
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
        port: u16,
    ) -> Result<Self, PostgresError> {
        let path = layout.log();
        // A file, because a pipe that nobody reads stops the server when it is full.
        let log = File::create(&path).map_err(PostgresError::file("create", &path))?;
        let errors = log.try_clone().map_err(PostgresError::file("use", &path))?;
        let mut command = initdb::command(installation, "postgres", account);
        command.arg("-D").arg(layout.data()).arg("-p").arg(port.to_string());
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command
            .spawn()
            .map_err(PostgresError::io("run `postgres`"))
            .map_err(|error| initdb::advised(error, installation, account))?;
        Ok(Self { child, layout: layout.clone(), port })
    }

    fn wait_until_ready(&mut self) -> Result<(), PostgresError> {
        let deadline = Instant::now() + START_LIMIT;
        let status_file = self.layout.data().join("postmaster.pid");
        while Instant::now() < deadline {
            if let Some(status) = self.exited()? {
                let program = "postgres".to_owned();
                return Err(PostgresError::Program {
                    program,
                    problem: format!("ended ({status})"),
                });
            }
            let status = fs::read_to_string(&status_file).unwrap_or_default();
            if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let action = "wait for the server to accept connections".to_owned();
        Err(PostgresError::TimedOut { action, limit: START_LIMIT })
    }

    /// How the server ended, if it did.
    pub(super) fn exited(&mut self) -> Result<Option<ExitStatus>, PostgresError> {
        self.child.try_wait().map_err(PostgresError::io("wait for `postgres`"))
    }

    /// The end of the server's log.
    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.layout.log()).unwrap_or_default();
        tail(String::from_utf8_lossy(&log).trim_end(), LOG_TAIL).to_owned()
    }

    /// Stops the server, by force if it does not follow. Its data are of no use afterwards.
    pub(super) fn stop(&mut self) {
        let segment = process::shared_memory(self.layout.home());
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
        if killed {
            // Processes that are stopped or busy do not notice that their parent is gone.
            process::end_server(self.layout.home());
            if let Some(segment) = segment {
                process::free(&segment);
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that is free now. Somebody may be faster, so starting tries several.
fn free_port() -> Result<u16, PostgresError> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
    Ok(address.map_err(PostgresError::io("find a free port"))?.port())
}
