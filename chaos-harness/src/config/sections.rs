//! The sections that each layer of the file may have.

use super::attempts::Attempts;
use super::baselines::Baselines;
use super::coverage::Coverage;
use super::gates::Gates;
use super::load::Loads;
use super::run::Run;
use super::table::Table;
use super::watch::Watch;

/// A section of the file: `[attempts]`.
pub(crate) trait Section: Default {
    /// Its key.
    const NAME: &'static str;

    /// Reads its settings.
    fn read(table: &mut Table<'_>) -> Self;
}

/// Where in the file a set of sections stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top: for every test everywhere.
    File,
    /// In `[environments.<name>]`.
    Environment,
    /// In `[profiles.<name>]`.
    Profile,
    /// In `[[override]]`: for some tests.
    Override,
}

/// All sections of a layer; those that are not there are empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sections {
    pub(crate) attempts: Attempts,
    pub(crate) load: Loads,
    pub(crate) run: Run,
    pub(crate) gates: Gates,
    pub(crate) coverage: Coverage,
    pub(crate) watch: Watch,
    pub(crate) baselines: Baselines,
}

impl Sections {
    /// Reads the sections of a layer.
    pub(super) fn read(table: &mut Table<'_>, place: Place) -> Self {
        let mut sections = Self {
            attempts: section(table),
            load: section(table),
            watch: section(table),
            ..Self::default()
        };
        if place != Place::Override {
            sections.run = section(table);
            sections.gates = section(table);
            sections.coverage = section(table);
            sections.baselines = section(table);
        }
        sections
    }
}

fn section<S: Section>(table: &mut Table<'_>) -> S {
    table.table(S::NAME, S::read).unwrap_or_default()
}
