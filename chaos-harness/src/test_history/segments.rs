//! The files of a history: appended to by many processes, and made compact when there are too many.
//!
//! There are numbered files of lines, `00000001.jsonl` and so on. The highest number is appended to;
//! whoever finds it full makes the next one. Two processes that do so at once choose the same number
//! and append to the same file. Older files are replaced by one compact file that says the same,
//! `00000008.compact.jsonl`: see `replace`.
//!
//! Two locks keep processes apart (see `locks`), and the kernel releases them however a process ends.
//! Who appends holds `files.lock` beside others from before it chooses a file until its line is in
//! that file; who reads, until it has opened all files. Who removes files holds it alone. So an
//! append is one try, whatever others do, and nobody reads a directory in the midst of a change.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chaos_core::journal;
use parking_lot::Mutex;
use serde::Serialize;

use self::locks::Locks;
use self::step::{Step, reached};

mod locks;
mod replace;
pub(super) mod step;

/// A file is full at this size.
pub(super) const FULL: u64 = 1 << 20;

/// How many files of lines there may be before the older ones are made compact.
pub(super) const KEPT: usize = 8;

/// The files of one history.
#[derive(Debug)]
pub(super) struct Segments {
    directory: PathBuf,
    locks: Locks,
    /// How far each file was read.
    read: Mutex<HashMap<PathBuf, Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    bytes: u64,
    /// When a compact file was written, and its length: another one may have taken its name.
    written: Option<(SystemTime, u64)>,
    /// Where the last line began, if it had no end when the file was read.
    unfinished: Option<u64>,
}

/// What is told of each line that is read.
pub(super) trait LineReader {
    /// A line, without its end.
    fn line(&mut self, line: &[u8], file: &Path);

    /// The last line of a file lacks its end, and nobody is going to write it.
    fn torn(&mut self, file: &Path);
}

/// A file of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// Stands for the files of lines up to this number. It is read before those above it.
    Compact(u64),
    Lines(u64),
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".jsonl")?;
        match stem.strip_suffix(".compact") {
            Some(number) => number.parse().ok().map(Self::Compact),
            None => stem.parse().ok().map(Self::Lines),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Compact(number) | Self::Lines(number) => number,
        }
    }

    fn file(self) -> String {
        match self {
            Self::Compact(number) => format!("{number:08}.compact.jsonl"),
            Self::Lines(number) => format!("{number:08}.jsonl"),
        }
    }
}

impl Segments {
    /// The files below `directory` of this test binary.
    pub(super) fn open(directory: &Path, package: &str, binary: &str) -> io::Result<Self> {
        Self::at(directory.join(file_name(package, binary)))
    }

    /// The files in `directory`, which is made when it is missing.
    pub(super) fn at(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let locks = Locks::of(&directory);
        Ok(Self { directory, locks, read: Mutex::default() })
    }

    /// Whether there are files of a history in a directory.
    pub(super) fn are_in(directory: &Path) -> bool {
        let names = fs::read_dir(directory).into_iter().flatten().flatten();
        names.into_iter().any(|entry| entry.file_name().to_str().and_then(Name::parse).is_some())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a line. Says whether there are now so many files that they should be made compact.
    pub(super) fn append(&self, line: &impl Serialize) -> io::Result<bool> {
        // Nobody removes a file meanwhile, so the one that is chosen is still there when the line is in it.
        let _lock = self.locks.beside_others()?;
        let numbers = self.numbers()?;
        let mut number = numbers.last().copied().unwrap_or(1);
        let mut files = numbers.len();
        reached(Step::Chosen);
        let mut file = self.open_to_append(number)?;
        let mut length = file.metadata()?.len();
        if length >= FULL {
            number += 1;
            files += 1;
            file = self.open_to_append(number)?;
            length = file.metadata()?.len();
        }
        // A disk that was full, or a process that was killed, can have torn the last line; it must not
        // take this one with it.
        if length > 0 && byte_at(&mut file, length - 1)? != Some(b'\n') {
            file.write_all(b"\n")?;
        }
        reached(Step::Opened);
        journal::write_line(&file, line)?;
        Ok(files > KEPT)
    }

    /// Reads what was not read before, in all files, from the oldest to the newest.
    pub(super) fn read_news(&self, reader: &mut impl LineReader) -> io::Result<()> {
        let mut read = self.read.lock();
        let files = self.open_all()?;
        let newest = files.last().map(|(name, _)| *name);
        for (name, file) in files {
            let path = self.directory.join(name.file());
            let progress = read.entry(path.clone()).or_default();
            if let Name::Compact(_) = name {
                let about = file.metadata()?;
                let written = about.modified().ok().map(|modified| (modified, about.len()));
                if progress.written != written {
                    *progress = Progress { written, ..Progress::default() };
                }
            }
            read_file(&file, &path, progress, reader, false)?;
            // Who chose this file when it was the newest may be writing that line. Nobody chooses it
            // now, so once all have finished nobody does.
            let is_torn = progress.unfinished.is_some() && Some(name) != newest;
            if is_torn && self.locks.all_have_finished()? {
                read_file(&file, &path, progress, reader, true)?;
            }
        }
        Ok(())
    }

    /// All files, open: they can be read when they are replaced meanwhile.
    fn open_all(&self) -> io::Result<Vec<(Name, File)>> {
        let _lock = self.locks.to_read()?;
        let names = self.names()?;
        reached(Step::Listed);
        let open = |name: Name| Ok((name, File::open(self.directory.join(name.file()))?));
        names.into_iter().map(open).collect()
    }

    /// The files, in the order in which they are read.
    fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            names.extend(entry?.file_name().to_str().and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The numbers of the files of lines, in ascending order. A file that is compact has had its number.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let names = self.names()?;
        let compact = names.iter().filter_map(|name| match name {
            Name::Compact(number) => Some(*number),
            Name::Lines(_) => None,
        });
        let after_compact = compact.max().map_or(1, |number| number + 1);
        let mut numbers: Vec<u64> = names
            .into_iter()
            .filter_map(|name| match name {
                Name::Lines(number) => Some(number),
                Name::Compact(_) => None,
            })
            .collect();
        if numbers.last().is_none_or(|last| *last < after_compact) {
            numbers.push(after_compact);
        }
        Ok(numbers)
    }

    fn open_to_append(&self, number: u64) -> io::Result<File> {
        let path = self.directory.join(Name::Lines(number).file());
        OpenOptions::new().create(true).append(true).read(true).open(path)
    }
}

/// Reads the lines of a file that were not read before.
fn read_file(
    mut file: &File,
    path: &Path,
    progress: &mut Progress,
    reader: &mut impl LineReader,
    is_complete: bool,
) -> io::Result<()> {
    if file.metadata()?.len() <= progress.bytes {
        return Ok(());
    }
    file.seek(SeekFrom::Start(progress.bytes))?;
    let mut lines = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)? as u64;
        if line.pop() == Some(b'\n') {
            progress.bytes += length;
            if !line.is_empty() {
                reader.line(&line, path);
            }
            continue;
        }
        // A line without an end is being written, or is torn: one write does not take until the next
        // reading.
        if length > 0 && (is_complete || progress.unfinished == Some(progress.bytes + length)) {
            progress.bytes += length;
            progress.unfinished = None;
            reader.torn(path);
        } else if length > 0 {
            progress.unfinished = Some(progress.bytes + length);
        }
        return Ok(());
    }
}

/// The byte at this place, if there is one.
fn byte_at(file: &mut File, place: u64) -> io::Result<Option<u8>> {
    let mut byte = [0];
    file.seek(SeekFrom::Start(place))?;
    Ok((file.read(&mut byte)? == 1).then_some(byte[0]))
}

/// A directory name for a test binary. The names of packages and binaries consist of letters,
/// digits, `-` and `_`; anything else could lead out of the directory.
fn file_name(package: &str, binary: &str) -> String {
    let clean = |name: &str| -> String {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
    };
    format!("{}.{}", clean(package), clean(binary))
}
