//! The process of an attempt, seen from outside.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chaos_core::event::Event;
use chaos_core::journal;
use chaos_core::postgres::{self, KeptDatabase};
use chaos_core::reexec;
use chaos_core::verdict::{Failure, FailureKind, Verdict};

use super::echo::Echo;
use super::exit::Ended;
use super::output::{self, Capture, Files};
use super::process::Process;
use super::spec::{self, Spec};
use super::tail::Tail;
use crate::activity::Activity;
use crate::diagnostics::{self, Kept};
use crate::interrupt::Interrupt;
use crate::run_event::{AttemptSummary, Resources};
use crate::summary;
use crate::watch::{self, Bounds, Watch};

/// How long after its deadline an attempt may take to stop by itself.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How often a running attempt is looked at, for those who watch.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The end of the output in which the report of a stack overflow is looked for, in bytes.
const OUTPUT_END: usize = 64 * 1024;

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) verdict: Verdict,
    pub(crate) duration: Duration,
    pub(crate) summary: AttemptSummary,
    pub(crate) stdout: Option<PathBuf>,
    pub(crate) stderr: Option<PathBuf>,
    pub(crate) resources: Option<Resources>,
    /// What happened around its failure, if it failed.
    pub(crate) diagnostics: Option<Kept>,
}

impl Attempted {
    /// What an attempt in the process of the harness came to.
    pub(crate) fn in_process(
        spec: &Spec,
        verdict: Verdict,
        duration: Duration,
        keep: bool,
    ) -> Self {
        let events = journal::read::<Event>(&spec.journal).map(|lines| lines.records);
        let events = events.unwrap_or_default();
        let summary = summary::of(&events);
        let diagnostics = diagnostics::conclude(spec, &verdict, &events, keep);
        let (stdout, stderr, resources) = (None, None, None);
        Self { verdict, duration, summary, stdout, stderr, resources, diagnostics }
    }
}

/// What an attempt needs beside its specification.
pub(crate) struct Surroundings<'a> {
    pub(crate) capture: Capture,
    pub(crate) interrupt: &'a Interrupt,
    /// Whether the databases of attempts that failed are kept.
    pub(crate) keep: bool,
    /// Whether the command line of the test binary is ours, and not libtest's.
    pub(crate) own_command_line: bool,
    /// From when on the machine is to blame for a failure, if it ever is.
    pub(crate) bounds: Option<Bounds>,
    /// Told what the attempt does, if anybody wants to know.
    pub(crate) progress: Option<&'a dyn Fn(&Activity)>,
}

/// Runs an attempt in a process of its own, and waits for its end.
pub(crate) fn run(spec: &Spec, surroundings: &Surroundings<'_>) -> Attempted {
    let began = Instant::now();
    let files = Files::beside(&spec.journal);
    let ended = supervise(spec, surroundings, &files);
    let (stdout, stderr) = match surroundings.capture {
        Capture::Files => files.sift(),
        Capture::Inherited | Capture::InheritedOnStderr => (None, None),
    };
    let (verdict, events, resources) = ended.unwrap_or_else(|error| {
        let message = format!("failed to run the attempt in a process of its own: {error}");
        (Verdict::Failed(Failure::new(FailureKind::Harness, message)), Vec::new(), None)
    });
    let duration = began.elapsed();
    let summary = summary::of(&events);
    let diagnostics = diagnostics::conclude(spec, &verdict, &events, surroundings.keep);
    Attempted { verdict, duration, summary, stdout, stderr, resources, diagnostics }
}

fn supervise(
    spec: &Spec,
    surroundings: &Surroundings<'_>,
    files: &Files,
) -> io::Result<(Verdict, Vec<Event>, Option<Resources>)> {
    let mut process = start(spec, surroundings, files)?;
    let group = process.group();
    let echo = match process.take_stderr().map(|pipe| Echo::start(pipe, OUTPUT_END)).transpose() {
        Ok(echo) => echo,
        Err(error) => {
            group.kill();
            process.finish()?;
            return Err(error);
        }
    };
    surroundings.interrupt.watch(group);
    let watch = Watch::over(group.leader());
    let waited = wait(&mut process, spec, surroundings);
    surroundings.interrupt.unwatch(group);
    let mut resources = watch.finish();
    let killed_after = waited.inspect_err(|_| group.kill())?;
    let (status, survivors) = process.finish()?;

    let events = journal::read::<Event>(&spec.journal)?.records;
    let stderr = match echo {
        Some(echo) => Some(echo.finish()),
        None => spec.captured.then(|| output::end_of(&files.stderr, OUTPUT_END as u64)),
    };
    let ended = Ended {
        status,
        survivors: &survivors,
        events: &events,
        stderr: stderr.as_deref(),
        killed_after,
        interrupted: surroundings.interrupt.get(),
    };
    if let (Some(seen), Some(bounds)) = (&mut resources, &surroundings.bounds) {
        seen.beyond = bounds.exceeded(seen);
    }
    let beyond = resources.as_ref().map_or(&[][..], |seen| &seen.beyond);
    let verdict = match ended.verdict() {
        // A verdict that could not be written looks like none.
        Verdict::Failed(failure) if failure.kind == FailureKind::Exit => {
            unwritable(&spec.journal).unwrap_or(Verdict::Failed(failure))
        }
        verdict => verdict,
    };
    let verdict = watch::judge(verdict, &events, beyond);
    if surroundings.keep && verdict.failure().is_some() {
        // Also a process that was killed in the midst of the test has left them.
        match postgres::databases_left_by(group.leader()) {
            Ok(kept) => tell(&kept),
            Err(error) => eprintln!("cannot find what CHAOS_KEEP kept: {error}"),
        }
    }
    Ok((verdict, events, resources))
}

/// What an attempt without a verdict came to if nothing can be written where its journal is.
fn unwritable(journal: &Path) -> Option<Verdict> {
    let probe = journal.with_extension("probe");
    let written = File::create(&probe).and_then(|mut file| file.write_all(&[b'\n'; 4096]));
    fs::remove_file(&probe).ok();
    let error = written.err()?;
    let message = format!("failed to write the journal of the attempt: {error}");
    Some(Verdict::Failed(Failure::new(FailureKind::Harness, message)))
}

/// Says where the databases of a failed attempt are.
pub(crate) fn tell(kept: &[KeptDatabase]) {
    for database in kept {
        eprintln!("{database}");
    }
}

fn start(spec: &Spec, surroundings: &Surroundings<'_>, files: &Files) -> io::Result<Process> {
    // It is read while the attempt runs, and also if the attempt never comes to write it.
    File::create_new(&spec.journal)?;
    let mut command = reexec::command()?;
    if surroundings.own_command_line {
        command.arg(spec::ARGUMENT).arg(&spec.test);
    }
    command.env(spec::VARIABLE, spec.to_variable()?);
    // A process group of its own has no right to read from the terminal, and would be stopped.
    command.stdin(Stdio::null());
    match surroundings.capture {
        Capture::Files => {
            let (stdout, stderr) = files.create()?;
            command.stdout(stdout).stderr(stderr);
        }
        Capture::Inherited => {}
        Capture::InheritedOnStderr => {
            command.stdout(io::stderr());
        }
    }
    // A terminal is left to the attempt, which may want to colour what it writes.
    if surroundings.capture != Capture::Files && !io::stderr().is_terminal() {
        command.stderr(Stdio::piped());
    }
    Process::spawn(&mut command)
}

/// Waits for the exit of the process, and returns the deadline if it had to be killed for it.
fn wait(
    process: &mut Process,
    spec: &Spec,
    surroundings: &Surroundings<'_>,
) -> io::Result<Option<Duration>> {
    let last_moment = spec.timeout.map(|timeout| Instant::now() + timeout + GRACE);
    let mut watched = match surroundings.progress {
        Some(progress) => Some((Tail::open(&spec.journal)?, progress)),
        None => None,
    };
    loop {
        let left = last_moment.map(|moment| moment.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            kill(process)?;
            return Ok(spec.timeout);
        }
        let pause = if watched.is_some() { PROGRESS_INTERVAL } else { Duration::from_secs(3600) };
        if process.wait(left.map_or(pause, |left| left.min(pause)))? {
            return Ok(None);
        }
        if let Some((tail, progress)) = &mut watched {
            if let Some(activity) = tail.news()? {
                progress(activity);
            }
        }
    }
}

fn kill(process: &mut Process) -> io::Result<()> {
    process.group().kill();
    // A killed process goes at once, unless the kernel holds it, and then nothing can be done.
    if process.wait(Duration::from_secs(30))? {
        Ok(())
    } else {
        Err(io::Error::other("the process hangs in the kernel and cannot be killed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_for_which_there_was_no_room_is_no_failure_of_the_test() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("attempt-1.jsonl");
        assert_eq!(unwritable(&journal), None);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "the probe is gone");
        drop(directory);
        let verdict = unwritable(&journal).unwrap();
        let failure = verdict.failure().unwrap();
        assert_eq!(failure.kind, FailureKind::Harness);
        assert!(failure.message.starts_with("failed to write the journal of the attempt: "));
    }
}
