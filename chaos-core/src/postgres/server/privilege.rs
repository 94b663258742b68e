//! Stepping down: PostgreSQL refuses to run as root.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::postgres::error::PostgresError;

/// Who runs the server when root starts it, best first.
const CANDIDATES: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// An unprivileged user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user that has to run the server: none if this process is not root, because it can then
    /// be run as oneself.
    pub(super) fn to_step_down_to() -> Result<Option<Self>, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let users = fs::read_to_string(path).map_err(PostgresError::file("read", path))?;
        let found = Self::find(&users).ok_or_else(|| PostgresError::Program {
            program: "postgres".to_owned(),
            problem: format!(
                "cannot run as root, and /etc/passwd has none of the users {CANDIDATES:?} to step \
                 down to; create one, or run the tests as an ordinary user"
            ),
        })?;
        Ok(Some(found))
    }

    /// The best candidate in the text of a user database. An arbitrary number would not do, because
    /// `initdb` looks its own user up.
    fn find(users: &str) -> Option<Self> {
        let entry = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            let uid = fields.next()?.parse().ok().filter(|uid| *uid != 0)?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), uid, gid })
        };
        CANDIDATES.into_iter().find_map(entry)
    }

    /// Makes a command run as this user. Supplementary groups are dropped too.
    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or directory to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(PostgresError::file(&format!("give user `{}`", self.name), path))
    }

    /// Whether the mode of a directory lets this user pass.
    pub(super) fn may_enter(&self, directory: &Path) -> bool {
        let Ok(found) = fs::metadata(directory) else { return false };
        let bit = match (found.uid() == self.uid, found.gid() == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        found.mode() & bit != 0
    }
}

/// Whether this process could execute the file, judged by its mode alone.
pub(super) fn is_executable(path: &Path) -> bool {
    let printable = CString::new(path.as_os_str().as_bytes()).is_ok();
    printable && fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_user_that_exists_is_taken_and_never_one_with_the_powers_of_root() {
        let users = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533:n:/:/x\n";
        let nobody = Account { name: "nobody".into(), uid: 65534, gid: 65533 };
        assert_eq!(Account::find(users), Some(nobody.clone()));
        let both = format!("{users}postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/sh\n");
        let postgres = Account { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(Account::find(&both), Some(postgres));
        let rooted = format!("{users}postgres:x:0:0::/:/bin/sh\n");
        assert_eq!(Account::find(&rooted), Some(nobody));
        assert_eq!(Account::find("root:x:0:0::/root:/bin/sh\npostgres:x:\n"), None);
    }
}
