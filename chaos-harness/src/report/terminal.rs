//! What is seen of a run: lines on standard output as libtest writes them, and live lines on
//! standard error where that is a terminal.
//!
//! ```text
//! running 3 tests
//! test connections_are_refused ... ok        1.2 s  recovered 0.21 s  [stable 1 % (0–4 %), n = 118]
//! test money_is_conserved      ... FAILED   12.0 s                    [undetermined, n = 3]  a check failed, 4 attempts
//! test packet_loss             ... ignored, it needs root
//! ```
//!
//! Three answers are told apart: what the test came to, what each of its attempts came to, and what
//! its history says of it. Every text is made by a pure function of the record of the run, in the
//! modules below this one.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use self::failure::Evidence;
use self::live::Live;
use self::output::SharedOutput;
use self::slow::SlowTests;
use self::style::{Paint, Style};
use self::test_line::Columns;
use super::Reporter;
use super::record::{RunRecord, TestRecord};
use super::words;
use crate::arguments::Color;
use crate::run_event::{Measuring, RunEnded, RunEvent, RunStarted, TestOutcome};

mod captured;
mod failure;
pub(crate) mod judged;
mod live;
mod operation_errors;
mod output;
mod slow;
mod strip;
mod style;
mod summary;
mod terse;
mod test_line;

/// All events are of one process here.
const PROCESS: u32 = 0;

/// How the terminal is written to.
#[derive(Debug, Clone)]
pub(crate) struct TerminalOptions {
    /// A character for each test instead of a line.
    pub(crate) terse: bool,
    /// Whether to colour.
    pub(crate) color: Color,
    /// Whether tests write to the same terminal themselves, which live lines would garble.
    pub(crate) no_capture: bool,
    /// Whether what passed tests wrote is shown too.
    pub(crate) show_output: bool,
    /// What paths in the events are relative to.
    pub(crate) run_directory: PathBuf,
    /// Where the report is going to lie, or the command that makes it.
    pub(crate) report: Option<String>,
    /// What says that explorations do less than all they could, as it is written: `--check-determinism`.
    pub(crate) explores_only: Option<String>,
    /// What has one property try one case alone, if something does.
    pub(crate) replays_case: Option<String>,
}

/// Shows a run on the terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    options: TerminalOptions,
    style: Style,
    output: SharedOutput,
    live: Option<Live>,
    slow: Option<SlowTests>,
    columns: Columns,
    terse: terse::Terse,
    run: RunRecord,
}

impl Terminal {
    /// Shows a run on the standard output and, where it is a terminal, on the standard error.
    pub(crate) fn new(options: TerminalOptions) -> Self {
        let wanted = |is_terminal| wants_colour(options.color, is_terminal);
        let stderr = io::stderr().is_terminal();
        let live = stderr && !is_dumb() && !is_set("CI") && !options.no_capture;
        let live = live.then(|| Live::on_stderr(Style { colour: wanted(stderr) }));
        let style = Style { colour: wanted(io::stdout().is_terminal()) };
        Self::with(options, style, SharedOutput::new(io::stdout()), live)
    }

    fn with(
        options: TerminalOptions,
        style: Style,
        output: SharedOutput,
        live: Option<Live>,
    ) -> Self {
        let slow = live.is_none().then(|| SlowTests::watch(output.clone()));
        Self {
            options,
            style,
            output,
            live,
            slow,
            columns: Columns::default(),
            terse: terse::Terse::default(),
            run: RunRecord::default(),
        }
    }

    fn print(&self, text: &str) {
        let write = || self.output.write(|out| out.write_all(text.as_bytes()));
        match &self.live {
            Some(live) => live.suspend(write),
            None => write(),
        }
    }

    fn run_started(&mut self, started: &RunStarted) {
        self.columns = Columns::of(&started.selected);
        if let Some(live) = &mut self.live {
            live.align(self.columns);
        }
        let count = words::counted(started.selected.len() as u64, "test");
        self.print(&format!("\nrunning {count}\n"));
        if let (Some(selection), false) = (&started.selection, self.options.terse) {
            let text = words::selection(selection, started.threads);
            self.print(&format!("selection {text}\n"));
        }
        self.terse.expect(started.selected.len());
    }

    fn finished(&mut self, test: &str) {
        if let Some(live) = &mut self.live {
            live.test_ended(test);
        }
        if let Some(slow) = &self.slow {
            slow.ended(test);
        }
        let Some(test) = self.run.test(PROCESS, test) else { return };
        let text = if self.options.terse {
            self.terse.character(test.outcome(), self.style)
        } else {
            test_line::render(test, self.columns, self.style)
        };
        self.print(&text);
    }

    fn run_ended(&mut self, ended: &RunEnded) {
        // Nothing runs any more, and nothing is to be drawn again.
        self.live = None;
        let of = |outcome| self.tests_with(outcome);
        if self.options.show_output {
            let passed = of(TestOutcome::Passed).into_iter().chain(of(TestOutcome::PassedOnRetry));
            let shown = passed.filter_map(|test| {
                failure::output_of_passed(&self.options.run_directory, test, self.style)
            });
            self.section("successes", shown.collect());
        }
        self.details("passed on a retry", of(TestOutcome::PassedOnRetry));
        self.details("failed as they may", of(TestOutcome::FailedAsAllowed));
        let failed = of(TestOutcome::Failed);
        // libtest ends its own failures with this list, and some tools read it.
        let names = failed.iter().map(|test| format!("    {}\n", test.name)).collect::<String>();
        self.details("failures", failed);
        if !names.is_empty() {
            self.print(&format!("\nfailures:\n{names}"));
        }
        let filtered_out = self.run.processes.first().map_or(0, |process| {
            let not_selected = process.started.selection.as_ref().map_or(0, |it| it.not_selected);
            process.started.filtered_out + not_selected
        });
        let summary = summary::render(&self.run, ended, filtered_out, &self.options, self.style);
        self.print(&format!("\n{summary}"));
    }

    fn tests_with(&self, outcome: TestOutcome) -> Vec<&TestRecord> {
        self.run.tests.iter().filter(|test| test.outcome() == Some(outcome)).collect()
    }

    fn details(&self, title: &str, tests: Vec<&TestRecord>) {
        let render = |test: &TestRecord| {
            let evidence = Evidence::gather(&self.options.run_directory, test);
            failure::render(test, self.run.process_of(test), &evidence, self.style)
        };
        self.section(title, tests.into_iter().map(render).collect());
    }

    fn section(&self, title: &str, texts: Vec<String>) {
        if !texts.is_empty() {
            let title = self.style.paint(Paint::Strong, &format!("{title}:"));
            self.print(&format!("\n{title}\n\n{}", texts.join("\n")));
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn wants_colour(color: Color, is_terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !is_dumb() && !is_set("NO_COLOR"),
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &RunEvent) {
        self.run.add(PROCESS, event);
        match event {
            RunEvent::RunStarted(started) => self.run_started(started),
            RunEvent::TestSkipped { test, .. } => self.finished(test),
            RunEvent::AttemptStarted(started) => {
                if let Some(live) = &mut self.live {
                    live.attempt_started(started);
                }
                if let (Some(slow), 1) = (&self.slow, started.attempt) {
                    slow.started(&started.test);
                }
            }
            RunEvent::AttemptProgress(progress) => {
                if let Some(live) = &mut self.live {
                    live.progress(progress);
                }
            }
            RunEvent::Measuring(measuring) => {
                if let Some(live) = &mut self.live {
                    live.measuring(measuring);
                    return;
                }
                // Where nothing can be drawn again, such as in the log of a build server.
                let Measuring { test, runs, most, failures, left_ms } = measuring;
                let left = words::time(std::time::Duration::from_millis(*left_ms));
                self.print(&format!(
                    "measuring {test}: {runs} of at most {most} runs, {failures} failed; all is \
                     done in at most {left}\n"
                ));
            }
            RunEvent::AttemptEnded(_)
            | RunEvent::BaselinesConcluded(_)
            | RunEvent::GateJudged(_)
            | RunEvent::RunJudged(_) => {}
            RunEvent::TestEnded(ended) => self.finished(&ended.test),
            RunEvent::RunEnded(ended) => self.run_ended(ended),
        }
    }

    fn wants_progress(&self) -> bool {
        self.live.is_some()
    }
}

#[cfg(test)]
pub(in crate::report) mod tests;
