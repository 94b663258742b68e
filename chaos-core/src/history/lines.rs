//! The lines of a history, one after another, in bounded memory.

use std::io::{BufRead, Read};

use super::{Entry, HistoryError};

/// How long a line may be: 256 MiB, so that a file without line ends does not take all memory.
const LONGEST: u64 = 1 << 28;

/// The lines of a source that are not empty, without their ends. The buffer is used again.
pub(crate) struct Lines<R> {
    source: R,
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn of(source: R) -> Self {
        Self { source, number: 0, text: Vec::new() }
    }

    /// The next line with its number, counted from 1.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>, HistoryError> {
        loop {
            self.text.clear();
            self.number += 1;
            let mut limited = Read::take(&mut self.source, LONGEST);
            let read = limited.read_until(b'\n', &mut self.text).map_err(HistoryError::Read)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST {
                let what = "it is longer than 256 MiB";
                let source = <serde_json::Error as serde::de::Error>::custom(what);
                return Err(HistoryError::Line { line: self.number, source });
            }
            if !self.text.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, self.text.trim_ascii())))
    }
}

/// Reads an entry from a line.
pub(crate) fn entry(line: u64, text: &[u8]) -> Result<Entry, HistoryError> {
    serde_json::from_slice(text).map_err(|source| HistoryError::Line { line, source })
}
