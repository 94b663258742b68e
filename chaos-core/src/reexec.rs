//! How this program runs itself again, for a helper process.
//!
//! The supervisor of a shared server and the process of an attempt are the test binary itself,
//! started once more with an environment variable that says what it is to be. A binary that runs
//! under libtest reaches our code only inside one of its tests, so it needs arguments that select
//! that test; a binary whose `main` is ours needs none.

use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::sync::OnceLock;

static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Sets the arguments with which this program reaches our code when it is started again.
///
/// Only the first call counts; the harness makes it.
pub fn set_arguments(arguments: impl IntoIterator<Item = OsString>) {
    let _ = ARGUMENTS.get_or_init(|| arguments.into_iter().collect());
}

/// Whether [`set_arguments`] was called, so that this program can start itself as a helper.
#[must_use]
pub fn is_ready() -> bool {
    ARGUMENTS.get().is_some()
}

/// A command that starts this program again.
///
/// # Errors
///
/// When the path of the program is not known.
pub fn command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(ARGUMENTS.get().into_iter().flatten());
    Ok(command)
}
