//! Interrupting a run: SIGINT (Ctrl-C) and SIGTERM.
//!
//! Attempts run in process groups of their own, so a Ctrl-C at the terminal reaches only the
//! harness. It kills the attempts, lets the tests that have not begun be skipped, and the run ends
//! with its own exit code. A second signal ends the process at once.

use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;

use crate::attempt::process::Group;
use crate::exit_code;

/// Whether the run was interrupted, and which attempts to kill when it is.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    signal: AtomicI32,
    groups: Mutex<Vec<Group>>,
}

/// The signal that interrupted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Ctrl-C.
    Sigint,
    /// What `kill` and nextest send.
    Sigterm,
}

impl Interruption {
    /// The exit code of the interrupted run.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Sigint => exit_code::INTERRUPTED,
            Self::Sigterm => exit_code::TERMINATED,
        }
    }

    /// Why an attempt did not finish, or a test did not begin.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Sigint => "the run was interrupted by SIGINT",
            Self::Sigterm => "the run was interrupted by SIGTERM",
        }
    }
}

impl Interrupt {
    /// Whether the run was interrupted.
    pub(crate) fn get(&self) -> Option<Interruption> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Interruption::Sigint),
            _ => Some(Interruption::Sigterm),
        }
    }

    /// Adds a group to those that are killed when the run is interrupted.
    pub(crate) fn watch(&self, group: Group) {
        self.groups.lock().push(group);
        // The signal may have come before the group was known.
        if self.get().is_some() {
            group.kill();
        }
    }

    /// Removes a group again. To be called before its leader is waited for, because its number may
    /// be given to others from then on.
    pub(crate) fn unwatch(&self, group: Group) {
        self.groups.lock().retain(|other| *other != group);
    }

    fn interrupt(&self, by: Interruption) {
        let code = match by {
            Interruption::Sigint => 1,
            Interruption::Sigterm => 2,
        };
        if self.signal.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            std::process::exit(i32::from(by.exit_code()));
        }
        for group in self.groups.lock().iter() {
            group.kill();
        }
    }

    /// Waits for signals on a thread of its own from now on.
    ///
    /// # Errors
    ///
    /// When no signal can be waited for.
    #[cfg(unix)]
    pub(crate) fn listen(interrupt: std::sync::Arc<Self>) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut sigint = signal(SignalKind::interrupt())?;
        let mut sigterm = signal(SignalKind::terminate())?;
        drop(guard);
        let listen = move || {
            runtime.block_on(async {
                loop {
                    let by = tokio::select! {
                        _ = sigint.recv() => Interruption::Sigint,
                        _ = sigterm.recv() => Interruption::Sigterm,
                    };
                    interrupt.interrupt(by);
                }
            });
        };
        std::thread::Builder::new().name("chaos-signals".to_owned()).spawn(listen)?;
        Ok(())
    }

    /// The default of the platform ends the process.
    #[cfg(not(unix))]
    pub(crate) fn listen(_interrupt: std::sync::Arc<Self>) -> std::io::Result<()> {
        Ok(())
    }
}
