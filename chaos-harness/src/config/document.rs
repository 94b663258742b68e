//! The text of `chaos.toml`, the places in it, and the mistakes that were found at them.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::table::Table;

/// A value, and the line of the file that it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Something in the file that cannot be meant: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", file.display())]
pub(crate) struct Mistake {
    file: PathBuf,
    line: usize,
    column: usize,
    message: String,
}

impl Mistake {
    /// What is wrong, without the place.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The same mistake, of a file that is named as seen from a directory above it, as compilers do.
    pub(crate) fn seen_from(self, directory: &Path) -> Self {
        let file = self.file.strip_prefix(directory).map(Path::to_owned).unwrap_or(self.file);
        Self { file, ..self }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Document<'a> {
    /// Reads the whole file by `read`.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the lines.
    pub(super) fn read<T>(
        file: &'a Path,
        text: &'a str,
        read: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Result<T, Vec<Mistake>> {
        let document = Self { file, text, mistakes: RefCell::default() };
        let value = match DeTable::parse(text) {
            Ok(root) => Some(document.root(&root, read)),
            Err(error) => {
                // Only the first line says what is wrong; the rest draws the place.
                let message = error.message().lines().next().unwrap_or_default();
                let span = error.span().unwrap_or_default();
                let remedy = document.remedy(message, &span);
                document.mistake(span, format_args!("{message}{remedy}"));
                None
            }
        };
        let mut mistakes = document.mistakes.into_inner();
        mistakes.sort();
        match value {
            Some(value) if mistakes.is_empty() => Ok(value),
            _ => Err(mistakes),
        }
    }

    fn root<T>(&self, root: &Spanned<DeTable<'_>>, read: impl FnOnce(&mut Table<'_>) -> T) -> T {
        let mut table = Table::new(self, root.get_ref(), String::new());
        let value = read(&mut table);
        table.finish();
        value
    }

    /// What to write instead of text that is no TOML, where that is known.
    fn remedy(&self, message: &str, span: &Range<usize>) -> String {
        let rest = self.text.get(span.start..).unwrap_or_default();
        let word = rest.split(['\n', '\r', '#']).next().unwrap_or_default().trim();
        if message.contains("must be quoted") {
            return format!("; write it in quotes: \"{word}\"");
        }
        if message.contains("duplicate key") {
            let key = self.text.get(span.clone()).unwrap_or(word);
            return format!(": `{key}` is above already; keep one of them");
        }
        String::new()
    }

    /// Notes a mistake at this place of the text.
    pub(super) fn mistake(&self, span: Range<usize>, message: impl fmt::Display) {
        let mistake = Mistake::at(self.file, self.text, &span, message);
        self.mistakes.borrow_mut().push(mistake);
    }

    /// The line of this place of the text, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        line(self.text, span)
    }
}

impl Mistake {
    /// A mistake at this place of the text of a file.
    pub(crate) fn at(
        file: &Path,
        text: &str,
        span: &Range<usize>,
        message: impl fmt::Display,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_begins = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: file.to_owned(),
            line: line(text, span),
            column: before[line_begins..].chars().count() + 1,
            message: message.to_string(),
        }
    }
}

/// The line of this place of a text, counted from 1.
fn line(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    before.matches('\n').count() + 1
}
