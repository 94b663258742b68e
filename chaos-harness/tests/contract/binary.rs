//! Runs this binary as the suite, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use chaos_harness::core::verdict::{Failure, FailureKind, Verdict};
use chaos_harness::journal;
use chaos_harness::run_event::{AttemptEnded, CategorySummary, RunEvent, RunLine, TestOutcome};
use tempfile::TempDir;

/// The suite and its directory.
pub(crate) struct Suite {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// What a run of the suite left behind.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) events: Vec<RunEvent>,
}

impl Suite {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// A file by which tests of the suite talk to the judge.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of the latest run.
    pub(crate) fn latest(&self) -> PathBuf {
        self.directory.path().join("chaos/latest")
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments.split_whitespace());
        // What the judge itself was started with must not reach the suite.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["CHAOS_", "NEXTEST", "RUST_TEST_"].iter().any(|start| name.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.env(crate::SUITE, "1");
        command.env("CHAOS_CONTRACT_SCRATCH", self.directory.path());
        command.env("CHAOS_DIR", self.directory.path().join("chaos"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.run_command(self.command(arguments))
    }

    /// Runs it in another way.
    pub(crate) fn run_command(&self, mut command: Command) -> Run {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Run {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            events: self.events(),
        }
    }

    /// What the latest run left behind, of which nothing was captured.
    pub(crate) fn seen(&self) -> Run {
        Run { code: None, stdout: String::new(), stderr: String::new(), events: self.events() }
    }

    /// The events of the latest run so far.
    pub(crate) fn events(&self) -> Vec<RunEvent> {
        events_in(&self.latest())
    }
}

pub(crate) fn events_in(run: &Path) -> Vec<RunEvent> {
    let Ok(lines) = journal::read::<RunLine>(&run.join("run.jsonl")) else { return Vec::new() };
    assert!(lines.unreadable.is_empty(), "{:?}", lines.unreadable);
    lines.records.into_iter().map(|line| line.event).collect()
}

impl Run {
    /// All attempts, in the order of their ends.
    pub(crate) fn attempts(&self) -> Vec<&AttemptEnded> {
        let events = self.events.iter();
        events
            .filter_map(|event| match event {
                RunEvent::AttemptEnded(ended) => Some(ended),
                _ => None,
            })
            .collect()
    }

    /// The failure of the only attempt.
    pub(crate) fn failure(&self) -> &Failure {
        let attempts = self.attempts();
        assert_eq!(attempts.len(), 1, "{attempts:#?}");
        match &attempts[0].verdict {
            Verdict::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// What the history said of a test when it had ended.
    pub(crate) fn category(&self, test: &str) -> &CategorySummary {
        let category = self.events.iter().find_map(|event| match event {
            RunEvent::TestEnded(ended) if ended.test == test => Some(&ended.category),
            _ => None,
        });
        category.unwrap_or_else(|| panic!("{test} has not ended"))
    }

    /// How each failed attempt failed.
    pub(crate) fn failure_kinds(&self) -> Vec<FailureKind> {
        let failures = self.attempts();
        failures.iter().filter_map(|ended| ended.verdict.failure()).map(|f| f.kind).collect()
    }

    /// What a test came to, over all its attempts.
    pub(crate) fn outcome(&self, test: &str) -> Option<TestOutcome> {
        self.events.iter().find_map(|event| match event {
            RunEvent::TestEnded(ended) if ended.test == test => Some(ended.outcome),
            _ => None,
        })
    }

    pub(crate) fn assert_code(&self, code: u8) {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.code, Some(i32::from(code)), "stdout:\n{stdout}\nstderr:\n{stderr}");
    }

    /// The test failed in this way, for a reason that says all of this.
    pub(crate) fn assert_failure(&self, kind: FailureKind, parts: &[&str]) {
        self.assert_code(chaos_harness::exit_code::FAILED);
        let failure = self.failure();
        assert_eq!(failure.kind, kind, "{failure}");
        for part in parts {
            assert!(failure.message.contains(part), "{part:?} is not in: {failure}");
        }
    }
}

/// Waits until something holds; a minute is only there to end a test that is wrong.
pub(crate) fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(Instant::now() < patience, "it never happened that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a process is gone or a zombie that nobody has waited for.
pub(crate) fn wait_until_gone(pid: &str) {
    eventually(&format!("process {pid} is gone"), || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, fields)| fields.trim().starts_with(['Z', 'X']));
        state.unwrap_or(true).then_some(())
    });
}
