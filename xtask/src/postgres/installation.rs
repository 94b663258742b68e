//! A PostgreSQL on this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaos_core::postgres::{self, PostgresError};

use crate::error::Error;
use crate::program;

/// The programs that the library starts.
const PROGRAMS: [&str; 2] = ["postgres", "initdb"];

/// A PostgreSQL that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The directory of its programs.
    pub(crate) bin: PathBuf,
    /// Such as `17.10`.
    pub(crate) version: String,
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {} in {}", self.version, self.bin.display())
    }
}

/// The PostgreSQL that the tests will use, found as the library finds it, or `None` when there is
/// none.
///
/// # Errors
///
/// When one is asked for that cannot be used, which installing another one does not change.
pub(crate) fn find() -> Result<Option<Installation>, Error> {
    match postgres::locate() {
        Ok(found) => Ok(Some(Installation { bin: found.programs, version: found.version })),
        Err(PostgresError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Runs the programs in `bin` and returns the version that they state.
pub(crate) fn try_out(bin: &Path) -> Result<String, Error> {
    let mut version = String::new();
    for name in PROGRAMS {
        let path = bin.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let text = program::output(Command::new(&path).arg("--version"))?;
        version = version_in(&text).ok_or_else(|| {
            let text = text.trim();
            Error::other(format!("{} is not of PostgreSQL: {text}", path.display()))
        })?;
    }
    Ok(version)
}

/// `18.4` of `postgres (PostgreSQL) 18.4 (Debian 18.4-1)`.
fn version_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    let version = rest.split_whitespace().next()?;
    // It becomes the name of a directory.
    let is_name =
        version.chars().all(|character| character.is_ascii_alphanumeric() || character == '.');
    (is_name && version.starts_with(|first: char| first.is_ascii_digit()))
        .then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_programs_print() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(version_in(debian).as_deref(), Some("15.18"));
        assert_eq!(version_in("initdb (PostgreSQL) 18.4\n").as_deref(), Some("18.4"));
        assert_eq!(version_in("initdb (PostgreSQL) 18beta1").as_deref(), Some("18beta1"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["psql 15", "", "x (PostgreSQL) ", "x (PostgreSQL) ../..", "x (PostgreSQL) 1/2"]
        {
            assert_eq!(version_in(text), None, "{text}");
        }
    }
}
