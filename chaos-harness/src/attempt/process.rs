//! A process with a process group of its own: started, waited for, killed with all it started.

use std::io;
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long processes that are about to end are given, before they count as left behind.
const LEAK_GRACE: Duration = Duration::from_secs(1);

/// A running process that leads a process group of its own.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Group,
    exited: Receiver<io::Result<()>>,
}

/// A process that was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

impl Process {
    /// Starts the command in a process group of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        platform::lead_group(command);
        let mut child = command.spawn()?;
        let group = Group { leader: child.id() };
        let (sender, exited) = mpsc::sync_channel(1);
        let wait = move || {
            // The receiver is gone only when nobody wants to know any more.
            sender.send(platform::wait(group)).ok();
        };
        let waiting = thread::Builder::new().name("chaos-wait".to_owned()).spawn(wait);
        if let Err(error) = waiting {
            group.kill();
            child.wait()?;
            return Err(error);
        }
        Ok(Self { child, group, exited })
    }

    /// The group that it leads.
    pub(crate) fn group(&self) -> Group {
        self.group
    }

    /// What it writes to its standard error, if that was made a pipe, and once.
    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until it exits, but no longer than `timeout`, and says whether it exited.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        match self.exited.recv_timeout(timeout) {
            Ok(result) => result.map(|()| true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            // The waiting thread has said so before.
            Err(RecvTimeoutError::Disconnected) => Ok(true),
        }
    }

    /// Takes the exit status of the process, which has exited, and kills what is left of its group.
    ///
    /// # Errors
    ///
    /// When the status cannot be taken.
    pub(crate) fn finish(mut self) -> io::Result<(ExitStatus, Vec<Survivor>)> {
        let status = self.child.wait()?;
        let survivors = self.group.survivors();
        if !survivors.is_empty() {
            self.group.kill();
        }
        Ok((status, survivors))
    }
}

/// A process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    leader: u32,
}

impl Group {
    /// The process that leads it.
    pub(crate) fn leader(self) -> u32 {
        self.leader
    }

    /// Kills all processes of the group.
    pub(crate) fn kill(self) {
        platform::kill(self);
    }

    /// The processes that still run after the leader has exited and was waited for.
    fn survivors(self) -> Vec<Survivor> {
        let patience = Instant::now() + LEAK_GRACE;
        loop {
            if !platform::exists(self) {
                return Vec::new();
            }
            let survivors = platform::members(self);
            // A process that was killed a moment ago takes a moment to go.
            if survivors.is_empty() || Instant::now() >= patience {
                return survivors;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::process::{
        Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
    };

    use super::{Group, Survivor};

    pub(super) fn lead_group(command: &mut Command) {
        command.process_group(0);
    }

    fn pid(group: Group) -> io::Result<Pid> {
        let raw = i32::try_from(group.leader).ok().and_then(Pid::from_raw);
        raw.ok_or_else(|| io::Error::other(format!("{} is no process", group.leader)))
    }

    /// Waits for the leader and leaves it as a zombie, so that its number stays its own and the
    /// group can be killed without fear of meeting another one.
    pub(super) fn wait(group: Group) -> io::Result<()> {
        let pid = pid(group)?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options))?;
        Ok(())
    }

    pub(super) fn kill(group: Group) {
        // The only error that can occur is that there is nobody left.
        if let Ok(pid) = pid(group) {
            kill_process_group(pid, Signal::KILL).ok();
        }
    }

    pub(super) fn exists(group: Group) -> bool {
        pid(group).is_ok_and(|pid| test_kill_process_group(pid).is_ok())
    }

    #[cfg(target_os = "linux")]
    pub(super) fn members(group: Group) -> Vec<Survivor> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter_map(|pid| {
            // `12 (name) S 1 12 ...`: the name may hold anything, the fields after it may not.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (before, fields) = stat.rsplit_once(')')?;
            let mut fields = fields.split_whitespace();
            let state = fields.next()?;
            let member_of = fields.nth(1)?.parse::<u32>().ok()?;
            if member_of != group.leader || matches!(state, "Z" | "X") {
                return None;
            }
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let name = before.split_once('(').map_or("", |(_, name)| name);
            let command = if line.trim().is_empty() { name } else { line.trim() };
            Some(Survivor { pid, command: command.to_owned() })
        })
        .collect()
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn members(group: Group) -> Vec<Survivor> {
        let listing = Command::new("ps").args(["-A", "-o", "pid=,pgid=,stat=,command="]).output();
        let Ok(listing) = listing else { return Vec::new() };
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        let survivor = |line: &str| {
            let mut fields = line.split_whitespace();
            let pid = fields.next()?.parse().ok()?;
            let member_of = fields.next()?.parse::<u32>().ok()?;
            let is_gone = fields.next()?.starts_with('Z');
            let command = fields.collect::<Vec<_>>().join(" ");
            (member_of == group.leader && !is_gone).then_some(Survivor { pid, command })
        };
        listing.lines().filter_map(survivor).collect()
    }
}

/// Without process groups only the process itself is waited for and killed.
#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::{Group, Survivor};

    pub(super) fn lead_group(_command: &mut Command) {}

    /// `tasklist` is what every Windows has; the loop ends when the process is no longer listed.
    pub(super) fn wait(group: Group) -> io::Result<()> {
        let filter = format!("PID eq {}", group.leader);
        loop {
            let listing = Command::new("tasklist").args(["/NH", "/FI", &filter]).output()?;
            if !String::from_utf8_lossy(&listing.stdout).contains(&group.leader.to_string()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn kill(group: Group) {
        Command::new("taskkill")
            .args(["/F", "/T", "/PID", &group.leader.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok();
    }

    pub(super) fn exists(_group: Group) -> bool {
        false
    }

    pub(super) fn members(_group: Group) -> Vec<Survivor> {
        Vec::new()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn what_a_process_leaves_behind_is_found_and_killed() {
        let mut process = shell("sleep 1000 & exit 3");
        assert!(process.wait(Duration::from_secs(60)).unwrap());
        let group = process.group();
        let (status, survivors) = process.finish().unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(survivors.len(), 1, "{survivors:?}");
        assert!(survivors[0].command.contains("sleep 1000"), "{survivors:?}");
        while !platform::members(group).is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_that_hangs_is_killed_with_what_it_started() {
        let mut process = shell("sleep 1000 & sleep 1000; exit 0");
        assert!(!process.wait(Duration::from_millis(50)).unwrap());
        process.group().kill();
        assert!(process.wait(Duration::from_secs(60)).unwrap());
        let (status, survivors) = process.finish().unwrap();
        assert_eq!(status.code(), None);
        assert_eq!(survivors, []);
    }
}
