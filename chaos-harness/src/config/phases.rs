//! `[phases.<name>]`: parts of the suite that unlock one another.

use chaos_core::probability::Probability;

use super::binaries::Binaries;
use super::document::Located;
use super::members::Members;
use super::table::Table;

/// A part of the suite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) members: Members,
    /// The phases that have to come to enough before its tests begin.
    pub(crate) after: Option<Located<Vec<String>>>,
    /// Which share of its tests has to pass to unlock those after it; absent for every test that
    /// must pass.
    pub(crate) pass_rate: Option<Located<Probability>>,
    pub(crate) binaries: Binaries,
}

impl Phase {
    pub(super) fn read(name: &str, table: &mut Table<'_>) -> Self {
        let phase = Self {
            name: name.to_owned(),
            members: Members::read(table),
            after: table.texts("after"),
            pass_rate: table.share("pass-rate"),
            binaries: Binaries::read(table),
        };
        if !table.has("domains") && !table.has("tests") {
            let help =
                "say which tests belong to it: domains = \"network\", or tests = \"pool::*\"";
            table.mistake(&[], help);
        }
        phase
    }
}
