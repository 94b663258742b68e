//! `[triage]`: who sees to the failures of tests.

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// The settings of what is said of failures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Triage {
    /// Who sees to the failures of a test.
    pub(crate) owner: Option<Located<String>>,
}

impl Section for Triage {
    const NAME: &'static str = "triage";

    fn read(table: &mut Table<'_>) -> Self {
        Self { owner: table.text("owner") }
    }
}
