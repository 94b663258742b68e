//! Whether this process may install packages of the system.

use std::process::Command;

use crate::program;

/// How a program is run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// We are root.
    Root,
    /// `sudo` works without asking for a password.
    Sudo,
}

impl Privilege {
    /// What this process may do, or `None` when it is an ordinary user.
    pub(crate) fn of_this_process() -> Option<Self> {
        if !cfg!(unix) {
            return None;
        }
        let user = program::output(Command::new("id").arg("-u")).ok()?;
        if user.trim() == "0" {
            return Some(Self::Root);
        }
        program::output(Command::new("sudo").args(["-n", "true"])).ok().map(|_| Self::Sudo)
    }

    /// A command that runs as root.
    pub(crate) fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }
}
