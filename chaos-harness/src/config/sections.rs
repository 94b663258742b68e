//! The sections that each layer of the file may have.

use super::attempts::Attempts;
use super::baselines::Baselines;
use super::coverage::Coverage;
use super::gates::Gates;
use super::load::Loads;
use super::run::Run;
use super::table::Table;
use super::triage::Triage;
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
    pub(crate) triage: Triage,
}

impl Sections {
    /// Reads the sections of a layer.
    pub(super) fn read(table: &mut Table<'_>, place: Place) -> Self {
        let mut sections = Self {
            attempts: section(table),
            load: section(table),
            watch: section(table),
            triage: section(table),
            ..Self::default()
        };
        if place != Place::Override {
            sections.run = section(table);
            sections.gates = section(table);
            sections.coverage = section(table);
            sections.baselines = section(table);
        } else {
            for name in [Run::NAME, Gates::NAME, Coverage::NAME, Baselines::NAME] {
                let home = "it concerns the run as a whole, and stands at the top of the file, in an \
                            environment or in a profile";
                table.belongs(name, home);
            }
        }
        homes_of::<Attempts>(table);
        homes_of::<Loads>(table);
        homes_of::<Run>(table);
        homes_of::<Gates>(table);
        homes_of::<Watch>(table);
        sections
    }
}

/// Whoever forgets the section of a setting is told of it.
fn homes_of<S: Section>(table: &mut Table<'_>) {
    for key in Table::keys_of(S::read) {
        table.belongs(&key, format!("write {}.{key}, or [{}] above it", S::NAME, S::NAME));
    }
}

fn section<S: Section>(table: &mut Table<'_>) -> S {
    table.table(S::NAME, S::read).unwrap_or_default()
}
