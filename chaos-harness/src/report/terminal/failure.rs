//! Everything that is shown of a test that failed, at the end of the run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::duration::{Display, rounded};
use chaos_core::event::Event;
use chaos_core::journal;
use chaos_core::verdict::Verdict;

use super::captured::{Tail, without_controls};
use super::operation_errors;
use super::strip;
use super::style::{Paint, Style};
use crate::report::judgement::{Judgement, judge};
use crate::report::record::{AttemptRecord, ProcessRecord, TestRecord};
use crate::report::redact::redact;
use crate::report::{reproduce, words};
use crate::run_event::{ServerReturn, TestOutcome};

/// A message is shown up to so many lines.
const MESSAGE_LINES: usize = 40;

/// So many attempts are listed one by one: as many as a test usually has, and not the hundreds of a
/// measurement.
const ATTEMPT_LINES: usize = 12;

/// What is read from files for a failed test: all that its events do not say.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The journal of the last attempt that failed.
    pub(super) events: Vec<Event>,
    pub(super) stdout: Option<(PathBuf, Tail)>,
    pub(super) stderr: Option<(PathBuf, Tail)>,
    pub(super) journal: Option<PathBuf>,
    pub(super) diagnostics: Option<PathBuf>,
}

impl Evidence {
    /// Reads what the last failed attempt left in the directory of the run. What cannot be read is
    /// not there: the failure itself is still to be shown.
    pub(super) fn gather(run_directory: &Path, test: &TestRecord) -> Self {
        let Some(attempt) = test.last_failed() else { return Self::default() };
        let tail = |path: &Option<String>| {
            let path = run_directory.join(path.as_ref()?);
            let tail = Tail::read(&path).ok()?;
            (!tail.lines.is_empty()).then_some((path, tail))
        };
        let journal = attempt.started.as_ref().map(|started| run_directory.join(&started.journal));
        let events = journal.as_deref().and_then(|path| journal::read::<Event>(path).ok());
        Self {
            events: events.map_or_else(Vec::new, |lines| lines.records),
            stdout: attempt.ended.as_ref().and_then(|ended| tail(&ended.stdout)),
            stderr: attempt.ended.as_ref().and_then(|ended| tail(&ended.stderr)),
            journal,
            diagnostics: attempt
                .ended
                .as_ref()
                .and_then(|ended| ended.diagnostics.as_ref())
                .map(|kept| run_directory.join(&kept.file)),
        }
    }
}

/// A test that did not pass, or passed only on a retry.
pub(super) fn render(
    test: &TestRecord,
    process: Option<&ProcessRecord>,
    evidence: &Evidence,
    style: Style,
) -> String {
    let mut lines = vec![style.paint(Paint::Strong, &format!("---- {} ----", test.name))];
    lines.extend(verdict(test, style));
    if let Some(shown) = test.last_failed() {
        lines.extend(reason(shown));
        lines.extend(class(shown));
        lines.push(String::new());
        lines.extend(attempts(test, style));
        if let Some(ended) = &shown.ended {
            lines.push(String::new());
            lines.extend(strip::render(&ended.summary.faults, &evidence.events, ended.duration_ns));
            lines.extend(errors(&evidence.events));
            lines.extend(returns(&ended.summary.returns));
            lines.extend(checks(shown));
            let notes = ended.summary.notes.iter().take(5);
            lines.extend(notes.map(|note| field("note", &redact(note))));
        }
    }
    lines.extend(test.category().map(|category| field("category", &category)));
    lines.extend(test.regression().map(|regression| {
        let (rates, since) = (words::regression(regression), words::since(regression));
        field("worse", &format!("[REGRESSION] {rates}; {since}"))
    }));
    lines.extend(captured("stdout", evidence.stdout.as_ref(), style));
    lines.extend(captured("stderr", evidence.stderr.as_ref(), style));
    lines.extend(before(test, evidence, style));
    if let Some(command) = process.and_then(|process| reproduce::command(test, process)) {
        lines.push(field("repeat", &style.paint(Paint::Strong, &command)));
    }
    if let Some(journal) = &evidence.journal {
        lines.push(field("journal", &journal.display().to_string()));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn field(name: &str, value: &str) -> String {
    format!("  {name:<9}{value}")
}

/// The answer of the test: one of the three things that are told apart, beside the verdicts of its
/// attempts and its category.
fn verdict(test: &TestRecord, style: Style) -> Option<String> {
    let ended = test.ended.as_ref()?;
    let kind = test.last_failed()?.failure()?.kind;
    let failed = test.attempts.iter().filter(|attempt| attempt.failure().is_some()).count();
    let of = match ended.attempts {
        1 => String::new(),
        attempts => format!(" ({failed} of {attempts} attempts failed)"),
    };
    let text = match ended.outcome {
        TestOutcome::PassedOnRetry => {
            style.paint(Paint::Doubtful, &format!("passed on a retry; before: {kind}{of}"))
        }
        TestOutcome::FailedAsAllowed => {
            style.paint(Paint::Doubtful, &format!("failed, as it may: {kind}{of}"))
        }
        _ => style.paint(Paint::Bad, &format!("FAILED: {kind}{of}")),
    };
    Some(text)
}

fn reason(attempt: &AttemptRecord) -> Vec<String> {
    let Some(failure) = attempt.failure() else { return Vec::new() };
    let message = redact(&failure.message);
    let mut lines: Vec<String> =
        message.lines().take(MESSAGE_LINES).map(|line| format!("  {line}")).collect();
    let hidden = message.lines().count().saturating_sub(MESSAGE_LINES);
    if hidden > 0 {
        lines.push(format!("  … and {}", words::counted(hidden as u64, "line")));
    }
    // The text of a failing case of a property has it where it matters.
    let place = failure.location.iter().filter(|place| !failure.message.contains(place.as_str()));
    lines.extend(place.map(|place| format!("  at {place}")));
    lines
}

/// What the failure points at, with the evidence unless it is what stands above.
fn class(attempt: &AttemptRecord) -> Option<String> {
    let triage = attempt.triage()?;
    let message = &attempt.failure()?.message;
    let is_said = message.lines().next() == Some(triage.evidence.as_str());
    let text = if is_said { triage.class.to_string() } else { triage.to_string() };
    Some(field("class", &redact(&text)))
}

/// The attempts, one in a line; of a test that was run many times only failures.
fn attempts(test: &TestRecord, style: Style) -> Vec<String> {
    let numbers = test.attempts.iter().map(|attempt| attempt.attempt.to_string().len()).max();
    let widest = test.attempts.iter().map(|attempt| attempt.seed.to_string().len()).max();
    let line = |(place, attempt): (usize, &AttemptRecord)| {
        let (verdict, paint) = match attempt.verdict() {
            None => ("no end", Paint::Doubtful),
            Some(verdict) if verdict.is_passed() => ("passed", Paint::Good),
            Some(verdict) if verdict.failure().is_some() => ("failed", Paint::Bad),
            Some(Verdict::Environment { .. }) => ("excused", Paint::Doubtful),
            Some(_) => ("skipped", Paint::Doubtful),
        };
        let mut remarks: Vec<String> = Vec::new();
        if let Some(Verdict::Environment { reason, .. }) = attempt.verdict() {
            remarks.push(words::one_line(reason));
        }
        remarks.extend(attempt.failure().map(|failure| failure.kind.to_string()));
        remarks.extend(match judge(&test.attempts, place) {
            Judgement::None => None,
            Judgement::FreshSeed if place == 0 => None,
            judgement => Some(judgement.to_string()),
        });
        format!(
            "  attempt {:<numbers$}  seed {:<width$}  {}{} {:>8}   {}",
            attempt.attempt,
            attempt.seed,
            style.paint(paint, verdict),
            " ".repeat(7 - verdict.len()),
            attempt.duration().map_or_else(String::new, words::time),
            remarks.join("; "),
            numbers = numbers.unwrap_or(0),
            width = widest.unwrap_or(0),
        )
        .trim_end()
        .to_owned()
    };
    let all = test.attempts.iter().enumerate();
    if test.attempts.len() <= ATTEMPT_LINES {
        return all.map(line).collect();
    }
    let failed: Vec<_> = all.filter(|(_, attempt)| attempt.failure().is_some()).collect();
    let shown = failed.len().min(ATTEMPT_LINES);
    let (more, others) = (failed.len() - shown, test.attempts.len() - failed.len());
    let mut lines: Vec<String> = failed.into_iter().take(shown).map(line).collect();
    lines.push(match more {
        0 => format!("  and {others} that did not fail"),
        _ => format!("  and {more} more that failed, {others} that did not"),
    });
    lines
}

fn errors(events: &[Event]) -> Vec<String> {
    let lines = operation_errors::render(events).into_iter().enumerate();
    lines.map(|(place, line)| field(if place == 0 { "errors" } else { "" }, &line)).collect()
}

/// How long a server of the test's own took to come back, each time.
fn returns(returns: &[ServerReturn]) -> Option<String> {
    let one = |it: &ServerReturn| {
        let after = Display(rounded(Duration::from_nanos(it.after_ns)));
        let how = if it.recovered { ", with a recovery" } else { "" };
        format!("{} after {after}{how}", it.target)
    };
    let all: Vec<_> = returns.iter().take(5).map(one).collect();
    let more = returns.len() - all.len();
    let more = if more > 0 { format!("; {more} more") } else { String::new() };
    (!all.is_empty()).then(|| field("returned", &format!("{}{more}", all.join("; "))))
}

fn checks(attempt: &AttemptRecord) -> Option<String> {
    let checks = &attempt.ended.as_ref()?.summary.checks;
    let failed: Vec<&str> =
        checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
    if checks.is_empty() {
        return None;
    }
    let held = format!("{} of {} held", checks.len() - failed.len(), checks.len());
    Some(match failed.as_slice() {
        [] => field("checks", &held),
        _ => field("checks", &format!("{held}; failed: {}", failed.join(", "))),
    })
}

/// The last lines of journal, traces and server logs before the failure, and where there are more.
fn before(test: &TestRecord, evidence: &Evidence, style: Style) -> Vec<String> {
    let ended = test.last_failed().and_then(|attempt| attempt.ended.as_ref());
    let (Some(kept), Some(file)) =
        (ended.and_then(|ended| ended.diagnostics.as_ref()), &evidence.diagnostics)
    else {
        return Vec::new();
    };
    let window = Display(Duration::from_millis(kept.window_ms));
    let count = words::counted(kept.lines, "line");
    let mut lines =
        vec![field("before", &format!("the last {window}, {count} in {}", file.display()))];
    let bar = style.paint(Paint::Faint, "│");
    let shown = kept.shown.iter().map(|line| without_controls(line));
    lines.extend(shown.map(|line| format!("    {bar} {}", redact(&line)).trim_end().to_owned()));
    lines
}

fn captured(name: &str, captured: Option<&(PathBuf, Tail)>, style: Style) -> Vec<String> {
    let Some((path, tail)) = captured else { return Vec::new() };
    let count = words::counted(tail.lines.len() as u64, "line");
    let which = if tail.cut { format!("the last {count} of ") } else { String::new() };
    let mut lines = vec![field(name, &format!("{which}{}", path.display()))];
    let bar = style.paint(Paint::Faint, "│");
    lines.extend(tail.lines.iter().map(|line| format!("    {bar} {line}").trim_end().to_owned()));
    lines
}

/// What a test that passed had written, if anything.
pub(super) fn output_of_passed(
    run_directory: &Path,
    test: &TestRecord,
    style: Style,
) -> Option<String> {
    let ended = test.attempts.last()?.ended.as_ref()?;
    let mut lines = Vec::new();
    for (name, path) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        let Some(path) = path.as_ref().map(|path| run_directory.join(path)) else { continue };
        let Ok(tail) = Tail::read(&path) else { continue };
        lines.extend(captured(name, Some(&(path, tail)), style));
    }
    if lines.is_empty() {
        return None;
    }
    let heading = style.paint(Paint::Strong, &format!("---- {} ----", test.name));
    Some(format!("{heading}\n{}\n", lines.join("\n")))
}
