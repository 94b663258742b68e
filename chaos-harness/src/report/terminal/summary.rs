//! The last lines of a run: counts, categories, recovery times, and where the report lies.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::stats::Category;

use super::TerminalOptions;
use super::style::{Paint, Style};
use crate::baselines::Conclusion;
use crate::gate::GateJudged;
use crate::report::record::{RunRecord, TestRecord};
use crate::report::{fault_kind, words};
use crate::run_event::{
    AttemptSummary, PropertySummary, RunEnded, SkipCause, SystemicFailure, TestOutcome,
};

/// The summary, and libtest's own last line.
pub(super) fn render(
    run: &RunRecord,
    ended: &RunEnded,
    filtered_out: u64,
    options: &TerminalOptions,
    style: Style,
) -> String {
    let mut lines = Vec::new();
    if !run.tests.is_empty() {
        lines.push(field("tests", &outcomes(run)));
        lines.extend(list("selection", selection(run)));
        lines.extend(categories(run).map(|text| field("categories", &text)));
        lines.extend(list("worse", regressions(run)));
        lines.extend(list("recovery", slowest_recoveries(run)));
        lines.extend(list("environment", environment(run)));
        lines.extend(list("skipped", skipped(run)));
        lines.extend(list("remarks", remarks(run)));
        if let Some(SystemicFailure { failed, of }) = ended.systemic {
            let text = "failed at once: the run is suspected, and is no evidence for categories";
            lines.push(field("suspect", &format!("{failed} of {of} stable tests {text}")));
        }
        let baselines = run.baselines.iter().flat_map(Conclusion::lines);
        lines.extend(list("baselines", baselines.collect()));
        lines.extend(list("gates", gates(run, style)));
        let only = options.explores_only.as_deref();
        lines.extend(only.map(|only| field("explored", &explored(run, only))));
        let case = options.replays_case.as_deref();
        lines.extend(case.map(|case| field("replayed", &replayed(run, case))));
        if let Some(report) = &options.report {
            lines.push(field("report", report));
        }
    }
    let (word, paint) = if ended.failed == 0 && ended.exit_code == 0 {
        ("ok", Paint::Good)
    } else {
        ("FAILED", Paint::Bad)
    };
    lines.push(format!(
        "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; {filtered_out} filtered out; finished in {:.2}s\n\n",
        style.paint(paint, word),
        ended.passed,
        ended.failed,
        ended.ignored,
        Duration::from_nanos(ended.duration_ns).as_secs_f64(),
    ));
    lines.join("\n")
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<12}{value}")
}

fn list(name: &str, values: Vec<String>) -> Vec<String> {
    let name_of = |place| if place == 0 { name } else { "" };
    values.iter().enumerate().map(|(place, value)| field(name_of(place), value)).collect()
}

fn outcomes(run: &RunRecord) -> String {
    let count = |outcome| run.tests.iter().filter(|test| test.outcome() == Some(outcome)).count();
    let on_retry = count(TestOutcome::PassedOnRetry);
    let passed = count(TestOutcome::Passed) + count(TestOutcome::Measured) + on_retry;
    let unfinished = |test: &&TestRecord| test.ended.is_none() && test.ignored.is_none();
    let passed = match on_retry {
        0 => format!("{passed} passed"),
        _ => format!("{passed} passed ({on_retry} of them on a retry)"),
    };
    let allowed = count(TestOutcome::FailedAsAllowed);
    let not_run = skipped_by(run, None) + skipped_by(run, Some(SkipCause::Stopped));
    let others = [
        (count(TestOutcome::Failed), "failed"),
        (allowed, if allowed == 1 { "failed as it may" } else { "failed as they may" }),
        (count(TestOutcome::Environment), "not judged (environment)"),
        (count(TestOutcome::Skipped), "skipped"),
        (skipped_by(run, Some(SkipCause::PhaseLocked)), "of a locked phase"),
        (skipped_by(run, Some(SkipCause::OutOfTime)), "out of time"),
        (not_run, "not run"),
        (run.tests.iter().filter(unfinished).count(), "not finished"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    std::iter::once(passed)
        .chain(others.map(|(count, what)| format!("{count} {what}")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many tests were not run for this kind of reason; without one, for a reason of their own.
fn skipped_by(run: &RunRecord, cause: Option<SkipCause>) -> usize {
    let is_so = |test: &&TestRecord| test.ignored.is_some() && test.skip_cause == cause;
    run.tests.iter().filter(is_so).count()
}

/// The selection that was asked for, and what there was no time for.
fn selection(run: &RunRecord) -> Vec<String> {
    let Some(process) = run.processes.first() else { return Vec::new() };
    let Some(selection) = &process.started.selection else { return Vec::new() };
    let mut lines = vec![words::selection(selection, process.started.threads)];
    let late = skipped_by(run, Some(SkipCause::OutOfTime)) as u64;
    if late > 0 {
        let tests = words::counted(late, "test");
        lines.push(format!("{tests} not begun, because the time was over"));
    }
    lines
}

fn categories(run: &RunRecord) -> Option<String> {
    let mut counts: BTreeMap<Category, u64> = BTreeMap::new();
    for ended in run.tests.iter().filter_map(|test| test.ended.as_ref()) {
        *counts.entry(ended.category.category).or_default() += 1;
    }
    let undetermined = counts.remove(&Category::Undetermined);
    let mut parts: Vec<String> =
        counts.iter().map(|(category, count)| format!("{count} {category}")).collect();
    parts.extend(undetermined.map(|count| format!("{count} undetermined (not enough evidence)")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The tests that have become worse.
fn regressions(run: &RunRecord) -> Vec<String> {
    let text = |test: &TestRecord| {
        let regression = test.regression()?;
        let (rates, since) = (words::regression(regression), words::since(regression));
        Some(format!("[REGRESSION] {}: {rates}; {since}", test.name))
    };
    run.tests.iter().filter_map(text).collect()
}

/// What is to be said about answers and histories.
fn remarks(run: &RunRecord) -> Vec<String> {
    let ended = |test: &TestRecord| {
        let remarks = test.ended.as_ref().map(|ended| ended.remarks.clone());
        let name = test.name.clone();
        remarks.into_iter().flatten().map(move |remark| format!("{name}: {remark}"))
    };
    run.tests.iter().flat_map(ended).collect()
}

/// Which tests are concerned by what only explorations obey.
fn explored(run: &RunRecord, only: &str) -> String {
    concerned(run, only, "none explores", |summary| !summary.explorations.is_empty())
}

/// Which tests have the case that is to be tried alone.
fn replayed(run: &RunRecord, case: &str) -> String {
    let is_alone = |property: &PropertySummary| property.wanted == 0;
    concerned(run, case, "the case is of another test", |summary| {
        summary.tried_properties.iter().any(is_alone)
    })
}

/// Which tests are concerned by what others do not obey.
fn concerned(
    run: &RunRecord,
    only: &str,
    otherwise: &str,
    is_concerned: impl Fn(&AttemptSummary) -> bool,
) -> String {
    const NAMED: usize = 5;
    let concerned = |test: &&TestRecord| {
        let mut ended = test.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        ended.any(|ended| is_concerned(&ended.summary))
    };
    let concerned: Vec<_> = run.tests.iter().filter(concerned).collect();
    let of = words::counted(run.tests.len() as u64, "test");
    if concerned.is_empty() {
        return format!("{only} concerns none of {of}, which ran as usual: {otherwise}");
    }
    let count = concerned.len();
    let names: Vec<String> = concerned.into_iter().map(|test| test.name.clone()).collect();
    let names = words::first_of(&names, NAMED);
    if count == run.tests.len() {
        return format!("{only} concerns all that ran: {names}");
    }
    format!(
        "{only} concerns {count} of {of}, the others ran as usual: {names}; name these to run them alone"
    )
}

/// The longest recovery of each kind of fault, the longest first.
fn slowest_recoveries(run: &RunRecord) -> Vec<String> {
    let mut slowest: BTreeMap<&str, (u64, &str, &str)> = BTreeMap::new();
    for test in &run.tests {
        for ended in test.attempts.iter().filter_map(|attempt| attempt.ended.as_ref()) {
            for fault in &ended.summary.faults {
                let Some(recovery) = fault.recovery_ns else { continue };
                let longest = slowest.entry(fault_kind(&fault.label)).or_default();
                if recovery >= longest.0 {
                    *longest = (recovery, &fault.label, &test.name);
                }
            }
        }
    }
    let mut slowest: Vec<_> = slowest.into_values().collect();
    slowest.sort_by(|a, b| b.cmp(a));
    let text = |(recovery, label, test): (u64, &str, &str)| {
        format!("{:<8}{label} ({test})", words::time(Duration::from_nanos(recovery)))
    };
    slowest.into_iter().map(text).collect()
}

/// The gates, those that are not passed first.
fn gates(run: &RunRecord, style: Style) -> Vec<String> {
    let mut gates: Vec<_> = run.gates.iter().collect();
    gates.sort_by_key(|gate| gate.passed);
    let text = |gate: &&GateJudged| {
        let (word, paint) = match (gate.not_judged, gate.passed) {
            (true, _) => ("not judged", Paint::Doubtful),
            (false, true) => ("passed", Paint::Good),
            (false, false) => ("FAILED", Paint::Bad),
        };
        let phase = gate.phase.as_ref().map(|it| format!(" `{it}`"));
        let of = phase.or_else(|| gate.domain.as_ref().map(|it| format!(" of `{it}`")));
        let of = of.unwrap_or_default();
        let GateJudged { gate, message, place, .. } = gate;
        format!("{} {gate}{of}: {message} ({place})", style.paint(paint, word))
    };
    gates.iter().map(text).collect()
}

/// The tests that the machine could not carry at some attempt, and what was wrong with it.
fn environment(run: &RunRecord) -> Vec<String> {
    let reason = |test: &TestRecord| {
        let reason = test.reason_for_environment()?;
        let count = test.attempts.iter().filter(|attempt| attempt.is_environment()).count();
        let (name, reason) = (&test.name, words::one_line(reason));
        Some(format!("{name}: {} not judged, {reason}", words::counted(count as u64, "attempt")))
    };
    run.tests.iter().filter_map(reason).collect()
}

/// The tests that did not run for a reason, and the reason.
fn skipped(run: &RunRecord) -> Vec<String> {
    let reason = |test: &TestRecord| {
        // Of these there may be hundreds, and the lines of the selection and of the gates say the same.
        if matches!(test.skip_cause, Some(SkipCause::PhaseLocked | SkipCause::OutOfTime)) {
            return None;
        }
        let reason = test.reason_for_skipping().filter(|reason| !reason.is_empty())?;
        Some(format!("{}: {}", test.name, words::one_line(reason)))
    };
    run.tests.iter().filter_map(reason).collect()
}
