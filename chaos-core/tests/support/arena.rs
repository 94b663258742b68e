//! A place of its own for the servers of one test, and processes that use them.
//!
//! Variables of the environment decide where servers are, and a process cannot change its own
//! without unsafe code, so everything that uses a server here is a process of its own: this test
//! binary, started again with the name of a role to play.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use chaos_core::journal::Journal;
use chaos_core::seed::Seed;
use chaos_core::{Chaos, TestError, TestResult};
use rustix::process::{Pid, Signal, kill_process};

/// Says which role a process plays.
const ROLE: &str = "ARENA_ROLE";

/// Distinguishes what a role says from what libtest says.
const PREFIX: &str = "@ ";

/// Nothing takes longer unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Arena {
    directory: tempfile::TempDir,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let directory = tempfile::Builder::new().prefix("arena-").tempdir_in(parent).unwrap();
        // Whoever runs the server has to pass through, and whoever plays a role has to write.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What playing a role takes.
    pub(crate) fn command(&self, role: &str) -> Command {
        self.command_of(&std::env::current_exe().unwrap(), role)
    }

    pub(crate) fn command_of(&self, program: &Path, role: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--exact", "entry", "--nocapture"])
            .env(ROLE, role)
            .env("CHAOS_PG_DIR", self.path())
            .env("CHAOS_CACHE_DIR", cache())
            .env_remove("CHAOS_POSTGRES_URL")
            .env_remove("CHAOS_KEEP")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// Starts a process that plays this role.
    pub(crate) fn start(&self, role: &str) -> Player {
        Player::of(self.command(role))
    }

    /// The directories of servers, of whichever user.
    pub(crate) fn servers(&self) -> Vec<PathBuf> {
        homes(self.path())
    }

    /// The supervisor of the only server.
    pub(crate) fn supervisor(&self) -> i32 {
        let servers = self.servers();
        let [home] = servers.as_slice() else { panic!("{servers:?}") };
        fs::read_to_string(home.with_extension("lock")).unwrap().trim().parse().unwrap()
    }

    /// What is left: files, and processes that have their place here.
    pub(crate) fn remains(&self) -> Vec<String> {
        let mut remains: Vec<String> =
            entries(self.path()).iter().map(|path| path.display().to_string()).collect();
        for process in entries(Path::new("/proc")) {
            let place = fs::read_link(process.join("cwd")).unwrap_or_default();
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment);
            let arena = self.path().to_str().unwrap();
            let supervises = environment.split('\0').any(|entry| {
                entry.starts_with("CHAOS_INTERNAL_SUPERVISOR=") && entry.contains(arena)
            });
            if place.starts_with(self.path()) || supervises {
                let words = fs::read(process.join("cmdline")).unwrap_or_default();
                let words = String::from_utf8_lossy(&words).replace('\0', " ");
                remains.push(format!("{} {words}", process.display()));
            }
        }
        remains
    }

    /// Waits until nothing is left.
    pub(crate) fn assert_nothing_remains(&self) {
        await_that("nothing remains", || {
            let remains = self.remains();
            if remains.is_empty() { Ok(()) } else { Err(remains.join("\n")) }
        });
    }
}

/// The directories of servers, of whichever user, below what `CHAOS_PG_DIR` says.
pub(crate) fn homes(directory: &Path) -> Vec<PathBuf> {
    let bases = entries(directory);
    let homes = bases.iter().flat_map(|base| entries(base));
    homes.filter(|home| home.is_dir()).collect()
}

/// Where initialised clusters are kept between tests.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos-cache")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Waits until a condition holds; what keeps it from holding is told when it does not.
pub(crate) fn await_that<T>(what: &str, mut condition: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match condition() {
            Ok(value) => return value,
            Err(obstacle) => assert!(Instant::now() < deadline, "never: {what}:\n{obstacle}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a supervisor and waits until it is gone: it holds its locks until then.
pub(crate) fn kill_supervisor(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    await_that("a killed supervisor is gone", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A process that nobody has waited for yet holds nothing any more.
        let gone = stat.is_empty() || stat.contains(") Z ");
        if gone { Ok(()) } else { Err(stat) }
    });
}

/// A process that plays a role. It is killed when this is dropped.
pub(crate) struct Player {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Player {
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The first one follows what libtest prints about the test, on the same line.
                if let Some((_, said)) = line.split_once(PREFIX) {
                    sender.send(said.to_owned()).ok();
                }
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line that it says.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("a player says nothing"),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("a player ended: {:?}", self.child.wait())
            }
        }
    }

    /// Tells it a line.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it come to its end, and waits for that.
    pub(crate) fn finish(mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        // Its output has an end now, so all that it said arrives.
        let said: Vec<String> = self.lines.iter().collect();
        assert!(status.success(), "a player failed: {status} {said:?}");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a role is given.
pub(crate) struct Stage {
    pub(crate) cx: Chaos,
}

impl Stage {
    pub(crate) fn say(&self, line: impl std::fmt::Display) {
        println!("{PREFIX}{line}");
    }

    /// Waits for the next line that it is told; none when nobody will tell another.
    pub(crate) fn hear(&self) -> Option<String> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| line.trim().to_owned())
    }
}

/// To be called first by the test `entry` of every file: supervises, or plays the role that this
/// process was started for, or returns.
pub(crate) fn enter<F>(play: impl FnOnce(String, Stage) -> F)
where
    F: Future<Output = TestResult>,
{
    chaos_core::postgres::supervise_if_asked();
    let Some(role) = std::env::var_os(ROLE) else { return };
    chaos_core::reexec::set_arguments(["--exact", "entry", "--nocapture"].map(Into::into));
    let role = role.into_string().unwrap();
    let stage = Stage { cx: Chaos::new(Seed(1), Journal::in_memory()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(play(role, stage)) {
        // For tests of errors.
        println!("{PREFIX}error: {}", sentence(&error).replace('\n', "\\n"));
        std::process::exit(1);
    }
    std::process::exit(0);
}

fn sentence(error: &TestError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A program of a made-up PostgreSQL.
pub(crate) fn install_program(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The directory of the real programs.
pub(crate) fn real_programs() -> PathBuf {
    // Debian's are not on the path.
    let directory = chaos_core::postgres::locate().unwrap().programs;
    let real = fs::canonicalize(directory.join("postgres")).unwrap();
    real.parent().unwrap().to_owned()
}
