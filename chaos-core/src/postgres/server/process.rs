//! The processes of a server: telling them apart, and ending those that have no parent left.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::fingerprint::fingerprint;
use super::subprocess;
use crate::postgres::process::{Part, ServerProcess};

/// How long a server may take to stop before it is killed.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The name of a server, which stands in the title of each of its processes.
pub(super) fn cluster_name(home: &Path) -> String {
    format!("chaos-{}", fingerprint(&home.to_string_lossy()))
}

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Running {
    pid: Pid,
    arguments: Vec<String>,
}

impl Running {
    /// What a process of this server says of itself, unless it is the postmaster.
    fn title(&self, cluster: &str) -> Option<&str> {
        let title = self.arguments.first()?.strip_prefix("postgres: ")?.strip_prefix(cluster)?;
        title.strip_prefix(':').or_else(|| title.strip_prefix(' ')).map(str::trim)
    }

    /// Whether it is a process of the server whose files lie in `home`.
    ///
    /// The path alone is not enough: a person may be reading the log.
    fn belongs_to(&self, home: &Path, cluster: &str) -> bool {
        if self.title(cluster).is_some() {
            return true;
        }
        let Some(first) = self.arguments.first() else { return false };
        let program = Path::new(first).file_name().and_then(|name| name.to_str());
        matches!(program, Some("postgres" | "initdb"))
            && self.arguments.iter().skip(1).any(|argument| Path::new(argument).starts_with(home))
    }
}

/// Every process of the server whose files lie in `home`.
pub(super) fn of_server(home: &Path) -> Vec<Pid> {
    let cluster = cluster_name(home);
    let ours = |process: &Running| process.belongs_to(home, &cluster);
    running().into_iter().filter(ours).map(|process| process.pid).collect()
}

/// Every process of the server whose files lie in `home` and whose postmaster is this one, and
/// which part of the server each is.
pub(super) fn parts(home: &Path, postmaster: Pid) -> Vec<ServerProcess> {
    let cluster = cluster_name(home);
    let part = |process: Running| {
        let is_paused = state_of(process.pid) == Some('T');
        let pid = process.pid.as_raw_nonzero().get();
        if process.pid == postmaster {
            let title = "postmaster".to_owned();
            return Some(ServerProcess { pid, part: Part::Postmaster, title, is_paused });
        }
        let title = process.title(&cluster)?;
        Some(ServerProcess {
            pid,
            part: Part::of_title(title, pid),
            title: title.to_owned(),
            is_paused,
        })
    };
    running().into_iter().filter_map(part).collect()
}

/// Whether a process runs. One that ended and was not waited for does not.
pub(super) fn is_alive(pid: Pid) -> bool {
    match state_of(pid) {
        Some(state) => !matches!(state, 'Z' | 'X'),
        None if Path::new("/proc/self/stat").exists() => false,
        None => rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH),
    }
}

/// The letter by which the system tells the state of a process: `T` when it is stopped.
#[cfg(target_os = "linux")]
pub(super) fn state_of(pid: Pid) -> Option<char> {
    let stat = Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join("stat");
    // The state follows the name, which stands in parentheses and may contain some.
    fs::read_to_string(stat).ok()?.rsplit(") ").next()?.chars().next()
}

/// The letter by which the system tells the state of a process: `T` when it is stopped.
#[cfg(not(target_os = "linux"))]
pub(super) fn state_of(pid: Pid) -> Option<char> {
    let mut command = Command::new("ps");
    command.args(["-o", "state=", "-p", &pid.as_raw_nonzero().to_string()]);
    subprocess::output_of(&mut command, STOP_LIMIT).ok()?.trim().chars().next()
}

/// Ends every process of the server whose files lie in `home`, gently at first, and frees the
/// shared memory of one that was killed.
///
/// Returns whether all of them are gone.
pub(super) fn end_server(home: &Path) -> bool {
    let segment = shared_memory(home);
    let mut first = true;
    loop {
        let processes = of_server(home);
        if processes.is_empty() {
            break;
        }
        // The postmaster ends its children itself and frees what they shared.
        let signal = if first { Signal::QUIT } else { Signal::KILL };
        for pid in &processes {
            // It may have ended in the meantime.
            rustix::process::kill_process(*pid, signal).ok();
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while processes.iter().any(|pid| is_alive(*pid)) {
            if Instant::now() > deadline && !first {
                return false;
            }
            if Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        first = false;
    }
    if let Some(segment) = segment {
        free(&segment);
    }
    true
}

/// The number of the System V segment by which a server notices that it runs already.
pub(super) fn shared_memory(home: &Path) -> Option<String> {
    let file = fs::read_to_string(home.join("data").join("postmaster.pid")).ok()?;
    let segment = file.lines().nth(6)?.split_whitespace().nth(1)?;
    segment.bytes().all(|byte| byte.is_ascii_digit()).then(|| segment.to_owned())
}

/// Whether a process holds the segment of this number. False where the system does not tell.
pub(super) fn is_attached(segment: &str) -> bool {
    fs::read_to_string("/proc/sysvipc/shm").is_ok_and(|table| is_held_in(&table, segment))
}

/// Whether the table, in the form of `/proc/sysvipc/shm` (proc(5)), has a holder of the segment: its
/// number stands in the second column, how many processes hold it in the seventh.
fn is_held_in(table: &str, segment: &str) -> bool {
    let held = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        columns.next() == Some(segment) && columns.nth(4).is_some_and(|holders| holders != "0")
    };
    table.lines().any(held)
}

/// Frees a segment that a killed server left; one that stopped by itself left none.
pub(super) fn free(segment: &str) {
    // There is no safe call for it. Where the program is missing 56 bytes stay until the reboot.
    subprocess::output_of(Command::new("ipcrm").args(["-m", segment]), STOP_LIMIT).ok();
}

#[cfg(target_os = "linux")]
fn running() -> Vec<Running> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let process = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        // A process that ended has an empty command line.
        let line = fs::read(entry.path().join("cmdline")).ok().filter(|line| !line.is_empty())?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let arguments = text.split('\0').map(str::to_owned).collect();
        Some(Running { pid, arguments })
    };
    entries.flatten().filter_map(process).collect()
}

#[cfg(not(target_os = "linux"))]
fn running() -> Vec<Running> {
    let mut command = Command::new("ps");
    command.args(["-axo", "pid=,command="]);
    let Ok(table) = subprocess::output_of(&mut command, STOP_LIMIT) else { return Vec::new() };
    let process = |line: &str| {
        let (pid, command) = line.trim().split_once(' ')?;
        let pid = pid.parse().ok().and_then(Pid::from_raw)?;
        // A title is one argument with blanks in it.
        let arguments = match command.trim_start().starts_with("postgres: ") {
            true => vec![command.trim().to_owned()],
            false => command.split_whitespace().map(str::to_owned).collect(),
        };
        Some(Running { pid, arguments })
    };
    table.lines().filter_map(process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(arguments: &[&str]) -> Running {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Running { pid: Pid::from_raw(2).unwrap(), arguments }
    }

    #[test]
    fn only_processes_of_the_server_are_taken_for_its_own() {
        let home = Path::new("/dev/shm/chaos-harness-0/own-1");
        let ours = |arguments: &[&str]| process(arguments).belongs_to(home, "chaos-0a");
        assert!(ours(&[
            "/usr/lib/postgresql/15/bin/postgres",
            "-D",
            &format!("{}/data", home.display())
        ]));
        assert!(ours(&["initdb", "-D", "/dev/shm/chaos-harness-0/own-1/template"]));
        assert!(ours(&["postgres: chaos-0a: checkpointer "]));
        assert!(ours(&["postgres: chaos-0a: chaos_1 chaos_1 [local] idle"]));
        assert!(!ours(&["less", "/dev/shm/chaos-harness-0/own-1/log"]));
        assert!(!ours(&["postgres", "-D", "/dev/shm/chaos-harness-0/own-12/data"]));
        assert!(!ours(&["postgres: chaos-0ab: checkpointer "]));
        assert!(!ours(&[]));
    }

    #[test]
    fn a_segment_is_held_while_a_process_is_attached_to_it() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid\n \
                     39966814   10551337   600                    56 12700 12752      1   106\n \
                     39966815   10551338   600                    56 12701 12753      0   106\n";
        assert!(is_held_in(table, "10551337"));
        assert!(!is_held_in(table, "10551338"));
        assert!(!is_held_in(table, "39966814"), "the key is not the number");
    }

    #[test]
    fn a_process_that_ended_is_dead_even_before_it_is_waited_for() {
        let own = rustix::process::getpid();
        assert!(is_alive(own));
        let mut child = Command::new("/bin/sh").args(["-c", "exit 0"]).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while is_alive(pid) && cfg!(target_os = "linux") {
            assert!(Instant::now() < deadline, "the zombie {pid:?} counts as alive");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }
}
