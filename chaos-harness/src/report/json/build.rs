//! Makes a report of the journals of a run. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chaos_core::baseline::Baseline;
use chaos_core::verdict::Verdict;

use super::document::{
    About, Attempt, AttemptFailure, AttemptVerdict, Environment, FORMAT_VERSION, MeasuredBaseline,
    Operations, Process, Recovery, Report, Selection, Test, TestAnswer,
};
use super::journal::RunJournal;
use crate::report::judgement::{Judgement, judge};
use crate::report::record::{AttemptRecord, ProcessRecord, RunRecord, TestRecord};
use crate::report::{fault_kind, reproduce};
use crate::run_event::{BaselineSummary, Diagnostics, SkipCause, TestDescription, TestOutcome};

/// The report of a run, from its journals. `directory` is what their paths are relative to.
pub(super) fn build(directory: &Path, journals: &[RunJournal]) -> Report {
    let tests: Vec<Test> = journals.iter().flat_map(tests_of).collect();
    let processes: Vec<Process> =
        journals.iter().flat_map(|journal| &journal.run.processes).map(process).collect();
    let first = journals.iter().find_map(|journal| journal.run.processes.first());
    let began_unix_ms = processes.iter().map(|process| process.began_unix_ms).min().unwrap_or(0);
    let mut totals: BTreeMap<_, u64> = TestAnswer::ALL.map(|answer| (answer, 0)).into();
    let mut categories = BTreeMap::new();
    for test in &tests {
        *totals.entry(test.outcome).or_default() += 1;
        if let Some(summary) = &test.category {
            *categories.entry(summary.category).or_default() += 1;
        }
    }
    Report {
        version: FORMAT_VERSION,
        run: first.map_or_else(String::new, |process| process.started.run.clone()),
        directory: portable(directory),
        began_unix_ms,
        duration_ns: duration(&processes, began_unix_ms),
        complete: processes.iter().all(|process| process.exit_code.is_some())
            && totals.get(&TestAnswer::Unfinished) == Some(&0),
        environment: first.map(|process| Environment {
            os: process.started.os.clone(),
            arch: process.started.arch.clone(),
            cores: process.started.cores,
            ci: process.started.ci,
            machine: process.started.machine.clone(),
            configured: process.started.environment.clone(),
            profile: process.started.profile.clone(),
            commit: process.started.commit.clone(),
        }),
        // Under nextest every process leaves out the tests of all others.
        filtered_out: match processes.as_slice() {
            [process] => process.filtered_out,
            _ => 0,
        },
        selection: selection(journals, &tests),
        processes,
        totals,
        categories,
        slowest_recoveries: slowest_recoveries(&tests),
        gates: journals.iter().flat_map(|journal| journal.run.gates.clone()).collect(),
        baselines: journals.iter().flat_map(|journal| journal.run.baselines.clone()).collect(),
        systemic: journals
            .iter()
            .flat_map(|journal| &journal.run.processes)
            .find_map(|process| process.ended.as_ref()?.systemic),
        tests,
        problems: journals.iter().flat_map(|journal| journal.problems.clone()).collect(),
    }
}

/// The selection that was asked for. Under nextest the tests are selected when they are listed.
fn selection(journals: &[RunJournal], tests: &[Test]) -> Option<Selection> {
    let mut processes = journals.iter().flat_map(|journal| &journal.run.processes);
    let made = processes.find_map(|process| process.started.selection.clone())?;
    let is_late = |test: &&Test| test.skip_cause == Some(SkipCause::OutOfTime);
    Some(Selection { made, out_of_time: tests.iter().filter(is_late).count() as u64 })
}

/// From the first beginning to the last end, once all processes have ended.
fn duration(processes: &[Process], began_unix_ms: u64) -> Option<u64> {
    let end = |process: &Process| {
        let offset = (process.began_unix_ms - began_unix_ms).saturating_mul(1_000_000);
        Some(offset.saturating_add(process.duration_ns?))
    };
    let ends: Option<Vec<u64>> = processes.iter().map(end).collect();
    ends?.into_iter().max()
}

/// A path as it is written on every system.
fn portable(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/").replacen("//", "/", 1)
}

fn process(process: &ProcessRecord) -> Process {
    let ProcessRecord { started, ended } = process;
    Process {
        package: started.package.clone(),
        binary: started.binary.clone(),
        arguments: started.arguments.clone(),
        selected: started.selected.len(),
        filtered_out: started.filtered_out,
        threads: started.threads,
        began_unix_ms: started.unix_ms,
        duration_ns: ended.as_ref().map(|ended| ended.duration_ns),
        exit_code: ended.as_ref().map(|ended| ended.exit_code),
    }
}

fn tests_of(journal: &RunJournal) -> impl Iterator<Item = Test> + '_ {
    let RunJournal { directory, run, .. } = journal;
    run.tests.iter().map(move |record| test(record, run, directory))
}

fn test(record: &TestRecord, run: &RunRecord, directory: &Path) -> Test {
    let process = run.process_of(record);
    let attempts = (0..record.attempts.len()).map(|place| attempt(record, place, directory));
    Test {
        name: record.name.clone(),
        package: process.map(|process| process.started.package.clone()),
        binary: process.map(|process| process.started.binary.clone()),
        outcome: answer(record),
        reason: record.reason_for_skipping().map(str::to_owned),
        skip_cause: record.skip_cause,
        duration_ns: record.ended.as_ref().map(|ended| ended.duration_ns),
        recovery_ns: record.recovery().map(nanos),
        category: record.ended.as_ref().map(|ended| ended.category.clone()),
        trend: record.ended.as_ref().map(|ended| ended.trend.clone()),
        remarks: record.ended.as_ref().map_or_else(Vec::new, |ended| ended.remarks.clone()),
        reproduce: process.and_then(|process| reproduce::command(record, process)),
        about: record.description.as_ref().map(about),
        attempts: attempts.collect(),
    }
}

fn answer(record: &TestRecord) -> TestAnswer {
    match record.outcome() {
        Some(TestOutcome::Passed) => TestAnswer::Passed,
        Some(TestOutcome::Measured) => TestAnswer::Measured,
        Some(TestOutcome::PassedOnRetry) => TestAnswer::PassedOnRetry,
        Some(TestOutcome::Failed) => TestAnswer::Failed,
        Some(TestOutcome::FailedAsAllowed) => TestAnswer::FailedAsAllowed,
        Some(TestOutcome::Environment) => TestAnswer::Environment,
        Some(TestOutcome::Skipped) => TestAnswer::Skipped,
        None if record.ignored.is_some() => TestAnswer::Ignored,
        None => TestAnswer::Unfinished,
    }
}

fn about(description: &TestDescription) -> About {
    About {
        description: description.description.clone(),
        file: description.file.clone(),
        line: description.line,
        domain: description.domain.clone(),
        owner: description.owner.clone(),
        covers: description.covers.clone(),
        declared: description.declared,
        declared_reason: description.declared_reason.clone(),
        expected_rate: description.expected_rate,
        may_fail: description.may_fail,
        retries: description.retries,
    }
}

fn attempt(test: &TestRecord, place: usize, directory: &Path) -> Attempt {
    let record: &AttemptRecord = &test.attempts[place];
    let started = record.started.as_ref();
    let ended = record.ended.as_ref();
    let summary = ended.map(|ended| &ended.summary);
    let path = |path: &String| portable(&directory.join(path));
    let judgement = judge(&test.attempts, place);
    let (excused, environment) = match record.verdict() {
        Some(Verdict::Environment { failure, reason }) => (failure.as_ref(), Some(reason.clone())),
        _ => (None, None),
    };
    Attempt {
        attempt: record.attempt,
        seed: record.seed,
        verdict: match record.verdict() {
            Some(Verdict::Passed) => AttemptVerdict::Passed,
            Some(Verdict::Failed(_)) => AttemptVerdict::Failed,
            Some(Verdict::Environment { .. }) => AttemptVerdict::Environment,
            Some(_) => AttemptVerdict::Skipped,
            None => AttemptVerdict::MissingEnd,
        },
        failure: record.failure().or(excused).map(|failure| AttemptFailure {
            kind: failure.kind,
            message: failure.message.clone(),
            location: failure.location.clone(),
            sqlstate: failure.sqlstate.clone(),
            cause: failure.cause,
            at_ns: failure.at_ns,
            replay: failure.replay.clone(),
        }),
        triage: record.triage(),
        judgement: (judgement != Judgement::None).then_some(judgement),
        began_unix_ms: started.map(|started| started.unix_ms),
        timeout_ms: started.map(|started| started.timeout_ms),
        waited_ms: started.map(|started| started.waited_ms).filter(|waited| *waited > 0),
        duration_ns: ended.map(|ended| ended.duration_ns),
        recovery_ns: record.recovery().map(nanos),
        operations: summary.map(|summary| Operations {
            ok: summary.ok,
            failed: summary.failed,
            unknown: summary.unknown,
        }),
        faults: summary.map_or_else(Vec::new, |summary| summary.faults.clone()),
        checks: summary.map_or_else(Vec::new, |summary| summary.checks.clone()),
        assertions: summary.map_or_else(Vec::new, |summary| summary.assertions.clone()),
        notes: summary.map_or_else(Vec::new, |summary| summary.notes.clone()),
        returns: summary.map_or_else(Vec::new, |summary| summary.returns.clone()),
        phases: summary.map_or_else(Vec::new, |summary| summary.phases.clone()),
        bounds: summary.map_or_else(Vec::new, |summary| summary.bounds.clone()),
        alerts: summary.map_or_else(Vec::new, |summary| summary.alerts.clone()),
        baselines: summary
            .map_or_else(Vec::new, |summary| summary.baselines.iter().map(baseline).collect()),
        signals: summary.map_or_else(Vec::new, |summary| summary.signals.clone()),
        metrics: summary.and_then(|summary| summary.metrics.clone()),
        tried_properties: summary.map_or_else(Vec::new, |summary| summary.tried_properties.clone()),
        explorations: summary.map_or_else(Vec::new, |summary| summary.explorations.clone()),
        journal: started.map(|started| path(&started.journal)),
        stdout: ended.and_then(|ended| ended.stdout.as_ref()).map(path),
        stderr: ended.and_then(|ended| ended.stderr.as_ref()).map(path),
        diagnostics: ended
            .and_then(|ended| ended.diagnostics.clone())
            .map(|kept| Diagnostics { file: path(&kept.file), ..kept }),
        environment,
        resources: ended.and_then(|ended| ended.resources.clone()),
    }
}

fn baseline(summary: &BaselineSummary) -> MeasuredBaseline {
    let BaselineSummary { name, samples_ns } = summary;
    let durations = samples_ns.iter().copied().map(Duration::from_nanos).collect();
    let baseline = Baseline::of(name, durations).ok();
    MeasuredBaseline {
        name: name.clone(),
        figures: baseline.map(|baseline| baseline.summary().into()),
        samples_ns: samples_ns.clone(),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The longest recovery of each kind of fault, the longest first.
fn slowest_recoveries(tests: &[Test]) -> Vec<Recovery> {
    let mut slowest: BTreeMap<&str, Recovery> = BTreeMap::new();
    for test in tests {
        for attempt in &test.attempts {
            for fault in &attempt.faults {
                let Some(recovery_ns) = fault.recovery_ns else { continue };
                let kind = fault_kind(&fault.label);
                if slowest.get(kind).is_some_and(|longest| longest.recovery_ns >= recovery_ns) {
                    continue;
                }
                let recovery = Recovery {
                    kind: kind.to_owned(),
                    label: fault.label.clone(),
                    target: fault.target.clone(),
                    test: test.name.clone(),
                    attempt: attempt.attempt,
                    recovery_ns,
                };
                slowest.insert(kind, recovery);
            }
        }
    }
    let mut slowest: Vec<Recovery> = slowest.into_values().collect();
    slowest.sort_by_key(|recovery| std::cmp::Reverse(recovery.recovery_ns));
    slowest
}
