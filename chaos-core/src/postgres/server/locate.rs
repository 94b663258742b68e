//! Finding the programs of PostgreSQL.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::fingerprint::fingerprint;
use super::privilege::is_executable;
use super::subprocess;
use crate::postgres::Installed;
use crate::postgres::directory::{cache_directory, given};
use crate::postgres::error::{Looked, PostgresError};
use crate::postgres::version::Version;

/// How long a program may take to print its version.
const LIMIT: Duration = Duration::from_secs(10);

/// Where distributions install; `*` stands for one part of a name, and higher numbers come first.
const USUAL_PLACES: [&str; 9] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
];

/// An installed PostgreSQL.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    /// The directory that holds `initdb` and `postgres`.
    pub(super) programs: PathBuf,
    pub(super) version: Version,
    /// Changes when the programs change.
    pub(super) identity: String,
}

/// Where to look, best first.
#[derive(Debug)]
struct Places {
    /// What `CHAOS_PG_BIN` says.
    chosen: Option<OsString>,
    /// What `PATH` says.
    path: Option<OsString>,
    cache: Option<PathBuf>,
    usual: Vec<String>,
}

/// Finds the PostgreSQL to use.
pub(super) fn locate() -> Result<Installation, PostgresError> {
    let places = Places {
        chosen: given("CHAOS_PG_BIN"),
        path: given("PATH"),
        cache: cache_directory().ok(),
        usual: USUAL_PLACES.map(str::to_owned).to_vec(),
    };
    places.search()
}

/// The same, as those outside see it.
pub(in crate::postgres) fn installed() -> Result<Installed, PostgresError> {
    let Installation { programs, version, .. } = locate()?;
    Ok(Installed { programs, version: version.to_string() })
}

impl Places {
    fn search(&self) -> Result<Installation, PostgresError> {
        if let Some(chosen) = &self.chosen {
            // What was asked for is used or refused, and never replaced by something else.
            // The supervisor runs in another directory.
            let programs = &std::path::absolute(chosen)
                .map_err(PostgresError::file("find", Path::new(chosen)))?;
            if !holds_programs(programs) {
                let problem = format!(
                    "is {programs:?}, which does not hold the programs `initdb` and `postgres`; \
                     write the directory that does, such as /usr/lib/postgresql/17/bin"
                );
                return Err(PostgresError::Variable { variable: "CHAOS_PG_BIN", problem });
            }
            let installation = self.examine(programs)?;
            if let Some(problem) = installation.refusal() {
                let problem = format!("is {programs:?}, which holds PostgreSQL {problem}");
                return Err(PostgresError::Variable { variable: "CHAOS_PG_BIN", problem });
            }
            return Ok(installation);
        }
        let mut looked = Vec::new();
        let mut note = |place: String, reason: &str| {
            looked.push(Looked { place, reason: reason.to_owned() });
        };
        note("CHAOS_PG_BIN".to_owned(), "not set");
        for (place, directories) in self.directories() {
            if directories.is_empty() {
                note(place, "`initdb` and `postgres` are not there");
                continue;
            }
            for programs in directories {
                let found = self.examine(&programs);
                let reason = match found {
                    Ok(installation) => match installation.refusal() {
                        None => return Ok(installation),
                        Some(reason) => reason,
                    },
                    Err(error) => error.with_sources(),
                };
                note(format!("{place} ({})", programs.display()), &reason);
            }
        }
        Err(PostgresError::NotFound { looked })
    }

    /// Each place, and the directories with the right programs that it leads to. A place is looked
    /// at when its turn comes, because asking `pg_config` costs more than all else.
    fn directories(&self) -> impl Iterator<Item = (String, Vec<PathBuf>)> {
        let path = self.path.as_deref().unwrap_or_default();
        let of_path = std::iter::once_with(move || {
            let directories = std::env::split_paths(path).map(|directory| resolved(&directory));
            ("PATH".to_owned(), directories.collect())
        });
        let of_pg_config = std::iter::once_with(|| {
            ("pg_config --bindir".to_owned(), self.of_pg_config().into_iter().collect())
        });
        let cache =
            self.cache.as_deref().map(|cache| format!("{}/postgres/*/bin", cache.display()));
        let patterns = cache.into_iter().chain(self.usual.iter().cloned());
        let usual = patterns.map(|pattern| {
            let directories = matching(&pattern);
            (pattern, directories)
        });
        of_path.chain(of_pg_config).chain(usual).map(
            |(place, mut directories): (_, Vec<PathBuf>)| {
                directories.retain(|directory| holds_programs(directory));
                (place, directories)
            },
        )
    }

    fn of_pg_config(&self) -> Option<PathBuf> {
        let path = self.path.as_deref()?;
        let programs = std::env::split_paths(path).map(|directory| directory.join("pg_config"));
        let program = programs.into_iter().find(|program| is_executable(program))?;
        let output = subprocess::output_of(Command::new(program).arg("--bindir"), LIMIT).ok()?;
        Some(PathBuf::from(output.trim()))
    }

    fn examine(&self, programs: &Path) -> Result<Installation, PostgresError> {
        let postgres = programs.join("postgres");
        let file = fs::metadata(&postgres).map_err(PostgresError::file("look at", &postgres))?;
        let identity = fingerprint(&format!(
            "{} {} {}.{} {}",
            postgres.display(),
            file.len(),
            file.mtime(),
            file.mtime_nsec(),
            file.ino()
        ));
        let remembered = self.cache.as_deref().map(|cache| cache.join("versions").join(&identity));
        let version = version_of(&postgres, remembered.as_deref())?;
        Ok(Installation { programs: programs.to_owned(), version, identity })
    }
}

impl Installation {
    /// Why it cannot be used, if so.
    fn refusal(&self) -> Option<String> {
        let supported = self.version.is_supported();
        (!supported).then(|| format!("{}, and only 13 to 18 can be used", self.version))
    }
}

/// The version of a program. It is remembered, because every test process asks and a process that
/// only has to attach to a running server would spend most of its time on the answer.
fn version_of(postgres: &Path, remembered: Option<&Path>) -> Result<Version, PostgresError> {
    let known = remembered.and_then(|path| fs::read_to_string(path).ok());
    if let Some(version) = known.as_deref().and_then(Version::from_output) {
        return Ok(version);
    }
    let output = subprocess::output_of(Command::new(postgres).arg("--version"), LIMIT)?;
    let version = Version::from_output(&output).ok_or_else(|| PostgresError::Program {
        program: format!("{} --version", postgres.display()),
        problem: format!(
            "printed {:?}, which is no version of PostgreSQL",
            subprocess::tail(output.trim(), 200)
        ),
    })?;
    if let Some(path) = remembered {
        // Without a cache every process asks again; that is slower and nothing else.
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).ok();
        }
        fs::write(path, output).ok();
    }
    Ok(version)
}

fn holds_programs(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| is_executable(&directory.join(program)))
}

/// The directory that the programs really lie in: a directory of symbolic links may be replaced by
/// the next version without a change of name.
fn resolved(directory: &Path) -> PathBuf {
    let real = fs::canonicalize(directory.join("postgres"));
    let parent = real.ok().and_then(|real| real.parent().map(Path::to_owned));
    parent.filter(|parent| holds_programs(parent)).unwrap_or_else(|| directory.to_owned())
}

/// The directories that match a pattern with at most one `*`, those with higher numbers first.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let Some((parent, prefix)) = before.rsplit_once('/') else { return Vec::new() };
    let (suffix, rest) = after.split_once('/').unwrap_or((after, ""));
    let Ok(entries) = fs::read_dir(if parent.is_empty() { "/" } else { parent }) else {
        return Vec::new();
    };
    let mut names: Vec<OsString> = entries
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| {
            name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix))
        })
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    names.into_iter().map(|name| Path::new(parent).join(name).join(rest)).collect()
}

/// The numbers in a name, which order `9.6` before `15` and `15.4` before `15.18`.
fn numbers(name: &OsStr) -> Vec<u64> {
    let name = name.to_string_lossy();
    let parts = name.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn install(root: &Path, place: &str, version: &str) {
        let programs = root.join(place);
        fs::create_dir_all(&programs).unwrap();
        for program in ["initdb", "postgres"] {
            let path = programs.join(program);
            fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn places(root: &Path) -> Places {
        Places {
            chosen: None,
            path: Some(root.join("path").into_os_string()),
            cache: Some(root.join("cache")),
            usual: vec![format!("{}/usual/*/bin", root.display())],
        }
    }

    #[test]
    fn every_place_that_was_looked_at_is_listed_when_there_is_nothing() {
        let root = tempfile::tempdir().unwrap();
        let error = places(root.path()).search().unwrap_err().to_string();
        let places = ["CHAOS_PG_BIN", "PATH", "pg_config --bindir", "/cache/postgres/*/bin"];
        for part in places.iter().chain(&["/usual/*/bin", "apt-get install postgresql"]) {
            assert!(error.contains(part), "{part} is missing in:\n{error}");
        }
    }

    #[test]
    fn the_newest_version_that_can_be_used_is_found_and_others_are_named_with_the_reason() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        install(root, "usual/9.6/bin", "postgres (PostgreSQL) 9.6.24");
        install(root, "usual/19/bin", "postgres (PostgreSQL) 19.1");
        install(root, "usual/8/bin", "hello");
        let error = places(root).search().unwrap_err().to_string();
        assert!(error.contains("9.6.24, and only 13 to 18 can be used"), "{error}");
        assert!(error.contains("printed \"hello\", which is no version"), "{error}");

        install(root, "usual/14/bin", "postgres (PostgreSQL) 14.2");
        install(root, "usual/15/bin", "postgres (PostgreSQL) 15.1");
        assert_eq!(places(root).search().unwrap().version.major, 15);
        install(root, "cache/postgres/13.4/bin", "postgres (PostgreSQL) 13.4");
        assert_eq!(places(root).search().unwrap().version.major, 13);
        install(root, "path", "postgres (PostgreSQL) 14.2");
        assert_eq!(places(root).search().unwrap().version.major, 14);
    }

    #[test]
    fn what_was_chosen_is_used_or_refused() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        install(root, "path", "postgres (PostgreSQL) 15.1");
        let chosen = |place: &str| Places {
            chosen: Some(root.join(place).into_os_string()),
            ..places(root)
        };
        let refusal = |place: &str| chosen(place).search().unwrap_err().to_string();
        assert!(refusal("nowhere").contains("does not hold the programs"));
        install(root, "old", "postgres (PostgreSQL) 12.2");
        assert!(refusal("old").contains("12.2, and only 13 to 18"));
        install(root, "new", "postgres (PostgreSQL) 18.4");
        assert_eq!(chosen("new").search().unwrap().version.to_string(), "18.4");
    }

    #[test]
    fn a_version_is_asked_for_once_and_again_when_the_program_changes() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        install(root, "path", "postgres (PostgreSQL) 15.1");
        let first = places(root).search().unwrap();
        let remembered = root.join("cache/versions").join(&first.identity);
        assert!(remembered.exists());
        fs::write(&remembered, "torn").unwrap();
        assert_eq!(places(root).search().unwrap().version, first.version);

        install(root, "path", "postgres (PostgreSQL) 15.18");
        let second = places(root).search().unwrap();
        assert_eq!(second.version.to_string(), "15.18");
        assert_ne!(first.identity, second.identity);
    }
}
