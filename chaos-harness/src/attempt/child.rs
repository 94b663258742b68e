//! The process of an attempt, seen from inside.

use std::io::{self, Write};

use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use chaos_core::postgres;
use chaos_core::verdict::{Failure, FailureKind, Verdict};

use super::spec::Spec;
use super::{body, orphan};
use crate::exit_code;
use crate::registry::{self, TestCase};

/// Runs the attempt that this process was started for, and ends the process.
pub(crate) fn main(spec: &Spec) -> ! {
    let code = match attempt(spec) {
        Ok(code) => code,
        Err(error) => {
            // Where the disk is full nobody may be able to read it; to panic for that would hide the code.
            writeln!(io::stderr(), "the process of the attempt failed: {error}").ok();
            exit_code::HARNESS
        }
    };
    // Threads that the test left behind must not keep the process, nor the caller return into a
    // harness that knows nothing of attempts.
    std::process::exit(i32::from(code))
}

fn attempt(spec: &Spec) -> io::Result<u8> {
    if !orphan::is_child_of(spec.harness) {
        return Err(io::Error::other("the harness that started it is gone"));
    }
    orphan::watch(spec.harness)?;
    if spec.captured {
        forget_output()?;
    }
    let journal = Journal::create(&spec.journal)?;
    let verdict = match registry::find(&spec.test) {
        Some(case) => body::run(case, spec, &journal),
        None => unknown_test(&spec.test),
    };
    reach(&verdict, &journal)
}

/// Runs an attempt in the process of the harness.
pub(crate) fn run_in_process(case: &'static TestCase, spec: &Spec) -> io::Result<Verdict> {
    let journal = Journal::create(&spec.journal)?;
    let verdict = body::run(case, spec, &journal);
    reach(&verdict, &journal)?;
    Ok(verdict)
}

fn unknown_test(name: &str) -> Verdict {
    let message = format!("the process of the attempt knows no test `{name}`");
    Verdict::Failed(Failure::new(FailureKind::Harness, message))
}

/// Writes the verdict, without which the attempt has failed.
fn reach(verdict: &Verdict, journal: &Journal) -> io::Result<u8> {
    if verdict.failure().is_none() {
        postgres::release_databases();
    }
    // Links close their connections on a thread of their own, and tell of it when they come to it.
    journal.close(EventKind::VerdictReached { result: verdict.clone() });
    journal.finish()?;
    io::stdout().flush()?;
    Ok(if verdict.failure().is_some() { exit_code::FAILED } else { exit_code::PASSED })
}

/// Removes what libtest printed before it came to our test.
#[cfg(unix)]
fn forget_output() -> io::Result<()> {
    Ok(rustix::fs::ftruncate(io::stdout(), 0)?)
}

#[cfg(not(unix))]
fn forget_output() -> io::Result<()> {
    Ok(())
}
