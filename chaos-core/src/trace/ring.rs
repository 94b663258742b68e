//! Two files that take turns: the latest lines, within a bound, and on the disk as soon as they are
//! written.
//!
//! A line is one `write` to a file that the kernel has, so a process that is killed at any moment loses
//! nothing that it wrote. When a file is full, the other one is emptied and goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// The files beside the journal at this path.
pub(super) fn beside(journal: &Path) -> [PathBuf; 2] {
    ["trace-0.jsonl", "trace-1.jsonl"].map(|extension| journal.with_extension(extension))
}

#[derive(Debug)]
pub(super) struct Ring {
    /// How many bytes each file may have.
    limit: u64,
    paths: [PathBuf; 2],
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    place: usize,
    /// None once a file could not be made: traces must not disturb what is under test.
    file: Option<File>,
    written: u64,
}

impl Ring {
    /// Begins with the first file, emptied. The other one is made when it is needed.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub(super) fn create(paths: [PathBuf; 2], limit: u64) -> io::Result<Self> {
        let current = Current { place: 0, file: Some(emptied(&paths[0])?), written: 0 };
        Ok(Self { limit, paths, current: Mutex::new(current) })
    }

    /// Writes a line, which ends with a line break. One that is longer than a file may be is left out.
    pub(super) fn write(&self, line: &[u8]) {
        let length = line.len() as u64;
        if length > self.limit {
            return;
        }
        let mut current = self.current.lock();
        if current.written + length > self.limit {
            current.place = 1 - current.place;
            current.file = emptied(&self.paths[current.place]).ok();
            current.written = 0;
        }
        if let Some(file) = &mut current.file {
            // A full disk costs traces, and no test.
            file.write_all(line).ok();
        }
        current.written += length;
    }
}

/// A file without content. What is appended starts at its end, whoever empties it.
fn emptied(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept_within_the_bound() {
        let directory = tempfile::tempdir().unwrap();
        let paths = beside(&directory.path().join("attempt-1.jsonl"));
        let ring = Ring::create(paths.clone(), 1_000).unwrap();
        for number in 0..1_000 {
            ring.write(format!("line {number:04}\n").as_bytes());
            let size: u64 =
                paths.iter().filter_map(|it| std::fs::metadata(it).ok()).map(|it| it.len()).sum();
            assert!(size <= 2_000, "{size} bytes after line {number}");
        }
        ring.write("x".repeat(1_001).as_bytes());
        let mut lines: Vec<String> = paths
            .iter()
            .flat_map(|path| {
                let text = std::fs::read_to_string(path).unwrap();
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        lines.sort();
        // A hundred lines fill a file, so at least as many are there, without a gap.
        assert!(lines.len() >= 100, "{}", lines.len());
        let expected: Vec<_> =
            (1_000 - lines.len()..1_000).map(|number| format!("line {number:04}")).collect();
        assert_eq!(lines, expected);
    }
}
