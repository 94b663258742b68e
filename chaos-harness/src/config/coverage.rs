//! `[coverage]`: the requirements that tests cover.

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// The settings of coverage.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Coverage {
    /// The file that lists the requirements, relative to `chaos.toml`.
    pub(crate) requirements: Option<Located<String>>,
}

impl Section for Coverage {
    const NAME: &'static str = "coverage";

    fn read(table: &mut Table<'_>) -> Self {
        Self { requirements: table.text("requirements") }
    }
}
