//! Files with what is expected, for people to read and for tests to compare.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder of `snapshots/` whose names end like this, sorted.
pub(super) fn inputs(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        name.strip_suffix(suffix).is_some_and(|stem| !stem.contains('.'))
    });
    files.sort();
    assert!(!files.is_empty(), "{folder:?} has no files in `{suffix}`");
    files
}

/// Compares `actual` with the file, or writes the file where the environment asks for that.
pub(super) fn compare(file: &Path, actual: &str) {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(file, actual).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        return;
    }
    let expected = fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{file:?}: {error}; UPDATE_SNAPSHOTS=1 writes it"))
        .replace("\r\n", "\n");
    let line =
        expected.lines().zip(actual.lines()).position(|(expected, actual)| expected != actual);
    assert!(
        expected == actual,
        "{file:?} differs from line {}; UPDATE_SNAPSHOTS=1 writes it anew. It is now:\n{actual}",
        line.unwrap_or_else(|| expected.lines().count().min(actual.lines().count())) + 1,
    );
}
