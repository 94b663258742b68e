//! What can go wrong in a task.

use std::io;
use std::path::PathBuf;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("`{program}` cannot be run")]
    Start { program: String, source: io::Error },
    /// A program ended with something else than success.
    #[error("`{command}` failed: {how}{}", indented(.output))]
    Program { command: String, how: String, output: String },
    /// A program that stands for the whole task ended with something else than success.
    #[error("`{command}` failed: {how}")]
    Exit { command: String, how: String, code: u8 },
    /// A file or a directory could not be used.
    #[error("failed to {action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// What the library says about PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] chaos_core::postgres::PostgresError),
    /// Anything that a sentence explains.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// An error that a sentence explains.
    pub(crate) fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    /// Turns an error of the operating system into one that names the file.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn indented(output: &str) -> String {
    output.lines().map(|line| format!("\n      {line}")).collect()
}
