//! Who is told of the events of a run.

use std::io::Write;

use chaos_core::verdict::Verdict;

use crate::arguments::{Arguments, Format};
use crate::identity::Identity;
use crate::report::Reporter;
use crate::run_directory::RunDirectory;
use crate::run_event::{RunEvent, TestOutcome};
use crate::run_journal::RunJournal;

/// The reporters of a run: its journal, and what is shown.
pub(super) fn for_run(
    arguments: &Arguments,
    directory: &RunDirectory,
    identity: &Identity,
    own_command_line: bool,
) -> Vec<Box<dyn Reporter>> {
    let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
    match directory.journal().try_clone() {
        Ok(file) => reporters.push(Box::new(RunJournal::new(file))),
        Err(error) => eprintln!("the run has no journal: {error}"),
    }
    // libtest and libtest-mimic print their own formats.
    if own_command_line && arguments.format == Format::Pretty {
        reporters.push(Box::new(Plain::new(identity.clone())));
    }
    reporters
}

/// Plain lines, as libtest prints them.
struct Plain {
    identity: Identity,
    filtered_out: u64,
    failures: Vec<(String, String)>,
    last: String,
}

impl Plain {
    fn new(identity: Identity) -> Self {
        Self { identity, filtered_out: 0, failures: Vec::new(), last: String::new() }
    }

    fn lines(&mut self, event: &RunEvent) -> Option<String> {
        Some(match event {
            RunEvent::RunStarted(run) => {
                self.filtered_out = run.filtered_out;
                let plural = if run.selected.len() == 1 { "" } else { "s" };
                format!("\nrunning {} test{plural}", run.selected.len())
            }
            RunEvent::TestSkipped { test, reason } if reason.is_empty() => {
                format!("test {test} ... ignored")
            }
            RunEvent::TestSkipped { test, reason } => format!("test {test} ... ignored, {reason}"),
            RunEvent::AttemptEnded(ended) => {
                self.last = match &ended.verdict {
                    Verdict::Failed(failure) => format!(
                        "{}: {}\nreproduce: {}",
                        failure.kind,
                        failure.message,
                        self.identity.reproduce(&ended.test, ended.seed)
                    ),
                    Verdict::Skipped { reason } => reason.clone(),
                    _ => String::new(),
                };
                return None;
            }
            RunEvent::TestEnded(ended) => {
                let name = &ended.test;
                match ended.outcome {
                    TestOutcome::Failed => {
                        self.failures.push((name.clone(), self.last.clone()));
                        format!("test {name} ... FAILED")
                    }
                    TestOutcome::Passed | TestOutcome::PassedOnRetry => {
                        format!("test {name} ... ok")
                    }
                    _ => format!("test {name} ... ignored, {}", self.last),
                }
            }
            RunEvent::RunEnded(run) => {
                let mut lines = String::new();
                if !self.failures.is_empty() {
                    lines.push_str("\nfailures:\n\n");
                    for (name, text) in &self.failures {
                        lines.push_str(&format!("---- {name} ----\n{text}\n\n"));
                    }
                    lines.push_str("\nfailures:\n");
                    for (name, _) in &self.failures {
                        lines.push_str(&format!("    {name}\n"));
                    }
                }
                let result = if run.failed == 0 { "ok" } else { "FAILED" };
                format!(
                    "{lines}\ntest result: {result}. {} passed; {} failed; {} ignored; 0 measured; \
                     {} filtered out; finished in {:.2}s\n",
                    run.passed,
                    run.failed,
                    run.ignored,
                    self.filtered_out,
                    std::time::Duration::from_nanos(run.duration_ns).as_secs_f64()
                )
            }
            _ => return None,
        })
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &RunEvent) {
        if let Some(lines) = self.lines(event) {
            // A reader that went away is no reason to stop testing.
            writeln!(std::io::stdout(), "{lines}").ok();
        }
    }
}
