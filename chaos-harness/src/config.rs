//! `chaos.toml`: what a project settles for all its tests, and for some of them.
//!
//! ```toml
//! [attempts]                       # a section, for every test
//! timeout = "2m"
//!
//! [environments.ci.attempts]       # the same section, in one environment
//! retries = 2
//!
//! [profiles.small]                 # ..., on machines of one kind
//! when = { cores-at-most = 2 }
//! [profiles.small.load]
//! multiplier = 0.25
//!
//! [[override]]                     # ..., for some tests
//! tests = "ledger::*"
//! [override.attempts]
//! timeout = "5m"
//! ```
//!
//! Such a set of sections is a [`Layer`]. A value is looked for in the layers that apply, in this
//! order: what is [assigned](assignment) for this run; the overrides that match the test, in the order of
//! the file; the environment; the profile; the file's own sections. [`Config::get`] does so, and says where the value stands. What goes
//! before the file and what comes after it is in `settings`.
//!
//! # How to add a section
//!
//! 1. A file `config/<section>.rs` with a struct whose fields are `Option<Located<..>>`, and its
//!    `impl Section`: each field is one call of [`Table`](table::Table), which checks the value and knows the key
//!    from then on. Nothing else is needed for errors and suggestions.
//! 2. A field of [`Sections`], and one line of [`Sections::read`]. A section that concerns the whole
//!    suite, such as gates, is read only where its `Place` is not an override.
//! 3. Where the value is used, `config.get(test, |sections| sections.<section>.<field>.as_ref())`, or
//!    a function of `Settings` if a variable, an option or an attribute
//!    says the same. A row in `settings::listing` shows it with `--chaos-config`.
//! 4. The setting in `docs/configuration.md`; a test holds that document to the code.

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use self::document::{Located, Mistake};
pub(crate) use self::pattern::Pattern;
pub(crate) use self::sections::Sections;

use self::assignment::{Assignment, SetBy};
use self::binaries::Binaries;
use self::document::Document;
use self::phases::Phase;
use self::profile::{Conditions, Hardware};
use self::sections::Place as Part;
use self::selections::{COMPREHENSIVE, NamedSelection, SMOKE};
use crate::suggestion::suggest;

pub(crate) mod assignment;
pub(crate) mod attempts;
pub(crate) mod baselines;
mod binaries;
pub(crate) mod coverage;
mod document;
pub(crate) mod find;
pub(crate) mod gates;
pub(crate) mod load;
pub(crate) mod members;
mod pattern;
pub(crate) mod phases;
pub(crate) mod profile;
pub(crate) mod quarantine;
pub(crate) mod run;
mod sections;
pub(crate) mod selections;
pub(crate) mod size;
mod table;
pub(crate) mod triage;
pub(crate) mod watch;

#[cfg(test)]
mod tests;

/// The environments that every project has, whether or not its file says anything of them.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["ci", "local", "validation"];

/// Everything in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct File {
    /// Where it was found.
    pub(crate) path: PathBuf,
    base: Sections,
    environments: Vec<Located<(String, Sections)>>,
    profiles: Vec<Located<(String, Conditions, Sections)>>,
    overrides: Vec<Located<(Vec<Pattern>, Binaries, Sections)>>,
    phases: Vec<Located<Phase>>,
    selections: Vec<Located<NamedSelection>>,
}

impl File {
    /// Understands the text of the file at `path`.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the lines.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Vec<Mistake>> {
        Document::read(path, text, |table| Self {
            path: path.to_owned(),
            base: Sections::read(table, Part::File),
            environments: table.named_tables("environments", |name, table| {
                (name.to_owned(), Sections::read(table, Part::Environment))
            }),
            profiles: table.named_tables("profiles", |name, table| {
                let conditions = Conditions::read(table);
                (name.to_owned(), conditions, Sections::read(table, Part::Profile))
            }),
            overrides: table.table_list("override", |table| {
                let tests = table.texts("tests");
                let names_none = tests.as_ref().is_none_or(|tests| tests.value.is_empty());
                if names_none {
                    table.mistake(&["tests"], "say which tests this is for: tests = \"pool::*\"");
                }
                let patterns = tests.map(|tests| tests.value).unwrap_or_default();
                let patterns = patterns.into_iter().map(Pattern::new).collect();
                (patterns, Binaries::read(table), Sections::read(table, Part::Override))
            }),
            phases: table.named_tables("phases", Phase::read),
            selections: table.named_tables("selections", NamedSelection::read),
        })
    }

    /// What of it is for the test binary of this name.
    pub(crate) fn for_binary(mut self, binary: &str) -> Self {
        for Located { value: (patterns, binaries, _), .. } in &mut self.overrides {
            // It keeps its place, because the others are known by their numbers.
            if !binaries.include(binary) {
                patterns.clear();
            }
        }
        self.phases.retain(|phase| phase.value.binaries.include(binary));
        self
    }
}

/// Some sections, where they stand, and which tests they are for.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    /// Who sets them, where that is not the file.
    set: Option<SetBy>,
    /// `environments.ci`; empty for the file's own sections.
    path: String,
    /// Absent for all tests.
    tests: Option<Vec<Pattern>>,
    /// The line that it begins on.
    line: usize,
    sections: Sections,
}

/// The part of the file that applies here.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Config {
    file: Option<PathBuf>,
    /// The environment that was chosen.
    environment: String,
    /// The hardware profile, if any was chosen or met.
    profile: Option<String>,
    /// Those that go before others stand before them.
    layers: Vec<Layer>,
    phases: Vec<Located<Phase>>,
    selections: Vec<Located<NamedSelection>>,
}

/// A value of the file, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// In an assignment.
    Set(SetBy),
    /// In the file.
    File(FilePlace),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(by) => by.fmt(f),
            Self::File(place) => place.fmt(f),
        }
    }
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePlace {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// The layer: `environments.ci`, empty for the file's own sections.
    pub(crate) layer: String,
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        write!(f, "{name}:{}", self.line)?;
        if !self.layer.is_empty() {
            write!(f, " ({})", self.layer)?;
        }
        Ok(())
    }
}

/// A name that the file does not define.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownName {
    #[error(
        "there is no environment `{name}`; {help}, or chaos.toml defines it: [environments.{name}]"
    )]
    Environment { name: String, help: String },
    #[error(
        "there is no hardware profile `{name}`; {help}, or chaos.toml defines it: [profiles.{name}]"
    )]
    Profile { name: String, help: String },
    #[error("there is no selection `{name}`; {help}")]
    Selection { name: String, help: String },
}

impl Config {
    /// What applies in this environment, and under this hardware profile; without one, under the
    /// first in the order of the file whose conditions `hardware` meets.
    ///
    /// # Errors
    ///
    /// When a name is not that of an environment or a profile.
    pub(crate) fn new(
        file: Option<File>,
        environment: &str,
        profile: Option<&str>,
        hardware: Hardware,
    ) -> Result<Self, UnknownName> {
        let mut file = file.unwrap_or_default();
        // A table of the file is sorted by name, and the order of the lines is the author's.
        file.profiles.sort_by_key(|profile| profile.line);
        file.check_environment(environment)?;
        let profile = file.profile(profile, hardware)?;
        let mut layers = Vec::new();
        for (index, Located { value: (tests, _, sections), line }) in
            file.overrides.into_iter().enumerate()
        {
            let path = format!("override {}", index + 1);
            layers.push(Layer { set: None, path, tests: Some(tests), line, sections });
        }
        let of_all = |path, sections| Layer { set: None, path, tests: None, line: 1, sections };
        let chosen =
            file.environments.into_iter().map(|it| it.value).find(|it| it.0 == environment);
        if let Some((name, sections)) = chosen {
            layers.push(of_all(format!("environments.{name}"), sections));
        }
        let name = profile.as_ref().map(|(name, _)| name.clone());
        if let Some((name, sections)) = profile {
            layers.push(of_all(format!("profiles.{name}"), sections));
        }
        layers.push(of_all(String::new(), file.base));
        Ok(Self {
            file: Some(file.path).filter(|path| !path.as_os_str().is_empty()),
            environment: environment.to_owned(),
            profile: name,
            layers,
            phases: file.phases,
            selections: file.selections,
        })
    }

    /// Puts assignments before everything that the file says: those of options before those of the
    /// variable, and of these the last one first.
    pub(crate) fn with(mut self, assignments: Vec<Assignment>) -> Self {
        let (options, variables): (Vec<_>, Vec<_>) =
            assignments.into_iter().partition(|assignment| assignment.by == SetBy::Option);
        let set = options.into_iter().rev().chain(variables.into_iter().rev());
        let set = set.map(|Assignment { by, sections }| Layer {
            set: Some(by),
            path: String::new(),
            tests: None,
            line: 1,
            sections,
        });
        self.layers = set.chain(self.layers).collect();
        self
    }

    /// The first value that `pick` finds in the layers that apply to `test`, or to the suite as a
    /// whole if that is `None`.
    pub(crate) fn get<'a, T: Clone + 'a>(
        &'a self,
        test: Option<&str>,
        pick: impl Fn(&'a Sections) -> Option<&'a Located<T>>,
    ) -> Option<Found<T>> {
        let applies = |layer: &&Layer| match (&layer.tests, test) {
            (None, _) => true,
            (Some(patterns), Some(test)) => patterns.iter().any(|pattern| pattern.matches(test)),
            (Some(_), None) => false,
        };
        self.layers.iter().filter(applies).find_map(|layer| {
            let Located { value, line } = pick(&layer.sections)?.clone();
            if let Some(by) = layer.set {
                return Some(Found { value, place: Place::Set(by) });
            }
            let (file, layer) = (self.file.clone().unwrap_or_default(), layer.path.clone());
            Some(Found { value, place: Place::File(FilePlace { file, line, layer }) })
        })
    }

    /// The sections that apply to the suite as a whole, the first of which count first.
    pub(crate) fn of_suite(&self) -> impl Iterator<Item = &Sections> {
        self.layers.iter().filter(|layer| layer.tests.is_none()).map(|layer| &layer.sections)
    }

    /// The phases, in the order of their names.
    pub(crate) fn phases(&self) -> &[Located<Phase>] {
        &self.phases
    }

    /// The selection of this name: one of the file's, or one that every suite has.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn selection(&self, name: &str) -> Result<NamedSelection, UnknownName> {
        let own = self.selections.iter().map(|it| it.value.name.as_str());
        let known: Vec<_> = [SMOKE, COMPREHENSIVE].into_iter().chain(own).collect();
        if let Some(found) = self.selections.iter().find(|it| it.value.name == name) {
            return Ok(found.value.clone());
        }
        if known.contains(&name) {
            return Ok(NamedSelection { name: name.to_owned(), ..NamedSelection::default() });
        }
        let help = suggest(name, known);
        Err(UnknownName::Selection { name: name.to_owned(), help })
    }

    /// Each pattern of an override that is the name of none of these tests: where it stands, and what
    /// may have been meant.
    pub(crate) fn overrides_of_nothing(&self, names: &[&str]) -> Vec<String> {
        let overrides = self.layers.iter().filter_map(|layer| Some((layer, layer.tests.as_ref()?)));
        overrides
            .flat_map(|(layer, patterns)| {
                let place = self.place(layer.line, &layer.path);
                let wrong = patterns.iter().filter_map(|it| members::without_names(it, names));
                wrong.map(move |message| format!("{place}: {message}"))
            })
            .collect()
    }

    /// A place in the file, for people.
    pub(crate) fn place(&self, line: usize, layer: &str) -> FilePlace {
        let file = self.file.clone().unwrap_or_default();
        FilePlace { file, line, layer: layer.to_owned() }
    }

    /// The file, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The environment that was chosen.
    pub(crate) fn environment(&self) -> &str {
        &self.environment
    }

    /// The hardware profile, if any was chosen or met.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

impl File {
    fn check_environment(&self, name: &str) -> Result<(), UnknownName> {
        let own = self.environments.iter().map(|it| it.value.0.as_str());
        let known: Vec<_> = ENVIRONMENTS.into_iter().chain(own).collect();
        if known.contains(&name) {
            return Ok(());
        }
        let help = suggest(name, known);
        Err(UnknownName::Environment { name: name.to_owned(), help })
    }

    fn profile(
        &mut self,
        chosen: Option<&str>,
        hardware: Hardware,
    ) -> Result<Option<(String, Sections)>, UnknownName> {
        let profiles = std::mem::take(&mut self.profiles).into_iter().map(|it| it.value);
        let profiles: Vec<_> = profiles.collect();
        let Some(chosen) = chosen else {
            let met = profiles.into_iter().find(|(_, conditions, _)| conditions.are_met(hardware));
            return Ok(met.map(|(name, _, sections)| (name, sections)));
        };
        let names: Vec<_> = profiles.iter().map(|(name, ..)| name.clone()).collect();
        match profiles.into_iter().find(|(name, ..)| name == chosen) {
            Some((name, _, sections)) => Ok(Some((name, sections))),
            None => {
                let help = suggest(chosen, names.iter().map(String::as_str));
                Err(UnknownName::Profile { name: chosen.to_owned(), help })
            }
        }
    }
}
