//! `binary = "chaos"`: which test binaries a part of the file is for.
//!
//! All test binaries of a package, and often of a workspace, read the same file. A name of a test or of a
//! domain that none of its tests has is taken for a slip of the pen, unless the file says that another
//! binary has it.

use super::table::Table;

/// What to write where another test binary has the name.
pub(crate) const HELP: &str = "if another test binary has it, say which: binary = \"..\"";

/// The test binaries that something is for; all of them if nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Binaries(Option<Vec<String>>);

impl Binaries {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self(table.texts("binary").map(|names| names.value))
    }

    /// Whether this is one of them.
    pub(crate) fn include(&self, binary: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|name| name == binary))
    }
}
