//! Judges a run that is over: `--chaos-judge`.
//!
//! Under nextest each test is a process that knows of no other, so nobody judges gates and phases while it
//! runs. What all of them wrote is one journal for each test binary. This reads that of ours, holds it
//! beside `chaos.toml` as the end of an ordinary run does, and writes what it finds behind it, from where the
//! report takes it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::journal::write_line;
use chaos_core::verdict::FailureKind;

use crate::exit_code;
use crate::gate::part::{Part, Why};
use crate::gate::{self, GateJudged};
use crate::identity::Identity;
use crate::phases::Plan;
use crate::phases::progress::Progress;
use crate::quarantine::Date;
use crate::registry::Gate;
use crate::report::json::{self, ReportError};
use crate::report::record::{RunRecord, TestRecord};
use crate::run_directory;
use crate::run_event::{RunEnded, RunEvent, RunJudged, RunLine, SkipCause, TestOutcome};
use crate::selection::Selected;
use crate::settings::Settings;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Judged {
    /// What is known of it, its gates among it.
    pub(crate) run: RunRecord,
    /// What its last line would have said.
    pub(crate) ended: RunEnded,
    /// Tests that began and did not come to an end.
    pub(crate) unfinished: Vec<String>,
    /// How many tests of this binary are no part of it.
    pub(crate) left_out: u64,
    /// The report, which was made anew.
    pub(crate) report: PathBuf,
}

/// A run cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotJudge {
    #[error(
        "no test of `{binary}` is in the run {}; run some of its tests, or name another run: \
         --chaos-judge=<run>", run.display()
    )]
    NotOurs { binary: String, run: PathBuf },
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("failed to add what was judged to {}", path.display())]
    Journal { path: PathBuf, source: io::Error },
}

/// Judges the run in this directory, as far as it is of this test binary.
///
/// # Errors
///
/// When none of it is, its journal cannot be read, or what was found cannot be written.
pub(crate) fn judge(
    directory: &Path,
    root: &Path,
    settings: &Settings,
    identity: &Identity,
    plan: Plan,
    all: &[Selected],
) -> Result<Judged, CannotJudge> {
    let Some(mut run) = json::records(directory)?.into_iter().find(|run| run.is_of(identity))
    else {
        let binary = identity.target.clone();
        return Err(CannotJudge::NotOurs { binary, run: directory.to_owned() });
    };
    let unfinished = unfinished(&run, all);
    for test in &mut run.tests {
        test.is_cut_short = unfinished.contains(&test.name);
    }
    let left_out = left_out(&run, all);
    let gates = gates(&run, settings, identity, plan, all, &left_out);
    let ended = ended(&run, &gates, &unfinished, all);
    run.gates.clone_from(&gates);
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let event = RunEvent::RunJudged(RunJudged {
        unix_ms: u64::try_from(unix_ms).unwrap_or(u64::MAX),
        gates,
        unfinished: unfinished.clone(),
        exit_code: ended.exit_code,
    });
    let path = journal(directory, identity);
    append(&path, event).map_err(|source| CannotJudge::Journal { path, source })?;
    let report = json::make(directory, root)?;
    let left_out = left_out.len() as u64;
    Ok(Judged { run, ended, unfinished, left_out, report })
}

/// The journal of this test binary in a run.
fn journal(run: &Path, identity: &Identity) -> PathBuf {
    let own = run.join(run_directory::of_binary(identity));
    let directory = if own.is_dir() { own } else { run.to_owned() };
    directory.join(run_directory::JOURNAL)
}

fn append(path: &Path, event: RunEvent) -> io::Result<()> {
    let file = OpenOptions::new().append(true).open(path)?;
    write_line(&file, &RunLine { process: std::process::id(), event })
}

/// The tests that a process was to run and of which nobody heard the end: nextest ends what takes longer than
/// its `slow-timeout`, and a machine may run out of memory. nextest asks with SIGTERM first, of which the
/// process still tells. Those that are ignored and were not begun would not have run.
fn unfinished(run: &RunRecord, all: &[Selected]) -> Vec<String> {
    let has_ended = |test: &TestRecord| {
        (test.ended.is_some() && !was_interrupted(test)) || test.ignored.is_some()
    };
    let ended: BTreeSet<&str> =
        run.tests.iter().filter(|test| has_ended(test)).map(|test| &*test.name).collect();
    let is_ignored = |name: &str| {
        let is_marked = |it: &Selected| it.name == name && it.case.options.ignore.is_some();
        all.iter().any(is_marked) && !run.tests.iter().any(|test| test.name == name)
    };
    let begun = run.processes.iter().flat_map(|process| &process.started.selected);
    let left = begun.filter(|name| !ended.contains(name.as_str()) && !is_ignored(name));
    left.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// Whether its last attempt was ended from outside.
fn was_interrupted(test: &TestRecord) -> bool {
    let failure = test.last_ended().and_then(|ended| ended.failure());
    failure.is_some_and(|failure| failure.kind == FailureKind::Interrupted)
}

/// The tests of this binary that no process was to run.
fn left_out(run: &RunRecord, all: &[Selected]) -> Vec<(Option<String>, Why)> {
    let begun: BTreeSet<&str> = run
        .processes
        .iter()
        .flat_map(|process| &process.started.selected)
        .map(String::as_str)
        .collect();
    let is_left_out = |test: &&Selected| {
        test.case.options.ignore.is_none() && !begun.contains(test.name.as_str())
    };
    let domain = |test: &Selected| test.case.options.domain.map(str::to_owned);
    all.iter().filter(is_left_out).map(|test| (domain(test), Why::NotInRun)).collect()
}

fn gates(
    run: &RunRecord,
    settings: &Settings,
    identity: &Identity,
    plan: Plan,
    all: &[Selected],
    left_out: &[(Option<String>, Why)],
) -> Vec<GateJudged> {
    let (binary, today) = (&identity.target, Date::today());
    let runs = std::slice::from_ref(run);
    let part = Part::of(left_out.to_vec(), runs);
    let quarantine = &settings.quarantine;
    let mut judged = gate::judge(&settings.config, quarantine, binary, today, runs, &part);
    let phases = Progress::new(plan, run.tests.iter().map(|test| &*test.name));
    for test in &run.tests {
        if test.skip_cause == Some(SkipCause::PhaseLocked) {
            phases.locked(&test.name);
        }
        let passed = match test.outcome() {
            _ if test.is_cut_short => false,
            Some(TestOutcome::Skipped | TestOutcome::Environment) | None => continue,
            Some(TestOutcome::Failed | TestOutcome::FailedAsAllowed) => false,
            Some(_) => true,
        };
        let is_excused = quarantine.entry(binary, &test.name, today).is_some();
        phases.judged(&test.name, must_pass(&test.name, all) && !is_excused, passed);
    }
    judged.extend(phases.gates());
    judged
}

/// A test that is no more may not have failed either.
fn must_pass(test: &str, all: &[Selected]) -> bool {
    let may_fail = |it: &Selected| it.name == test && it.case.options.gate == Gate::MayFail;
    !all.iter().any(may_fail)
}

/// What the last line of the run would have said, had one process known all of it.
fn ended(
    run: &RunRecord,
    gates: &[GateJudged],
    unfinished: &[String],
    all: &[Selected],
) -> RunEnded {
    let (mut passed, mut failed, mut ignored) = (0, unfinished.len() as u64, 0);
    let mut is_overloaded = false;
    for test in &run.tests {
        match test.outcome() {
            Some(TestOutcome::Failed) => failed += 1,
            Some(TestOutcome::Environment) => {
                is_overloaded |= must_pass(&test.name, all);
                ignored += 1;
            }
            Some(TestOutcome::Skipped | TestOutcome::FailedAsAllowed) => ignored += 1,
            Some(_) => passed += 1,
            // One that was cut short is among the unfinished.
            None => ignored += u64::from(test.ignored.is_some()),
        }
    }
    let exit_code = match failed {
        1.. => exit_code::FAILED,
        0 if is_overloaded => exit_code::ENVIRONMENT,
        0 if gates.iter().any(|gate| !gate.passed) => exit_code::GATE,
        0 => exit_code::PASSED,
    };
    let duration_ns = u64::try_from(took(run).as_nanos()).unwrap_or(u64::MAX);
    RunEnded { passed, failed, ignored, duration_ns, exit_code, systemic: None }
}

/// From the start of its first process to the end of its last.
fn took(run: &RunRecord) -> Duration {
    let begun = run.processes.iter().map(|process| process.started.unix_ms);
    let ended = run.processes.iter().map(|process| {
        let took = process.ended.as_ref().map_or(0, |ended| ended.duration_ns / 1_000_000);
        process.started.unix_ms + took
    });
    let first = begun.min().unwrap_or(0);
    Duration::from_millis(ended.max().unwrap_or(0).saturating_sub(first))
}
