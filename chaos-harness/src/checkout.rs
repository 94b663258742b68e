//! What is checked out where the tests run.

use std::process::{Command, Stdio};

/// The commit that is checked out where the tests run, in twelve digits, with `-dirty` after it where
/// files differ from it. Absent where there is no repository, or no git.
pub(crate) fn commit() -> Option<String> {
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        // It would write what it found out about the files into the repository, and wait for others.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(described.stdout).ok()?;
    let commit = text.trim();
    (described.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}
