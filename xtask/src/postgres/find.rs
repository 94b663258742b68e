//! Where PostgreSQL is.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::program;

/// The programs that the library starts.
const PROGRAMS: [&str; 2] = ["postgres", "initdb"];

/// The major versions that the library accepts.
const MAJOR: std::ops::RangeInclusive<u32> = 13..=18;

/// A PostgreSQL that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The directory of its programs.
    pub(crate) bin: PathBuf,
    /// Such as `17.10`.
    pub(crate) version: String,
}

impl Installation {
    pub(crate) fn new(bin: PathBuf, version: String) -> Self {
        Self { bin, version }
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {} in {}", self.version, self.bin.display())
    }
}

/// Looks where the library looks.
pub(crate) fn find() -> Option<Installation> {
    let mut candidates = Vec::new();
    candidates.extend(std::env::var_os("CHAOS_PG_BIN").map(PathBuf::from));
    candidates.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    if let Ok(bin) = program::output(Command::new("pg_config").arg("--bindir")) {
        candidates.push(PathBuf::from(bin.trim()));
    }
    if let Some(cache) = cache_directory() {
        candidates.extend(newest_first(&cache.join("postgres"), "bin"));
    }
    candidates.extend(newest_first(Path::new("/usr/lib/postgresql"), "bin"));
    candidates.extend(["/usr/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    candidates.into_iter().find_map(|bin| {
        let bin = fs::canonicalize(bin).ok()?;
        let present = PROGRAMS.iter().all(|program| bin.join(program_file(program)).is_file());
        let version = present.then(|| try_out(&bin).ok()).flatten()?;
        Some(Installation::new(bin, version))
    })
}

/// Where the library keeps what it downloads.
pub(crate) fn cache_directory() -> Option<PathBuf> {
    if let Some(set) = std::env::var_os("CHAOS_CACHE_DIR").filter(|set| !set.is_empty()) {
        return Some(PathBuf::from(set));
    }
    let is_root = program::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root {
        return Some(PathBuf::from("/var/cache/chaos-harness"));
    }
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|x| x.is_absolute());
    let home = || std::env::var_os("HOME").map(|home: OsString| Path::new(&home).join(".cache"));
    Some(xdg.or_else(home)?.join("chaos-harness"))
}

fn newest_first(directory: &Path, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path().join(below)).collect();
    versions.sort();
    versions.reverse();
    versions
}

fn program_file(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// Runs the programs in `bin` and returns the version that they state.
pub(crate) fn try_out(bin: &Path) -> Result<String, Error> {
    let mut version = String::new();
    for name in PROGRAMS {
        let path = bin.join(program_file(name));
        let text = program::output(Command::new(&path).arg("--version"))?;
        version = usable_version(&text).ok_or_else(|| {
            let text = text.trim();
            Error::other(format!("{} is not of PostgreSQL 13 to 18: {text}", path.display()))
        })?;
    }
    Ok(version)
}

/// `18.4` from `postgres (PostgreSQL) 18.4 (Debian 18.4-1)`, when the library accepts it.
fn usable_version(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    let version = rest.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    MAJOR.contains(&digits.parse().ok()?).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_programs_print() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(usable_version(debian).as_deref(), Some("15.18"));
        assert_eq!(usable_version("initdb (PostgreSQL) 18.4\n").as_deref(), Some("18.4"));
        assert_eq!(usable_version("initdb (PostgreSQL) 18beta1").as_deref(), Some("18beta1"));
    }

    #[test]
    fn other_versions_and_other_programs_are_refused() {
        for text in ["postgres (PostgreSQL) 12.22", "initdb (PostgreSQL) 19.0", "psql 15", ""] {
            assert_eq!(usable_version(text), None, "{text}");
        }
    }
}
