//! The line of a finished test, as libtest writes it, and the figures of a chaos test after it.

use std::time::Duration;

use super::style::{Paint, Style};
use crate::report::record::TestRecord;
use crate::report::words;
use crate::run_event::TestOutcome;

/// Names that are longer push the columns of their own line only.
const WIDEST_NAME: usize = 60;

/// The width of a verdict and a duration together, so that durations end in one column.
const VERDICT_AND_DURATION: usize = 15;

/// What all lines of a run share, so that they align.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Columns {
    name: usize,
}

impl Columns {
    /// Columns for tests with these names.
    pub(super) fn of(names: &[String]) -> Self {
        let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        Self { name: widest.min(WIDEST_NAME) }
    }

    pub(super) const fn name(self) -> usize {
        self.name
    }
}

/// The line of a test that is finished or was never started, with its end.
///
/// It begins with `test <name> ... ok`, `FAILED` or `ignored`, with `, <reason>` where nothing ran, whatever the width of the
/// columns, because tools look for that.
pub(super) fn render(test: &TestRecord, columns: Columns, style: Style) -> String {
    let (verdict, paint, remark) = match test.outcome() {
        Some(TestOutcome::Passed) => ("ok", Paint::Good, None),
        Some(TestOutcome::Measured) => {
            ("ok", Paint::Good, Some(words::counted(test.attempts.len() as u64, "run")))
        }
        Some(TestOutcome::PassedOnRetry) => ("ok", Paint::Good, Some(on_retry(test))),
        Some(TestOutcome::Failed) => ("FAILED", Paint::Bad, Some(why(test))),
        Some(TestOutcome::FailedAsAllowed) => {
            ("ignored", Paint::Doubtful, Some(format!("failed as it may: {}", why(test))))
        }
        Some(TestOutcome::Environment) => {
            let reason = test.reason_for_environment().unwrap_or_default();
            let verdict = format!("ignored, environment: {}", words::one_line(reason));
            let name = &test.name;
            let painted = style.paint(Paint::Doubtful, &verdict);
            return format!("test {name:<width$} ... {painted}\n", width = columns.name);
        }
        Some(TestOutcome::Skipped) | None => {
            let verdict = match test.reason_for_skipping() {
                Some(reason) if !reason.is_empty() => {
                    format!("ignored, {}", words::one_line(reason))
                }
                _ => "ignored".to_owned(),
            };
            let name = &test.name;
            let painted = style.paint(Paint::Doubtful, &verdict);
            return format!("test {name:<width$} ... {painted}\n", width = columns.name);
        }
    };
    line(test, verdict, paint, remark, columns, style)
}

fn line(
    test: &TestRecord,
    verdict: &str,
    paint: Paint,
    remark: Option<String>,
    columns: Columns,
    style: Style,
) -> String {
    let [duration, recovery, category] = figures(test);
    let line = format!(
        "test {:<width$} ... {}{duration:>rest$}  {recovery:<16}  {category}  {}",
        test.name,
        style.paint(paint, verdict),
        style.paint(Paint::Doubtful, &remark.unwrap_or_default()),
        width = columns.name,
        rest = VERDICT_AND_DURATION - verdict.len(),
    );
    format!("{}\n", line.trim_end())
}

/// How long it took, how long the system took to recover, and what its history says.
fn figures(test: &TestRecord) -> [String; 3] {
    let ended = test.ended.as_ref();
    let duration = ended.map(|ended| words::time(Duration::from_nanos(ended.duration_ns)));
    let recovery = test.recovery().map(|time| format!("recovered {}", words::time(time)));
    [duration, recovery, test.label()].map(Option::unwrap_or_default)
}

fn on_retry(test: &TestRecord) -> String {
    let attempts = test.ended.as_ref().map_or(0, |ended| ended.attempts);
    let of =
        test.attempts.iter().filter_map(|attempt| attempt.started.as_ref()).map(|a| a.of).max();
    match of {
        Some(of) => format!("on attempt {attempts} of {of}"),
        None => format!("on attempt {attempts}"),
    }
}

fn why(test: &TestRecord) -> String {
    let kind = test.last_failed().and_then(|attempt| attempt.failure()).map(|failure| failure.kind);
    let kind = kind.map_or_else(String::new, |kind| kind.to_string());
    match test.attempts.len() {
        0 | 1 => kind,
        attempts => format!("{kind}, {attempts} attempts"),
    }
}
