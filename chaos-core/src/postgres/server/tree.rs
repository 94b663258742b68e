//! Copying and removing directories of ordinary files.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::privilege::Account;
use crate::postgres::error::PostgresError;

/// How much there is in a directory and all below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    files: u64,
    bytes: u64,
}

/// Copies a directory and all below it, gives the copy to `account`, and returns how much it was.
///
/// # Errors
///
/// When something cannot be read or written, or is neither a file nor a directory.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    account: Option<&Account>,
) -> Result<Extent, PostgresError> {
    DirBuilder::new().mode(0o700).create(to).map_err(PostgresError::file("create", to))?;
    let mut extent = Extent::default();
    let entries = fs::read_dir(from).map_err(PostgresError::file("read", from))?;
    for entry in entries {
        let entry = entry.map_err(PostgresError::file("read", from))?;
        let (path, copy_path) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(PostgresError::file("look at", &path))?;
        if kind.is_dir() {
            let below = copy(&path, &copy_path, account)?;
            extent.files += below.files;
            extent.bytes += below.bytes;
        } else if kind.is_file() {
            let length = fs::copy(&path, &copy_path).map_err(PostgresError::file("copy", &path))?;
            extent.files += 1;
            extent.bytes += length;
            if let Some(account) = account {
                account.own(&copy_path)?;
            }
        } else {
            let error = io::Error::other("it is neither a file nor a directory");
            return Err(PostgresError::file("copy", &path)(error));
        }
    }
    if let Some(account) = account {
        account.own(to)?;
    }
    Ok(extent)
}

/// Removes a directory and all below it, if it exists.
///
/// # Errors
///
/// When something of it cannot be removed.
pub(super) fn remove(directory: &Path) -> Result<(), PostgresError> {
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Someone put a file there between the look and the removal.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < 10 => {
                tries += 1;
            }
            result => return result.map_err(PostgresError::file("remove", directory)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_extent_and_content() {
        let root = tempfile::tempdir().unwrap();
        let from = root.path().join("from");
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/file"), "hello").unwrap();
        fs::write(from.join("empty"), "").unwrap();
        let to = root.path().join("to");
        let extent = copy(&from, &to, None).unwrap();
        assert_eq!(extent, Extent { files: 2, bytes: 5 });
        assert_eq!(fs::read_to_string(to.join("a/b/file")).unwrap(), "hello");
        remove(&to).unwrap();
        assert!(!to.exists());
        remove(&to).unwrap();
    }

    #[test]
    fn what_is_no_ordinary_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let from = root.path().join("from");
        fs::create_dir(&from).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", from.join("link")).unwrap();
        let error = copy(&from, &root.path().join("to"), None).unwrap_err().with_sources();
        assert!(error.contains("neither a file nor a directory"), "{error}");
    }
}
