//! Which code is tested, and when it changed last, as far as git tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// When `HEAD` of the repository around this directory moved last (a commit, a checkout, a pull), in
/// milliseconds since 1970-01-01 UTC; absent where that is not known. Changes that are not committed are
/// not seen.
pub(crate) fn head_moved_unix_ms(directory: &Path) -> Option<u64> {
    let git = directory.ancestors().find_map(git_directory)?;
    // A worktree has a log of its own.
    let log = fs::read_to_string(git.join("logs/HEAD")).ok()?;
    seconds(log.lines().last()?)?.checked_mul(1_000)
}

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

/// The directory of git's files, if `.git` lies in this directory.
fn git_directory(directory: &Path) -> Option<PathBuf> {
    let git = directory.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    // In a worktree and in a submodule it is a file that names the directory.
    let text = fs::read_to_string(git).ok()?;
    Some(directory.join(text.strip_prefix("gitdir:")?.trim()))
}

/// The time in a line of a log: `<old> <new> <who> <mail> <seconds> <zone>\t<what>`.
fn seconds(line: &str) -> Option<u64> {
    let (who, _) = line.split_once('\t').unwrap_or((line, ""));
    who.split_whitespace().rev().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "0a 1b A. Person <a@example.org> 1700000000 +0100\tcommit: mend it 12 +0000\n";

    #[test]
    fn the_last_line_of_the_log_tells_also_in_a_worktree() {
        let root = tempfile::tempdir().unwrap();
        let logs = root.path().join(".git/logs");
        fs::create_dir_all(&logs).unwrap();
        let package = root.path().join("crates/bank");
        assert_eq!(head_moved_unix_ms(&package), None);
        fs::write(logs.join("HEAD"), format!("{}{LINE}", LINE.replace("17", "16"))).unwrap();
        assert_eq!(head_moved_unix_ms(&package), Some(1_700_000_000_000));
        let worktree = root.path().join("worktree");
        fs::create_dir_all(&worktree).unwrap();
        fs::write(worktree.join(".git"), "gitdir: ../.git\n").unwrap();
        assert_eq!(head_moved_unix_ms(&worktree), Some(1_700_000_000_000));
    }
}
