//! Histories as text: JSON, one entry a line.

use std::io::{self, BufRead, Write};

use super::lines::{Lines, entry};
use super::{History, HistoryError};

impl History {
    /// Reads a history, one JSON object a line. Empty lines are skipped, and keys that are not known
    /// are ignored.
    ///
    /// # Errors
    ///
    /// When the source cannot be read, or a line is no entry; it says which one and why.
    pub fn from_jsonl(source: impl BufRead) -> Result<Self, HistoryError> {
        let mut entries = Vec::new();
        let mut lines = Lines::of(source);
        while let Some((number, text)) = lines.next()? {
            entries.push(entry(number, text)?);
        }
        Ok(Self::new(entries))
    }

    /// Writes the history, one JSON object a line.
    ///
    /// # Errors
    ///
    /// When `sink` cannot be written to.
    pub fn to_jsonl(&self, mut sink: impl Write) -> io::Result<()> {
        for entry in self.entries() {
            serde_json::to_writer(&mut sink, entry)?;
            sink.write_all(b"\n")?;
        }
        sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{EntryKind, Process};

    #[test]
    fn what_is_written_is_read_again() {
        let text = concat!(
            r#"{"index":0,"time":5,"process":0,"type":"invoke","f":"read","value":null}"#,
            "\n",
            r#"{"index":1,"time":9,"process":"nemesis","type":"info","f":"cut","value":["n1"]}"#,
            "\n",
            r#"{"index":2,"time":11,"process":0,"type":"info","f":"read","value":null,"error":"timeout"}"#,
            "\n",
        );
        let history = History::from_jsonl(text.as_bytes()).unwrap();
        assert_eq!(history.entries()[1].process, Process::Other("nemesis".into()));
        assert_eq!(history.entries()[2].kind, EntryKind::Info);
        let mut written = Vec::new();
        history.to_jsonl(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }

    #[test]
    fn what_is_missing_has_a_default_and_what_is_unknown_is_ignored() {
        let text = r#"{"process":3,"type":"ok","node":"n1"}"#;
        let history = History::from_jsonl(text.as_bytes()).unwrap();
        assert_eq!(history.entries()[0].f, None);
    }

    #[test]
    fn an_error_says_which_line_is_wrong() {
        let text = "{\"process\":0,\"type\":\"ok\"}\n\n{\"process\":0,\"type\":\"done\"}\n";
        let error = History::from_jsonl(text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("line 3 is no entry of a history"), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("unknown variant `done`"), "{source}");
    }
}
