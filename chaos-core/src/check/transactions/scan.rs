//! Reads the common lines of a history without building a tree of values first.
//!
//! What is anything but common (texts with escapes, floats, unknown steps, wrong JSON) is left to
//! `serde_json`, which also knows what to say about an error. So nothing here says what is wrong:
//! `None` means that somebody else has to look.

use super::datum::{Code, Datum};
use super::ingest::{Coded, Ingest};
use super::register::Cell;
use crate::history::EntryKind;

/// A line that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) kind: EntryKind,
    pub(super) process: i64,
    /// The value, as it stands there: balanced brackets, of which nothing else is known.
    pub(super) value: &'a [u8],
}

/// Reads an entry.
pub(super) fn line(text: &[u8]) -> Option<Line<'_>> {
    let mut scan = Scan { text, at: 0 };
    let (mut kind, mut process, mut value) = (None, None, None);
    scan.expect(b'{')?;
    loop {
        let key = scan.string()?;
        scan.expect(b':')?;
        match key {
            b"type" if kind.is_none() => {
                kind = Some(match scan.string()? {
                    b"invoke" => EntryKind::Invoke,
                    b"ok" => EntryKind::Ok,
                    b"fail" => EntryKind::Fail,
                    b"info" => EntryKind::Info,
                    _ => return None,
                });
            }
            b"process" if process.is_none() => process = Some(scan.integer()?),
            b"value" if value.is_none() => value = Some(scan.balanced()?),
            b"index" | b"time" => _ = scan.integer()?,
            b"f" => _ = scan.string()?,
            _ => return None,
        }
        if !scan.comma_or(b'}')? {
            break;
        }
    }
    scan.blanks();
    let is_all = scan.at == text.len();
    is_all.then_some(())?;
    Some(Line { kind: kind?, process: process?, value: value.unwrap_or(b"null") })
}

/// Codes the steps of a transaction into `ingest`. What it coded before it gave up is to be cleared.
pub(super) fn steps(text: &[u8], ingest: &mut Ingest) -> Option<()> {
    let mut scan = Scan { text, at: 0 };
    scan.expect(b'[')?;
    if scan.is_next(b']') {
        return Some(());
    }
    loop {
        let step = scan.step(ingest)?;
        ingest.steps.push(step);
        if !scan.comma_or(b']')? {
            return Some(());
        }
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.is_next(byte).then_some(())
    }

    /// Goes on behind this byte, if it comes next.
    fn is_next(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Whether there is more: a comma, and not this end.
    fn comma_or(&mut self, end: u8) -> Option<bool> {
        if self.is_next(b',') {
            return Some(true);
        }
        self.expect(end)?;
        Some(false)
    }

    fn integer(&mut self) -> Option<i64> {
        self.blanks();
        let negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let begin = self.at;
        let mut number = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = self.at - begin;
        let is_written_so = digits > 0 && (self.text[begin] != b'0' || (digits == 1 && !negative));
        // A fraction or an exponent is somebody else's.
        let is_over = !matches!(self.text.get(self.at), Some(b'.' | b'e' | b'E'));
        (is_written_so && is_over).then_some(if negative { -number } else { number })
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let begin = self.at;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Some(&self.text[begin..self.at - 1]);
                }
                b'\\' | 0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        None
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let is_next = self.text[self.at..].starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Any value, as it stands there.
    fn balanced(&mut self) -> Option<&'a [u8]> {
        self.blanks();
        let begin = self.at;
        let mut depth = 0_usize;
        loop {
            match self.text.get(self.at)? {
                b'[' => depth += 1,
                b']' => depth = depth.checked_sub(1)?,
                b'"' => {
                    self.string()?;
                    self.at -= 1;
                }
                // No step is an object but a version, and those of braces are seldom.
                b'\\' | b'{' | b'}' if depth == 0 => return None,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                while matches!(self.text.get(self.at), Some(b'a'..=b'z' | b'0'..=b'9' | b'.')) {
                    self.at += 1;
                }
                return Some(&self.text[begin..self.at]);
            }
        }
    }

    fn datum(&mut self) -> Option<Datum<'a>> {
        self.blanks();
        if self.text.get(self.at) == Some(&b'"') {
            return std::str::from_utf8(self.string()?).ok().map(Datum::Text);
        }
        self.integer().map(Datum::Integer)
    }

    fn code(&mut self, ingest: &mut Ingest) -> Option<Code> {
        let datum = self.datum()?;
        Some(ingest.log.codes.encode(datum))
    }

    fn step(&mut self, ingest: &mut Ingest) -> Option<Coded> {
        self.expect(b'[')?;
        let f = self.string()?;
        self.expect(b',')?;
        let key = self.code(ingest)?;
        let key = ingest.key(key);
        self.expect(b',')?;
        self.blanks();
        let coded = match f {
            b"append" => Coded::Append(key, self.code(ingest)?),
            b"r" if self.word(b"null") => {
                let end = ingest.elements.len();
                Coded::Read(key, Some((end, end)))
            }
            b"r" if self.is_next(b'[') => Coded::Read(key, Some(self.list(ingest)?)),
            b"r" => Coded::Get(key, self.cell(ingest)?),
            b"w" => Coded::Write(key, self.cell(ingest)?),
            _ => return None,
        };
        self.expect(b']')?;
        Some(coded)
    }

    fn list(&mut self, ingest: &mut Ingest) -> Option<(usize, usize)> {
        let begin = ingest.elements.len();
        if !self.is_next(b']') {
            loop {
                let code = self.code(ingest)?;
                ingest.elements.push(code);
                if !self.comma_or(b']')? {
                    break;
                }
            }
        }
        Some((begin, ingest.elements.len()))
    }

    fn cell(&mut self, ingest: &mut Ingest) -> Option<Cell> {
        Some(Cell { version: None, value: Some(self.code(ingest)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_lines_are_read_and_others_left_to_somebody_else() {
        let text = br#" {"index": 4, "time":-3, "type":"ok","process":7,"f":"txn","value":[["r","x",[1]]]} "#;
        let found = line(text).unwrap();
        assert_eq!((found.kind, found.process), (EntryKind::Ok, 7));
        assert_eq!(found.value, br#"[["r","x",[1]]]"#);
        assert_eq!(line(br#"{"type":"invoke","process":0}"#).unwrap().value, b"null");
        for left in [
            &br#"{"type":"ok","process":"nemesis"}"#[..],
            br#"{"type":"ok","process":0,"process":1}"#,
            br#"{"type":"ok","process":01}"#,
            br#"{"type":"ok","process":0.5}"#,
            br#"{"type":"ok","process":99999999999999999999}"#,
            br#"{"type":"ok","process":0,"error":["x"]}"#,
            br#"{"type":"ok","process":0,}"#,
            br#"{"type":"ok","process":0} x"#,
            br#"{"type":"ok","process":0"#,
            br#"{"type":"ok","process":0,"value":[[}"#,
            br#"{"type":"o\u006b","process":0}"#,
            br#"["type"]"#,
            b"",
        ] {
            assert_eq!(line(left), None, "{}", String::from_utf8_lossy(left));
        }
    }

    #[test]
    fn steps_that_are_not_common_are_left_to_somebody_else() {
        let read = |text: &str| steps(text.as_bytes(), &mut Ingest::default()).is_some();
        assert!(read(
            r#"[["append","x",1],["r",5,[1,"a"]],["r","y",null],["r","y",[]],["w",1,2]]"#
        ));
        assert!(read("[]"));
        for left in [
            r#"[["append","x",1.5]]"#,
            r#"[["append","x"]]"#,
            r#"[["r","x",[1,]]]"#,
            r#"[["r","x",nullx]]"#,
            r#"[["cas","x",1]]"#,
            r#"[["w","x",{"version":1}]]"#,
            r#"[["append","x",1]"#,
            "null",
            "",
        ] {
            assert!(!read(left), "{left}");
        }
    }
}
