//! `[run]`: what concerns a run as a whole.

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// The settings of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Run {
    /// Where journals, history and reports go.
    pub(crate) directory: Option<Located<String>>,
    /// How many tests run at once.
    pub(crate) test_threads: Option<Located<u64>>,
    /// Whether the databases of attempts that failed are kept.
    pub(crate) keep: Option<Located<bool>>,
}

impl Section for Run {
    const NAME: &'static str = "run";

    fn read(table: &mut Table<'_>) -> Self {
        Self {
            directory: table.text("directory"),
            test_threads: table.count("test-threads", 1..=10_000),
            keep: table.flag("keep"),
        }
    }
}
