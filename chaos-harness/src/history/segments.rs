//! The files of a history: appended to by many processes, bounded in size, never rewritten.
//!
//! A file which grows for ever would one day be slow to read, and one which is rewritten to shrink
//! it could lose what another process appends meanwhile. So there are numbered files. The highest
//! number is appended to; whoever finds it full makes the next one, and removes the oldest ones
//! when there are too many. Two processes that do so at once choose the same number and append to
//! the same file. No file is renamed or rewritten, so no lock is needed, and a process that is
//! killed at any point leaves nothing behind that has to be put right.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use chaos_core::journal;
use parking_lot::Mutex;
use serde::Serialize;

/// A file is full at this size.
pub(super) const FULL: u64 = 1 << 20;

/// The number of files that are kept: about 38 000 attempts.
pub(super) const KEPT: usize = 16;

/// The files of one history.
#[derive(Debug)]
pub(super) struct Segments {
    directory: PathBuf,
    /// How many bytes of each file were read.
    read: Mutex<HashMap<u64, u64>>,
}

/// What is told of each line that is read.
pub(super) trait LineReader {
    /// A line, without its end.
    fn line(&mut self, line: &[u8], file: &Path);
}

impl Segments {
    /// The files below `directory` of this test binary.
    pub(super) fn open(directory: &Path, package: &str, binary: &str) -> io::Result<Self> {
        let directory = directory.join(file_name(package, binary));
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, read: Mutex::default() })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a line.
    pub(super) fn append(&self, line: &impl Serialize) -> io::Result<()> {
        let numbers = self.numbers()?;
        let mut number = numbers.last().copied().unwrap_or(1);
        let mut file = self.open_to_append(number)?;
        let mut length = file.metadata()?.len();
        if length >= FULL {
            number += 1;
            file = self.open_to_append(number)?;
            length = file.metadata()?.len();
            // The new file is not among `numbers`.
            let excess = (numbers.len() + 1).saturating_sub(KEPT);
            for oldest in &numbers[..excess] {
                match fs::remove_file(self.path(*oldest)) {
                    // Another process was quicker.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        }
        // A disk that was full can have torn the last line; it must not take this one with it.
        if length > 0 && byte_at(&mut file, length - 1)? != Some(b'\n') {
            io::Write::write_all(&mut file, b"\n")?;
        }
        journal::write_line(&file, line)
    }

    /// Reads what was not read before, in all files, from the oldest to the newest.
    pub(super) fn read_news(&self, reader: &mut impl LineReader) -> io::Result<()> {
        let mut read = self.read.lock();
        for number in self.numbers()? {
            let path = self.path(number);
            let offset = read.entry(number).or_default();
            let mut file = match File::open(&path) {
                Ok(file) => file,
                // It was removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if file.metadata()?.len() <= *offset {
                continue;
            }
            file.seek(SeekFrom::Start(*offset))?;
            let mut lines = BufReader::with_capacity(1 << 16, file);
            let mut line = Vec::new();
            loop {
                line.clear();
                let length = lines.read_until(b'\n', &mut line)?;
                // A line without an end is being written, or is torn; the next reading tells.
                if line.pop() != Some(b'\n') {
                    break;
                }
                *offset += length as u64;
                if !line.is_empty() {
                    reader.line(&line, &path);
                }
            }
        }
        Ok(())
    }

    /// The numbers of the files, in ascending order.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = PathBuf::from(entry?.file_name());
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:08}.jsonl"))
    }

    fn open_to_append(&self, number: u64) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).read(true).open(self.path(number))
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
