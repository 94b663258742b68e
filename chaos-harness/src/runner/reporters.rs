//! Who is told of the events of a run.

use crate::arguments::{Arguments, Format};
use crate::identity::Identity;
use crate::nextest::Nextest;
use crate::report::Reporter;
use crate::report::json::{FILE, JsonReport};
use crate::report::terminal::{Terminal, TerminalOptions};
use crate::run_directory::RunDirectory;

/// The reporters of a run: its journal, its report, and what is shown.
///
/// They are told in this order, and the report is made from the journal, which is whole by then.
pub(super) fn for_run(
    arguments: &Arguments,
    no_capture: bool,
    directory: &RunDirectory,
    identity: &Identity,
    nextest: Option<&Nextest>,
    own_command_line: bool,
) -> Vec<Box<dyn Reporter>> {
    let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
    match directory.journal() {
        Ok(journal) => reporters.push(Box::new(journal)),
        Err(error) => eprintln!("the run has no journal: {error}"),
    }
    let report = if nextest.is_some() {
        // No process knows that it is the last one, and to make the report at the end of each would
        // take time that grows with the square of their number.
        identity.report(directory.id())
    } else {
        reporters.push(Box::new(JsonReport::new(directory.path(), directory.root())));
        directory.path().join(FILE).display().to_string()
    };
    // libtest prints for itself, and libtest-mimic what machines read.
    if own_command_line && arguments.format != Format::Json {
        reporters.push(Box::new(Terminal::new(TerminalOptions {
            terse: arguments.format == Format::Terse,
            color: arguments.color,
            no_capture,
            show_output: arguments.show_output,
            run_directory: directory.path().to_owned(),
            report: Some(report),
            explores_only: explores_only(arguments),
            replays_case: replay().filter(|replay| is_case(replay)).map(told),
        })));
    }
    reporters
}

/// What says that explorations do less than all they could. Tests that explore nothing do not obey it,
/// and which those are is known only when they have run.
fn explores_only(arguments: &Arguments) -> Option<String> {
    if arguments.check_determinism {
        return Some("--check-determinism".to_owned());
    }
    replay().filter(|replay| !is_case(replay)).map(told)
}

/// What `CHAOS_REPLAY` asks for.
pub(super) fn replay() -> Option<String> {
    let token = std::env::var("CHAOS_REPLAY").ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Whether it is a case of a property, and no point of an exploration.
fn is_case(token: &str) -> bool {
    token.starts_with("case:")
}

fn told(token: String) -> String {
    format!("CHAOS_REPLAY={token}")
}
