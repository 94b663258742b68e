//! The end of what an attempt wrote to its standard output or its standard error.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::report::redact::redact;

/// At most so many lines are shown,
const LINES: usize = 20;

/// of at most so many characters each,
const LINE_LENGTH: usize = 300;

/// and of each backtrace so many, because those that follow lead away from the test,
const BACKTRACE_LINES: usize = 12;

/// from the last so many bytes.
const BYTES: u64 = 16 << 10;

/// The last lines of what was captured.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    /// The lines, fit for a terminal and without passwords.
    pub(super) lines: Vec<String>,
    /// Whether there was more before them.
    pub(super) cut: bool,
}

impl Tail {
    /// Reads the end of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let skipped = length.saturating_sub(BYTES);
        file.seek(SeekFrom::Start(skipped))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes), skipped > 0))
    }

    fn of(text: &str, began_before: bool) -> Self {
        let mut lines: Vec<&str> = text.lines().collect();
        if began_before && lines.len() > 1 {
            // It may begin in the middle.
            lines.remove(0);
        }
        let lines = shorten_backtraces(lines);
        let first = lines.len().saturating_sub(LINES);
        let shown = lines[first..].iter().map(|line| {
            crate::report::words::shortened(&redact(&without_controls(line)), LINE_LENGTH)
        });
        Self { lines: shown.collect(), cut: began_before || first > 0 }
    }
}

/// Leaves only the beginning of each backtrace.
fn shorten_backtraces(lines: Vec<&str>) -> Vec<Cow<'_, str>> {
    let mut shown: Vec<Cow<'_, str>> = Vec::with_capacity(lines.len());
    let mut rest = lines.into_iter().peekable();
    while let Some(line) = rest.next() {
        shown.push(line.into());
        if line.trim() != "stack backtrace:" {
            continue;
        }
        let frames = std::iter::from_fn(|| rest.next_if(|line| is_of_a_frame(line)));
        let frames: Vec<&str> = frames.collect();
        let kept = frames.len().min(BACKTRACE_LINES);
        shown.extend(frames[..kept].iter().map(|line| Cow::from(*line)));
        if frames.len() > kept {
            let hidden = crate::report::words::counted((frames.len() - kept) as u64, "line");
            shown.push(format!("     … and {hidden} of the backtrace").into());
        }
    }
    shown
}

/// `  12: tokio::runtime::run`, or `             at src/main.rs:3:5` below it.
fn is_of_a_frame(line: &str) -> bool {
    let Some(text) = line.strip_prefix(' ').map(str::trim_start) else { return false };
    let number = text.split_once(": ").map_or("", |(number, _)| number);
    text.starts_with("at ") || (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The line without what would move the cursor, change colours or ring.
pub(super) fn without_controls(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            // A sequence such as `ESC [ 31 m` ends with a letter or one of `@`, `~`.
            '\x1b' if characters.peek() == Some(&'[') => {
                characters.next();
                characters.find(|c| ('@'..='~').contains(c));
            }
            '\t' => clean.push_str("    "),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_shown_and_nothing_that_a_terminal_would_obey() {
        let mut text: String = (0..50).map(|n| format!("line {n}\n")).collect();
        text.push_str("\x1b[31mred\x1b[0m\x07 \ttab\rreturn postgres://a:secret@b/\n");
        let tail = Tail::of(&text, false);
        assert_eq!(tail.lines.len(), LINES);
        assert_eq!(tail.lines[0], "line 31");
        assert_eq!(tail.lines[LINES - 1], "red     tabreturn postgres://a:***@b/");
        assert!(tail.cut);
    }

    #[test]
    fn a_backtrace_does_not_hide_the_panic_before_it() {
        let frames: String = (0..50).map(|n| format!("  {n}: f\n      at a.rs:1:2\n")).collect();
        let text = format!("the panic\nstack backtrace:\n{frames}note: the end\n");
        let tail = Tail::of(&text, false);
        assert_eq!(tail.lines.len(), 2 + BACKTRACE_LINES + 2);
        assert_eq!(tail.lines[0], "the panic");
        assert_eq!(tail.lines[2], "  0: f");
        assert_eq!(tail.lines[14], "     … and 88 lines of the backtrace");
        assert_eq!(tail.lines[15], "note: the end");
    }

    #[test]
    fn a_short_text_is_shown_in_full() {
        assert_eq!(
            Tail::of("one\ntwo", false),
            Tail { lines: vec!["one".into(), "two".into()], cut: false }
        );
        assert_eq!(Tail::of("", false), Tail::default());
    }

    #[test]
    fn only_the_end_of_a_large_file_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stderr");
        std::fs::write(&path, "0123456789".repeat(100_000)).unwrap();
        let tail = Tail::read(&path).unwrap();
        assert_eq!((tail.lines.len(), tail.cut), (1, true));
        assert_eq!(tail.lines[0].chars().count(), LINE_LENGTH);
    }
}
