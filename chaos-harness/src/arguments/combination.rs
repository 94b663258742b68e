//! Options that exclude one another.
//!
//! Of two things that are asked for at once, to do one and not to say so would leave whoever asked in the
//! belief that both were done.

use super::{Arguments, UsageError};
use crate::config::assignment;

/// The options that do something else than run tests, with whether each was given.
fn actions(arguments: &Arguments) -> [(&'static str, bool); 10] {
    [
        ("--list", arguments.list),
        ("--chaos-config", arguments.show_config),
        ("--chaos-selection", arguments.show_selection),
        ("--chaos-merge", arguments.merge),
        ("--chaos-report", arguments.report.is_some()),
        ("--chaos-judge", arguments.judge.is_some()),
        ("--chaos-inventory", arguments.inventory.is_some()),
        ("--chaos-issue", arguments.issue.is_some()),
        ("--chaos-coverage", arguments.coverage),
        ("--chaos-compare", arguments.compare.is_some()),
    ]
}

/// Those of them that are about a whole run, which stands behind them after `=`: a word apart is a filter,
/// and another run than was named would be taken.
const ABOUT_A_RUN: [&str; 3] = ["--chaos-report", "--chaos-judge", "--chaos-inventory"];

/// Refuses options of which one would have no effect.
pub(super) fn check(arguments: &Arguments) -> Result<(), UsageError> {
    // Whoever asks for help gets it, as everywhere.
    if arguments.help {
        return Ok(());
    }
    let mut asked = actions(arguments).into_iter().filter(|(_, is_asked)| *is_asked);
    match (asked.next(), asked.next()) {
        (Some((first, _)), Some((second, _))) => Err(UsageError::TwoActions { first, second }),
        (Some((action, _)), None) if arguments.bisects => {
            Err(UsageError::NothingToBisect { action })
        }
        (Some((option, _)), None) if ABOUT_A_RUN.contains(&option) => {
            match arguments.filters.first().cloned() {
                Some(argument) => Err(UsageError::RunApart { option, argument }),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// The option that asks for retries, if one does: where tests are measured, none are made.
pub(crate) fn asks_for_retries(arguments: &Arguments) -> Option<String> {
    let is_some = |value: &str| value.trim() != "0";
    let mut options = arguments.settings.iter().rev();
    if let Some((option, value)) = options.find(|(it, _)| it.variable == "CHAOS_RETRIES") {
        return is_some(value).then(|| format!("{} {value}", option.name));
    }
    let mut set = arguments.set.iter().rev().filter_map(|it| it.split_once('='));
    let (key, value) = set.find(|(key, _)| key.trim() == "attempts.retries")?;
    is_some(value).then(|| format!("{} {key}={value}", assignment::OPTION))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, UsageError> {
        Arguments::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn of_two_things_to_do_instead_of_running_tests_both_are_named() {
        let all = [
            "--list",
            "--chaos-config",
            "--chaos-selection",
            "--chaos-merge a",
            "--chaos-report",
            "--chaos-judge",
            "--chaos-inventory",
            "--chaos-issue a",
            "--chaos-coverage",
            "--chaos-compare a",
        ];
        for one in all {
            assert!(parse(one).is_ok(), "{one}");
            for other in all.iter().filter(|other| **other != one) {
                let error = parse(&format!("{one} {other}")).unwrap_err().to_string();
                for option in [one, other] {
                    let name = option.split(' ').next().unwrap();
                    assert!(error.contains(&format!("`{name}`")), "{one} {other}: {error}");
                }
            }
            let error = parse(&format!("--chaos-bisect {one}")).unwrap_err().to_string();
            assert!(error.contains("`--chaos-bisect`"), "{one}: {error}");
            assert!(parse(&format!("--help {one} --list --chaos-config")).is_ok());
        }
        assert_eq!(actions(&Arguments::default()).len(), all.len());
    }

    #[test]
    fn the_name_of_a_run_is_not_taken_for_a_filter() {
        for option in ABOUT_A_RUN {
            let error = parse(&format!("{option} 7c2a5973")).unwrap_err().to_string();
            assert!(error.contains(&format!("write `{option}=7c2a5973`")), "{error}");
            assert!(parse(&format!("{option}=7c2a5973")).is_ok());
        }
    }

    #[test]
    fn retries_are_asked_for_by_an_option_of_their_own_or_by_any() {
        let asks = |line: &str| asks_for_retries(&parse(line).unwrap());
        assert_eq!(asks("--chaos-retries 2").as_deref(), Some("--chaos-retries 2"));
        let set = "--chaos-set attempts.retries=2";
        assert_eq!(asks(set).as_deref(), Some(set));
        assert_eq!(asks(&format!("{set} --chaos-retries 0")), None);
        assert_eq!(asks("--chaos-retries 2 --chaos-retries 0"), None);
        assert_eq!(asks("--chaos-set watch.retries=2"), None);
    }
}
