//! The command that repeats a failed test.

use std::path::Path;

use super::judgement::seed_to_repeat;
use super::record::{ProcessRecord, TestRecord};
use crate::repeat_command::RepeatCommand;

/// The command that repeats the failure of a test with its seed, to be pasted into a shell anywhere
/// in the workspace.
pub(crate) fn command(test: &TestRecord, process: &ProcessRecord) -> Option<String> {
    let seed = seed_to_repeat(&test.attempts)?;
    let started = &process.started;
    let runs_ignored =
        |argument: &String| ["--ignored", "--include-ignored"].contains(&argument.as_str());
    let failures = test.attempts.iter().filter(|attempt| attempt.seed == seed);
    let mut failures = failures.filter_map(|attempt| attempt.failure());
    let is_ignored = started.arguments.iter().any(runs_ignored);
    let mut attempts = test.attempts.iter().filter_map(|attempt| attempt.started.as_ref());
    let command = RepeatCommand {
        package: &started.package,
        target: (!is_unit_test(test)).then_some(started.binary.as_str()),
        test: &test.name,
        seed,
        replay: failures.find_map(|failure| failure.replay.as_deref()),
        has_retries: attempts.any(|started| started.of > 1),
        is_ignored,
    };
    Some(command.to_string())
}

/// Whether the test is one of the unit tests of a library or a program, which `--test` cannot name.
fn is_unit_test(test: &TestRecord) -> bool {
    let Some(description) = &test.description else { return false };
    let below = |directory: &str| Path::new(&description.file).iter().any(|part| part == directory);
    below("src") && !below("tests")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::RunRecord;
    use crate::report::sample;
    use crate::run_event::RunEvent;

    /// The command for the failed test of the sample run, written in this file and run with these
    /// arguments.
    fn command_for(file: &str, arguments: &[&str]) -> String {
        let mut run = RunRecord::default();
        for mut event in sample::events() {
            if let RunEvent::RunStarted(started) = &mut event {
                started.arguments = arguments.iter().map(|argument| (*argument).into()).collect();
                started.tests.iter_mut().for_each(|test| test.file = file.to_owned());
            }
            run.add(0, &event);
        }
        let test = run.tests.iter().find(|test| test.name == "bank::money_is_conserved").unwrap();
        command(test, run.process_of(test).unwrap()).unwrap()
    }

    #[test]
    fn the_command_names_the_target_and_runs_ignored_tests_where_they_were_run() {
        let begin = "CHAOS_SEED=42 CHAOS_RETRIES=0 cargo test -p ledger";
        let end = "-- --exact bank::money_is_conserved";
        assert_eq!(command_for("tests/chaos.rs", &[]), format!("{begin} --test chaos {end}"));
        assert_eq!(command_for("ledger/src/bank.rs", &[]), format!("{begin} {end}"));
        assert_eq!(
            command_for("tests/chaos.rs", &["--ignored"]),
            format!("{begin} --test chaos {end} --include-ignored")
        );
    }
}
