//! What happened around a failure: the last seconds of the journal, of what the code under test traced,
//! and of the servers' logs, in one file.
//!
//! The three are written as they happen, by whoever knows them: the journal and the
//! traces (`chaos_core::trace`) by the process of the attempt, the log by the server. When the attempt has
//! ended, however it ended, the harness puts what lies in the window in order ([`excerpt`]), and
//! removes the traces and the logs. Of an attempt that did not fail nothing stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::event::{Event, EventKind};
use chaos_core::verdict::{Failure, Verdict};

use self::excerpt::Excerpt;
use crate::attempt::spec::Spec;
use crate::run_event::Diagnostics;

mod excerpt;
mod journal_lines;
mod server_log;
#[cfg(feature = "tracing")]
mod traces;
#[cfg(not(feature = "tracing"))]
#[path = "diagnostics/no_traces.rs"]
mod traces;

pub(crate) use self::traces::begin as begin_traces;

/// What was kept of an attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) file: PathBuf,
    /// How long before the failure it begins.
    pub(crate) window: Duration,
    /// How many lines the file has.
    pub(crate) lines: u64,
    /// The most telling of them.
    pub(crate) shown: Vec<String>,
}

impl Kept {
    /// The same for the journal of the run; `relative` makes a path one from its directory.
    pub(crate) fn told(self, relative: impl Fn(&Path) -> String) -> Diagnostics {
        Diagnostics {
            file: relative(&self.file),
            window_ms: u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX),
            lines: self.lines,
            shown: self.shown,
        }
    }
}

/// Keeps what happened around the failure of an attempt that has ended, if it failed, and removes
/// what was written for that. `keeps_logs` leaves the logs of servers whose databases are kept.
pub(crate) fn conclude(
    spec: &Spec,
    verdict: &Verdict,
    events: &[Event],
    keeps_logs: bool,
) -> Option<Kept> {
    let kept = failure_of(verdict)
        .filter(|_| !spec.diagnostics.is_zero())
        .and_then(|failure| keep(spec, failure, events));
    traces::remove(&spec.journal);
    if !keeps_logs || kept.is_none() {
        // The log of a server that others use is not ours to remove.
        for log in logs(events).filter(|log| is_beside(log, &spec.journal)) {
            // What cannot be removed goes with the directory of the run.
            let _removed = fs::remove_file(log);
        }
    }
    kept
}

/// Also of an attempt that the machine could not carry.
fn failure_of(verdict: &Verdict) -> Option<&Failure> {
    match verdict {
        Verdict::Environment { failure, .. } => failure.as_ref(),
        other => other.failure(),
    }
}

fn keep(spec: &Spec, failure: &Failure, events: &[Event]) -> Option<Kept> {
    let failed = moment_of_failure(events, spec.timeout);
    let from = failed.saturating_sub(spec.diagnostics);
    let mut lines = journal_lines::of(events);
    lines.extend(traces::lines(&spec.journal));
    lines.extend(server_log::lines(events, from));
    let excerpt = Excerpt::of(lines, from, failed);
    let file = spec.journal.with_extension("diagnostics.txt");
    let succeeded = journal_lines::succeeded(events, from);
    let text = excerpt.text(&heading(spec, failure, failed, succeeded));
    match fs::write(&file, text) {
        Ok(()) => Some(Kept {
            file,
            window: spec.diagnostics,
            lines: excerpt.len(),
            shown: excerpt.shown(),
        }),
        Err(error) => {
            eprintln!("failed to keep what happened around a failure: {error}");
            None
        }
    }
}

fn heading(spec: &Spec, failure: &Failure, failed: Duration, succeeded: u64) -> Vec<String> {
    let window = chaos_core::duration::Display(spec.diagnostics);
    let reason = failure.message.lines().next().unwrap_or_default();
    vec![
        format!(
            "attempt {} of `{}` failed {:.6} s after it began: {}: {reason}",
            spec.attempt,
            spec.test,
            failed.as_secs_f64(),
            failure.kind
        ),
        format!(
            "the {window} before that, or ten lines where there was less, and what followed; \
             operations that succeeded are left out: {succeeded}"
        ),
    ]
}

/// When the test failed: when its function ended, or when its process did that was to end it.
fn moment_of_failure(events: &[Event], timeout: Option<Duration>) -> Duration {
    let ended = events.iter().rev().find(|event| event.what == EventKind::TestEnded);
    let killed = || {
        let now = since_began(events, SystemTime::now()).unwrap_or_default();
        // One that hangs is killed a while after its deadline.
        timeout.map_or(now, |timeout| now.min(timeout))
    };
    ended.map_or_else(killed, Event::time)
}

/// A moment of the clock on the wall as a time since the attempt began; nothing before that.
fn since_began(events: &[Event], moment: SystemTime) -> Option<Duration> {
    let began = events.iter().find_map(|event| match event.what {
        EventKind::AttemptStarted { unix_ms, .. } => {
            Some(Duration::from_millis(unix_ms).saturating_sub(event.time()))
        }
        _ => None,
    })?;
    moment.duration_since(UNIX_EPOCH).ok()?.checked_sub(began)
}

/// The logs of the servers that the attempt used.
fn logs(events: &[Event]) -> impl Iterator<Item = &Path> {
    events.iter().filter_map(|event| match &event.what {
        EventKind::DatabaseOpened { log: Some(log), .. } => Some(Path::new(log)),
        _ => None,
    })
}

/// Whether it lies beside the journal, and is the attempt's own by its name.
fn is_beside(log: &Path, journal: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let attempt = journal.file_stem().map(|stem| format!("{}.", stem.to_string_lossy()));
    let is_named = name(log).zip(attempt).is_some_and(|(log, attempt)| log.starts_with(&attempt));
    let directory = journal.parent().and_then(|it| std::path::absolute(it).ok());
    is_named && log.parent().map(Path::to_owned) == directory
}

#[cfg(test)]
mod tests;
