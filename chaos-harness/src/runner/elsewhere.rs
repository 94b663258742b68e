//! Attempts that other processes made of the same run, under nextest's own retries.
//!
//! nextest takes a test for passed as soon as one of its attempts passes. What no retry forgives, and
//! a run in which no retry may, hold there too: so an attempt that passes is told by the journal of
//! the run, which all processes share, what became of those before it.

use std::path::Path;

use chaos_core::journal;
use chaos_core::verdict::Failure;

use super::{Policy, Runner};
use crate::config::run::FlakyResult;
use crate::run_event::{RunEvent, RunLine};

/// Why the attempt `number` at a test, which passed or else was skipped, is to fail for what became of earlier
/// ones.
pub(super) fn refusal(
    runner: &Runner,
    test: &str,
    number: u32,
    has_passed: bool,
    policy: &Policy,
) -> Option<String> {
    // The repetitions of a stress run bear the same name, and are none of each other's business.
    if runner.nextest.as_ref().is_some_and(|nextest| nextest.stress.is_some()) {
        return None;
    }
    let fails_if_flaky = runner.settings.flaky_result().value == FlakyResult::Fail;
    let failures = failures(runner.directory.path(), test, number);
    if !has_passed {
        return failures.last().map(|Failure { kind, .. }| {
            format!(
                "skipped on attempt {number} and fails all the same: before, {kind}, which is not taken \
                 back by what is missing now"
            )
        });
    }
    let passed = format!("passed on attempt {number} and fails all the same");
    match failures.iter().find(|failure| policy.is_final(failure)) {
        Some(failure) => {
            Some(format!("{passed}: before, {}, which no retry forgives", failure.kind))
        }
        None if failures.is_empty() || !fails_if_flaky => None,
        None => Some(format!("{passed} (flaky-result is `fail`)")),
    }
}

/// How the attempts before this one failed.
fn failures(run: &Path, test: &str, number: u32) -> Vec<Failure> {
    let lines = journal::read::<RunLine>(&run.join("run.jsonl"));
    let lines = lines.map(|lines| lines.records).unwrap_or_default();
    let failures = lines.into_iter().filter_map(|line| match line.event {
        RunEvent::AttemptEnded(ended) if ended.test == test && ended.attempt < number => {
            ended.verdict.failure().cloned()
        }
        _ => None,
    });
    failures.collect()
}
