//! `[selections.<name>]`: parts of the suite that can be asked for by name, and how long they may take.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::binaries::Binaries;
use super::document::Located;
use super::members::{Members, patterns};
use super::pattern::Pattern;
use super::table::Table;

const BUDGETS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 3600);

/// The selection with a budget that every suite has.
pub(crate) const SMOKE: &str = "smoke";

/// The selection of everything that every suite has.
pub(crate) const COMPREHENSIVE: &str = "comprehensive";

/// How long `smoke` may take unless the file says otherwise.
pub(crate) const SMOKE_BUDGET: Duration = Duration::from_secs(300);

/// A part of the suite that can be asked for by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NamedSelection {
    pub(crate) name: String,
    /// How long it may take; the most informative tests are chosen. Absent for as long as it takes.
    pub(crate) budget: Option<Located<Duration>>,
    /// The tests that it is of; all if nothing is said.
    pub(crate) members: Members,
    /// Tests that it is not of.
    pub(crate) skip: Option<Located<Vec<Pattern>>>,
    /// Whether tests that may fail are left out.
    pub(crate) must_pass_only: Option<Located<bool>>,
    pub(crate) binaries: Binaries,
}

impl NamedSelection {
    pub(super) fn read(name: &str, table: &mut Table<'_>) -> Self {
        Self {
            name: name.to_owned(),
            budget: table.duration("budget", BUDGETS),
            members: Members::read(table),
            skip: patterns(table, "skip"),
            must_pass_only: table.flag("must-pass-only"),
            binaries: Binaries::read(table),
        }
    }

    /// How long it may take.
    pub(crate) fn budget(&self) -> Option<Duration> {
        let default = (self.name == SMOKE).then_some(SMOKE_BUDGET);
        self.budget.map(|budget| budget.value).or(default)
    }
}
