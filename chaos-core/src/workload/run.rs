//! Running a workload, and what came of it.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Worker, Workload};
use crate::Chaos;
use crate::check::Checker;
use crate::client::Client;
use crate::error::{TestError, TestResult};
use crate::event::EventKind;
use crate::history::{History, Recorder};
use crate::load::Load;
use crate::run::{Run, RunError};
use crate::schedule::Schedule;

/// How long to wait before the final state is read again.
const PAUSE: Duration = Duration::from_millis(20);

/// What came of a workload.
#[must_use = "a workload proves nothing until it is judged: `.judge()?`"]
pub struct Worked {
    cx: Chaos,
    run: Run,
    history: History,
    checker: Box<dyn Checker>,
    file: Option<PathBuf>,
}

impl Worked {
    /// Judges what the clients did and saw by what the workload promises.
    ///
    /// # Errors
    ///
    /// When it does not hold, when nobody can say, and when nothing put it to the test.
    #[track_caller]
    pub fn judge(&self) -> TestResult {
        self.cx.judge(&self.checker, &self.history).map(drop)
    }

    /// Which operations succeeded and failed when, and how the service recovered from each fault.
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// What the clients did and saw, for another checker.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// What [`judge`](Self::judge) judges by.
    #[must_use]
    pub fn checker(&self) -> &dyn Checker {
        &*self.checker
    }

    /// The file that the history was written to: beside the journal of the attempt, unless that is
    /// kept in memory.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl fmt::Debug for Worked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worked")
            .field("run", &self.run)
            .field("history", &self.history)
            .field("checker", &self.checker.name())
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// Why a workload was not carried through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// What the history has to begin with could not be done.
    #[error("the workload `{workload}` could not begin")]
    Begin {
        /// The name of the workload.
        workload: String,
        /// Why.
        source: TestError,
    },
    /// The clients could not be run beside the schedule.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The final state could not be read, although all faults had ended.
    #[error(
        "the workload `{workload}` could not read the final state, tried for {} after the last \
         operation", crate::duration::Display(*.tried)
    )]
    NoFinalState {
        /// The name of the workload.
        workload: String,
        /// How long it was tried.
        tried: Duration,
        /// The last error.
        source: TestError,
    },
    /// The history could not be written beside the journal.
    #[error("cannot write the history to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Runs a workload: its beginning, its clients beside the schedule, and the reading of the end.
pub(crate) async fn work<W: Workload>(
    cx: &Chaos,
    schedule: &Schedule,
    load: &Load,
    workload: W,
) -> Result<Worked, WorkError> {
    let recorder = Recorder::new();
    let name = || workload.name().to_owned();
    // The run has a number of its own, so what the two others draw differs from it.
    let mut first = worker(cx, &recorder);
    workload
        .begin(&mut first)
        .await
        .map_err(|source| WorkError::Begin { workload: name(), source })?;

    let processes: Vec<_> =
        (0..load.clients).map(|_| RefCell::new(Some(recorder.process()))).collect();
    let operation = async |client: Client| {
        let place = &processes[client.id() as usize];
        let process = place.take().unwrap_or_else(|| recorder.process());
        let mut worker = Worker::new(client, process);
        let answer = workload.operate(&mut worker).await;
        place.replace(Some(worker.into_process()));
        answer
    };
    let run = crate::run::run(cx.scope(), schedule, load, operation).await?;

    let read = conclude(cx, &workload, &recorder, load.settle).await;
    let history = recorder.history();
    // Before anything is made of it, as that of a workload which fails is what will be looked at.
    let file = write(cx, &name(), &history)?;
    read?;
    let checker = workload.checker();
    Ok(Worked { cx: cx.clone(), run, history, checker, file })
}

fn worker(cx: &Chaos, recorder: &Recorder) -> Worker {
    let client = Client::new(cx.seed(), cx.scope().begin_run(), 0, 0);
    Worker::new(client, recorder.process())
}

/// Reads the final state, again and again until it can be read.
async fn conclude<W: Workload>(
    cx: &Chaos,
    workload: &W,
    recorder: &Recorder,
    limit: Duration,
) -> Result<(), WorkError> {
    let began = Instant::now();
    let mut last = worker(cx, recorder);
    loop {
        let read = tokio::time::timeout(limit, workload.conclude(&mut last)).await;
        let error = match read {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        let tried = began.elapsed();
        if tried >= limit {
            let workload = workload.name().to_owned();
            return Err(WorkError::NoFinalState { workload, tried, source: error });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes the history beside the journal, if that is a file: `attempt-1-bank.jsonl`.
fn write(cx: &Chaos, name: &str, history: &History) -> Result<Option<PathBuf>, WorkError> {
    let journal = cx.scope().journal();
    let Some(beside) = journal.path() else { return Ok(None) };
    let (path, file) = create(beside, name)?;
    let written = history.to_jsonl(io::BufWriter::new(file));
    written.map_err(|source| WorkError::Write { path: path.clone(), source })?;
    journal.record(EventKind::Note {
        message: format!("the history of the workload `{name}`: {}", path.display()),
    });
    Ok(Some(path))
}

/// Creates the file for a history; that of the second workload of a name ends in `-2`.
fn create(beside: &Path, name: &str) -> Result<(PathBuf, File), WorkError> {
    let stem = beside.file_stem().unwrap_or_default().to_string_lossy();
    for number in 1.. {
        let ordinal = if number == 1 { String::new() } else { format!("-{number}") };
        let path = beside.with_file_name(format!("{stem}-{name}{ordinal}.jsonl"));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(WorkError::Write { path, source }),
        }
    }
    unreachable!("numbers do not end")
}
