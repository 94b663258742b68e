//! Where files are kept: what outlives a run, and what must not.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::PostgresError;

/// Where the library keeps what outlives a run: installed binaries and initialised clusters.
///
/// `CHAOS_CACHE_DIR` names it; otherwise it is `/var/cache/chaos-harness` for root, because the
/// unprivileged user that runs the server cannot enter root's home, and `chaos-harness` under
/// `$XDG_CACHE_HOME` or `~/.cache` for everyone else. The programs of an installed PostgreSQL are
/// looked for in `postgres/<version>/bin` below it. The directory need not exist yet.
///
/// # Errors
///
/// When neither `CHAOS_CACHE_DIR` nor a home directory is known, or the former is no absolute path.
pub fn cache_directory() -> Result<PathBuf, PostgresError> {
    if let Some(chosen) = absolute_path("CHAOS_CACHE_DIR")? {
        return Ok(chosen);
    }
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/cache/chaos-harness"));
    }
    let home = || given("HOME").or_else(|| given("USERPROFILE"));
    let caches = given("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(home()?).join(".cache")))
        .filter(|path| path.is_absolute());
    caches.map(|caches| caches.join("chaos-harness")).ok_or_else(|| PostgresError::Variable {
        variable: "CHAOS_CACHE_DIR",
        problem: "is not set and there is no HOME; set it to a directory that outlives a run"
            .to_owned(),
    })
}

/// The value of a variable, unless it is empty.
pub(super) fn given(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The absolute path that a variable holds, if it is set.
pub(super) fn absolute_path(variable: &'static str) -> Result<Option<PathBuf>, PostgresError> {
    let Some(value) = given(variable) else { return Ok(None) };
    let path = PathBuf::from(value);
    if path.is_absolute() {
        return Ok(Some(path));
    }
    // Tests of one workspace run in different directories, and have to mean the same one.
    let problem = format!("is {path:?}; write an absolute path");
    Err(PostgresError::Variable { variable, problem })
}

/// Whether a variable is set to 1.
#[cfg(unix)]
pub(super) fn flag(variable: &'static str) -> Result<bool, PostgresError> {
    match given(variable) {
        None => Ok(false),
        Some(value) if value == "0" => Ok(false),
        Some(value) if value == "1" => Ok(true),
        Some(value) => {
            let problem = format!("is {value:?}; write 1 or 0");
            Err(PostgresError::Variable { variable, problem })
        }
    }
}
