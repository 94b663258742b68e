//! What the files of a project say, held beside the tests of this binary, before the first of them runs.
//!
//! A name that nobody has would otherwise do nothing, silently: a gate would be passed, a phase would not
//! lock, a quarantine would not end.

use chaos_core::error::with_sources;

use crate::coverage::Requirements;
use crate::gate;
use crate::phases::Plan;
use crate::selection::Selected;
use crate::settings::Settings;

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) plan: Plan,
    /// The list of requirements, if the file names one.
    pub(crate) requirements: Option<Requirements>,
    /// What is probably not meant, in words.
    pub(crate) warnings: Vec<String>,
}

/// Holds the files beside all tests of this binary, whatever the filters leave out.
///
/// # Errors
///
/// Everything that cannot be meant, in words.
pub(crate) fn check(
    settings: &Settings,
    binary: &str,
    tests: &[Selected],
) -> Result<Checked, Vec<String>> {
    let names: Vec<String> = tests.iter().map(|test| test.name.clone()).collect();
    let wrong = settings.quarantine.check(binary, &names).err().unwrap_or_default();
    let mut mistakes: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    mistakes.extend(gate::without_tests(&settings.config, binary, tests));
    let plan = Plan::of(&settings.config, tests).unwrap_or_else(|wrong| {
        mistakes.extend(wrong.iter().map(ToString::to_string));
        Plan::default()
    });
    let requirements = requirements(settings, tests).unwrap_or_else(|wrong| {
        mistakes.extend(wrong);
        None
    });
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let warnings = settings.config.overrides_of_nothing(&names);
    match mistakes.is_empty() {
        true => Ok(Checked { plan, requirements, warnings }),
        false => Err(mistakes),
    }
}

fn requirements(
    settings: &Settings,
    tests: &[Selected],
) -> Result<Option<Requirements>, Vec<String>> {
    let Some(path) = settings.requirements() else { return Ok(None) };
    let requirements = Requirements::read(&path).map_err(|error| vec![with_sources(&error)])?;
    match requirements.check(tests) {
        Ok(()) => Ok(Some(requirements)),
        Err(wrong) => Err(wrong.iter().map(ToString::to_string).collect()),
    }
}
