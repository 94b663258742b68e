//! The files of a history: appended to by many processes, and made compact when there are too many.
//!
//! There are numbered files of lines, `00000001.jsonl` and so on. The highest number is appended to;
//! whoever finds it full makes the next one. Two processes that do so at once choose the same number
//! and append to the same file.
//!
//! Older files are replaced by one compact file that says the same, `00000008.compact.jsonl`. One
//! process does that at a time, whoever holds the lock of `compact.lock`. The compact file is complete
//! when it gets its name, and only then are the files removed that it replaces; in between an attempt
//! stands in both, and its id tells. Whoever appends locks the file beside others, and looks whether it
//! is still there; whoever removes it locks it alone. So no line is lost, and a process that is killed at
//! any point leaves nothing behind that has to be put right.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chaos_core::journal;
use parking_lot::Mutex;
use serde::Serialize;

use crate::file_lock;

/// A file is full at this size.
pub(super) const FULL: u64 = 1 << 20;

/// How many files of lines there may be before the older ones are made compact.
pub(super) const KEPT: usize = 8;

/// How often a directory is read again because files were removed meanwhile.
const MOST_READINGS: usize = 20;

/// The files of one history.
#[derive(Debug)]
pub(super) struct Segments {
    directory: PathBuf,
    /// How far each file was read.
    read: Mutex<HashMap<PathBuf, Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    bytes: u64,
    /// When a compact file was written: another one may have taken its name.
    written: Option<SystemTime>,
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
        Ok(Self { directory, read: Mutex::default() })
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
        loop {
            let numbers = self.numbers()?;
            let mut number = numbers.last().copied().unwrap_or(1);
            let mut files = numbers.len();
            let mut file = self.open_to_append(number)?;
            file_lock::shared(&file)?;
            let mut length = file.metadata()?.len();
            if length >= FULL {
                number += 1;
                files += 1;
                file = self.open_to_append(number)?;
                file_lock::shared(&file)?;
                length = file.metadata()?.len();
            }
            // It was made compact before it was locked.
            if is_removed(&file)? {
                continue;
            }
            // A disk that was full can have torn the last line; it must not take this one with it.
            if length > 0 && byte_at(&mut file, length - 1)? != Some(b'\n') {
                file.write_all(b"\n")?;
            }
            journal::write_line(&file, line)?;
            return Ok(files > KEPT);
        }
    }

    /// Reads what was not read before, in all files, from the oldest to the newest.
    pub(super) fn read_news(&self, reader: &mut impl LineReader) -> io::Result<()> {
        let mut read = self.read.lock();
        'readings: for _ in 0..MOST_READINGS {
            let names = self.names()?;
            let newest = names.last().copied();
            for name in names {
                let path = self.directory.join(name.file());
                match File::open(&path) {
                    Ok(file) => {
                        let progress = read.entry(path.clone()).or_default();
                        if let Name::Compact(_) = name {
                            let written = file.metadata()?.modified().ok();
                            if progress.written != written {
                                *progress = Progress { written, ..Progress::default() };
                            }
                        }
                        read_file(file, &path, progress, reader, Some(name) != newest)?;
                    }
                    // It is in a compact file now, which the directory did not show yet.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue 'readings,
                    Err(error) => return Err(error),
                }
            }
            return Ok(());
        }
        Err(io::Error::other("its files are removed faster than they can be read"))
    }

    /// Replaces all files but the last two by one that says the same. `lines` makes the lines of that
    /// one from what `reader` has read. Does nothing while another process does it.
    pub(super) fn compact<R: LineReader, L: Serialize>(
        &self,
        mut reader: R,
        lines: impl FnOnce(R) -> Vec<L>,
    ) -> io::Result<()> {
        let Some(_lock) = self.lock()? else { return Ok(()) };
        let names = self.names()?;
        let replaced = &names[..names.len().saturating_sub(2)];
        let Some(highest) = replaced.iter().rev().find_map(|name| match name {
            Name::Lines(number) => Some(*number),
            Name::Compact(_) => None,
        }) else {
            return Ok(());
        };
        let mut locked = Vec::new();
        for name in replaced {
            let path = self.directory.join(name.file());
            let file = File::open(&path)?;
            file_lock::exclusive(&file)?;
            read_file(file.try_clone()?, &path, &mut Progress::default(), &mut reader, true)?;
            locked.push((path, file));
        }
        self.replace(highest, &lines(reader))?;
        for (path, _file) in &locked {
            // The compact file may have the name of one that it replaces.
            if *path != self.directory.join(Name::Compact(highest).file()) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Adds lines of other histories. `lines` makes the lines of a compact file from what `reader` has
    /// read of them and of the compact file that is there. Waits while another process does the same.
    pub(super) fn merge<R: LineReader, L: Serialize>(
        &self,
        others: &[Segments],
        mut reader: R,
        lines: impl FnOnce(R) -> Vec<L>,
    ) -> io::Result<()> {
        let lock = self.lock_file()?;
        file_lock::exclusive(&lock)?;
        for other in others {
            other.read_news(&mut reader)?;
        }
        let compact: Vec<Name> =
            self.names()?.into_iter().filter(|name| matches!(name, Name::Compact(_))).collect();
        let mut highest = 0;
        for name in &compact {
            let Name::Compact(number) = *name else { continue };
            highest = highest.max(number);
            let path = self.directory.join(name.file());
            read_file(File::open(&path)?, &path, &mut Progress::default(), &mut reader, true)?;
        }
        self.replace(highest, &lines(reader))?;
        for name in compact {
            if name != Name::Compact(highest) {
                fs::remove_file(self.directory.join(name.file()))?;
            }
        }
        Ok(())
    }

    /// Writes the compact file of this number, whole or not at all.
    fn replace<L: Serialize>(&self, number: u64, lines: &[L]) -> io::Result<()> {
        let temporary = self.directory.join("compact.tmp");
        let mut file = io::BufWriter::new(File::create(&temporary)?);
        for line in lines {
            serde_json::to_writer(&mut file, line)?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        fs::rename(&temporary, self.directory.join(Name::Compact(number).file()))
    }

    fn lock_file(&self) -> io::Result<File> {
        let path = self.directory.join("compact.lock");
        File::options().create(true).truncate(false).write(true).open(path)
    }

    fn lock(&self) -> io::Result<Option<File>> {
        let file = self.lock_file()?;
        Ok(file_lock::try_exclusive(&file)?.then_some(file))
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
    mut file: File,
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
        // A line without an end is being written, or is torn. Nobody writes to a file that is no
        // longer the last one, and one write does not take until the next reading.
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

/// Whether the file has no name any more.
#[cfg(unix)]
fn is_removed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() == 0)
}

/// A file that is open cannot be removed.
#[cfg(not(unix))]
fn is_removed(_file: &File) -> io::Result<bool> {
    Ok(false)
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
