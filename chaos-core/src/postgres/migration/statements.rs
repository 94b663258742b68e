//! Telling the statements of a text of SQL apart.

use std::ops::Range;

/// Where each statement begins and ends, without what is blank or comment before it.
///
/// Semicolons inside of quotes, dollar quotes, comments, parentheses and the bodies of functions that
/// are written in SQL (`BEGIN ATOMIC .. END`) end no statement.
pub(super) fn split(sql: &str) -> Vec<Range<usize>> {
    Splitter { bytes: sql.as_bytes(), at: 0, statement: Statement::default(), found: Vec::new() }
        .run()
}

/// Whether a statement is one of those that run outside of transactions in several steps.
pub(super) fn is_concurrent(sql: &str) -> bool {
    words(sql).take(8).any(|word| word.eq_ignore_ascii_case("concurrently"))
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[derive(Default)]
struct Statement {
    start: Option<usize>,
    end: usize,
    parentheses: u32,
    /// `BEGIN` and `CASE` that are open in the body of a function.
    blocks: u32,
    words: u32,
    is_create: bool,
    is_function: bool,
}

struct Splitter<'a> {
    bytes: &'a [u8],
    at: usize,
    statement: Statement,
    found: Vec<Range<usize>>,
}

impl Splitter<'_> {
    fn run(mut self) -> Vec<Range<usize>> {
        while self.at < self.bytes.len() {
            let begin = self.at;
            let rest = &self.bytes[begin..];
            match rest[0] {
                b'-' if rest.starts_with(b"--") => {
                    self.at = self.find(begin, b"\n").unwrap_or(self.bytes.len());
                    continue;
                }
                b'/' if rest.starts_with(b"/*") => {
                    self.skip_comment();
                    continue;
                }
                blank if blank.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                b';' if self.statement.parentheses == 0 && self.statement.blocks == 0 => {
                    self.at += 1;
                    self.finish();
                    continue;
                }
                b'\'' => self.skip_quoted(b'\'', false),
                b'"' => self.skip_quoted(b'"', false),
                b'$' => self.skip_dollars(),
                b'(' => self.bracket(1),
                b')' => self.bracket(-1),
                letter if is_letter(letter) => self.word(),
                _ => self.at += 1,
            }
            self.statement.start.get_or_insert(begin);
            self.statement.end = self.at;
        }
        self.finish();
        self.found
    }

    fn finish(&mut self) {
        let statement = std::mem::take(&mut self.statement);
        if let Some(start) = statement.start {
            self.found.push(start..statement.end);
        }
    }

    fn bracket(&mut self, change: i32) {
        self.at += 1;
        self.statement.parentheses = self.statement.parentheses.saturating_add_signed(change);
    }

    fn find(&self, from: usize, what: &[u8]) -> Option<usize> {
        let found = self.bytes[from..].windows(what.len()).position(|window| window == what)?;
        Some(from + found)
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_u32;
        while self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
    }

    fn skip_quoted(&mut self, quote: u8, has_escapes: bool) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if byte == b'\\' && has_escapes {
                self.at += 1;
            } else if byte == quote {
                // A doubled one goes on, as if another text began.
                if self.bytes.get(self.at) != Some(&quote) {
                    break;
                }
                self.at += 1;
            }
        }
        self.at = self.at.min(self.bytes.len());
    }

    fn skip_dollars(&mut self) {
        let name =
            self.bytes[self.at + 1..].iter().take_while(|&&b| is_letter(b) || b.is_ascii_digit());
        let end = self.at + 1 + name.count();
        if self.bytes.get(end) != Some(&b'$') {
            self.at += 1;
            return;
        }
        let tag = &self.bytes[self.at..=end];
        let close = self.find(end + 1, tag);
        self.at = close.map_or(self.bytes.len(), |close| close + tag.len());
    }

    fn word(&mut self) {
        let begin = self.at;
        let is_part = |b: u8| is_letter(b) || b.is_ascii_digit() || b == b'$';
        while self.bytes.get(self.at).is_some_and(|&b| is_part(b)) {
            self.at += 1;
        }
        let word = &self.bytes[begin..self.at];
        if word.eq_ignore_ascii_case(b"e") && self.bytes.get(self.at) == Some(&b'\'') {
            self.skip_quoted(b'\'', true);
            return;
        }
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        let statement = &mut self.statement;
        statement.words += 1;
        match statement.words {
            1 => statement.is_create = is("create"),
            2..=4 if statement.is_create && (is("function") || is("procedure")) => {
                statement.is_function = true;
            }
            _ if statement.is_function => {
                if is("begin") || is("case") && statement.blocks > 0 {
                    statement.blocks += 1;
                } else if is("end") {
                    statement.blocks = statement.blocks.saturating_sub(1);
                }
            }
            _ => {}
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statements(sql: &str) -> Vec<&str> {
        split(sql).into_iter().map(|range| &sql[range]).collect()
    }

    #[test]
    fn semicolons_count_where_the_server_counts_them() {
        for (sql, expected) in [
            ("", &[][..]),
            (" ; ;; -- nothing\n/* ; /* ; */ */", &[]),
            ("SELECT 1", &["SELECT 1"]),
            ("SELECT 1; -- one;\n SELECT 2 ;", &["SELECT 1", "SELECT 2"]),
            (
                "SELECT ';', 'it''s;' ; SELECT \"a;\"\"b\"",
                &["SELECT ';', 'it''s;'", "SELECT \"a;\"\"b\""],
            ),
            (
                r"SELECT E'a\';b'; SELECT '\'; SELECT 3",
                &[r"SELECT E'a\';b'", r"SELECT '\'", "SELECT 3"],
            ),
            (
                "DO $$ a; b; $$; DO $x_1$ $$;$$ $x_1$; SELECT $1",
                &["DO $$ a; b; $$", "DO $x_1$ $$;$$ $x_1$", "SELECT $1"],
            ),
            (
                "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
                &["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"],
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
                &[
                    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                    "SELECT 3",
                ],
            ),
            ("BEGIN; SELECT 1; END; SELECT 2", &["BEGIN", "SELECT 1", "END", "SELECT 2"]),
            ("SELECT 'open; SELECT 2", &["SELECT 'open; SELECT 2"]),
            ("SELECT 'ä;ö'; SELECT größe;", &["SELECT 'ä;ö'", "SELECT größe"]),
        ] {
            assert_eq!(statements(sql), expected, "{sql}");
        }
    }

    #[test]
    fn concurrent_statements_are_known() {
        assert!(is_concurrent("CREATE UNIQUE INDEX concurrently IF NOT EXISTS i ON t (a)"));
        assert!(is_concurrent("REINDEX TABLE CONCURRENTLY t"));
        assert!(!is_concurrent("CREATE INDEX i ON t (a)"));
    }

    proptest! {
        #[test]
        fn any_text_is_split_into_parts_of_it_in_order(sql in "[ ;'\"$a(){}/*\\-E\nbegindä]{0,80}") {
            let found = split(&sql);
            let mut last = 0;
            for range in found {
                prop_assert!(range.start >= last && range.end > range.start);
                prop_assert!(sql.get(range.clone()).is_some(), "{range:?} of {sql:?}");
                last = range.end;
            }
        }
    }
}
