//! Adds what other machines remember.

use std::fs;
use std::path::{Path, PathBuf};

use super::line::{Line, LineEvent};
use super::memory::Memory;
use super::segments::Segments;
use super::{HistoryError, MOST_ATTEMPTS};

/// What was added to one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// `<package>.<binary>`.
    pub(crate) suite: String,
    /// How many attempts are new.
    pub(crate) added: u64,
    /// How many attempts are known now.
    pub(crate) known: u64,
    /// What could not be read, in words for a person.
    pub(crate) problems: Vec<String>,
}

/// A directory has no history in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error(
        "there is no history in {}; name a directory such as `target/chaos`, its `history`, or what an \
         artifact made of it",
        .0.display()
    )]
    NoHistory(PathBuf),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Adds the histories in `sources` to those in `directory`. To do so again adds nothing.
///
/// # Errors
///
/// When a source has no history in it, before anything is written; when files cannot be read or
/// written.
pub(crate) fn merge(directory: &Path, sources: &[PathBuf]) -> Result<Vec<Merged>, MergeError> {
    let mut suites: Vec<PathBuf> = Vec::new();
    for source in sources {
        let found = suites_in(source);
        if found.is_empty() {
            return Err(MergeError::NoHistory(source.clone()));
        }
        suites.extend(found);
    }
    let mut names: Vec<String> = suites.iter().filter_map(|suite| name_of(suite)).collect();
    names.sort();
    names.dedup();
    let merge_suite = |name: String| {
        let others = suites.iter().filter(|suite| name_of(suite).as_ref() == Some(&name));
        merge_suite(directory, name.clone(), others)
            .map_err(|source| HistoryError::new("merge into", directory, source).into())
    };
    names.into_iter().map(merge_suite).collect()
}

fn merge_suite<'a>(
    directory: &Path,
    suite: String,
    others: impl Iterator<Item = &'a PathBuf>,
) -> std::io::Result<Merged> {
    let ours = Segments::at(directory.join(&suite))?;
    let mut before = Memory::of_all();
    ours.read_news(&mut before)?;
    let others: Vec<Segments> =
        others.map(|path| Segments::at(path.clone())).collect::<Result<_, _>>()?;
    let mut problems = Vec::new();
    ours.merge(&others, Memory::of_all(), |mut memory| {
        problems = memory.take_problems();
        compact_lines(memory)
    })?;
    let mut after = Memory::of_all();
    Segments::at(directory.join(&suite))?.read_news(&mut after)?;
    let (before, known) = (before.attempts(), after.attempts());
    Ok(Merged { suite, added: known.saturating_sub(before), known, problems })
}

/// The lines of a compact file.
pub(super) fn compact_lines(mut memory: Memory) -> Vec<Line<'static>> {
    let lines = memory.compact(MOST_ATTEMPTS);
    let Some((package, binary)) = memory.suite() else { return Vec::new() };
    let line = |(test, event): (String, LineEvent<'static>)| Line {
        package: package.to_owned().into(),
        binary: binary.to_owned().into(),
        test: test.into(),
        version: event.version(),
        event,
    };
    lines.into_iter().map(line).collect()
}

/// The directories of test binaries in a directory that a person named.
fn suites_in(source: &Path) -> Vec<PathBuf> {
    if Segments::are_in(source) {
        return vec![source.to_owned()];
    }
    for below in ["", "history", "chaos/history", "target/chaos/history"] {
        let directories = fs::read_dir(source.join(below)).into_iter().flatten().flatten();
        let suites: Vec<PathBuf> =
            directories.map(|entry| entry.path()).filter(|path| Segments::are_in(path)).collect();
        if !suites.is_empty() {
            return suites;
        }
    }
    Vec::new()
}

fn name_of(suite: &Path) -> Option<String> {
    suite.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned())
}
