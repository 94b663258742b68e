//! Where in the file something cannot be meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Something in the file that cannot be meant: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", file.display())]
pub struct Mistake {
    file: PathBuf,
    line: usize,
    column: usize,
    message: String,
}

impl Mistake {
    pub(super) fn at(file: &Path, text: &str, span: &Range<usize>, message: String) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_begins = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_begins..].chars().count() + 1,
            message,
        }
    }
}
