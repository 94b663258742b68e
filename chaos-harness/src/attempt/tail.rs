//! Reading a journal while it is being written.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use chaos_core::event::Event;

use crate::activity::Activity;

/// Follows the journal of a running attempt.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// The beginning of a line whose end is not written yet.
    unfinished: Vec<u8>,
    activity: Activity,
}

impl Tail {
    /// Starts at the beginning of the journal.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { file, unfinished: Vec::new(), activity: Activity::default() })
    }

    /// Reads what was added, and returns the state after it if that has changed.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn news(&mut self) -> io::Result<Option<&Activity>> {
        let before = self.activity.clone();
        self.file.read_to_end(&mut self.unfinished)?;
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        for line in self.unfinished[..end].split(|byte| *byte == b'\n') {
            // What cannot be read here is reported when the whole journal is.
            if let Ok(event) = serde_json::from_slice::<Event>(line) {
                self.activity.apply(&event.what);
            }
        }
        self.unfinished.drain(..=end);
        Ok((self.activity != before).then_some(&self.activity))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_counts_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.jsonl");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::open(&path).unwrap();
        assert_eq!(tail.news().unwrap(), None);
        let line = r#"{"at":1,"what":{"event":"phase_started","phase":"storm"}}"#;
        let (first, second) = line.split_at(30);
        file.write_all(first.as_bytes()).unwrap();
        assert_eq!(tail.news().unwrap(), None);
        writeln!(file, "{second}").unwrap();
        let activity = tail.news().unwrap().expect("the line is whole now");
        assert_eq!(activity.phase.as_deref(), Some("storm"));
        assert_eq!(tail.news().unwrap(), None);
    }
}
