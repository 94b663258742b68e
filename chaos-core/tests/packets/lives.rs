//! The wire's process: where it is refused, who may have it, and that nothing of it is left.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chaos_core::event::EventKind;
use chaos_core::packets;
use chaos_core::prelude::*;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Driver};
use crate::faults::wire_of;
use crate::support::{Bench, eventually, read_all, round_trip};

/// What a process of this binary is to do.
const ROLE: &str = "PACKETS_TEST_ROLE";

/// A directory in which a file [`BROKEN`] says that no wire can be had.
const DIRECTORY: &str = "PACKETS_TEST_DIRECTORY";

/// While there is a file of this name, no helper becomes a wire.
const BROKEN: &str = "broken";

/// Has a line for each helper that was started in vain.
const STARTED: &str = "started";

/// Once there is a file of this name, such helpers end.
const GO: &str = "go";

/// What it prints begins like this, so that it is told from what libtest prints.
const PREFIX: &str = "role: ";

const NOBODY: u32 = 65_534;

/// Plays the role that this process was started for.
pub(crate) fn play_if_asked() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    chaos_core::reexec::set_arguments(["--exact", "entry", "--nocapture"].map(Into::into));
    match packets::probe() {
        Ok(mechanism) => println!("\n{PREFIX}{mechanism}"),
        Err(error) => {
            println!("\n{PREFIX}{error}");
            return;
        }
    }
    let bench = Bench::new(Driver::Tcp);
    let fault = bench.link.inject(packet_delay(1.ms()).in_kernel().unwrap());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    eventually("delaying", || fault.hits() > 0);
    println!("\n{PREFIX}{}", wire_of(std::process::id()).unwrap());
    match role.to_str() {
        Some("stay") => loop {
            std::thread::park();
        },
        Some("die") => {
            fault.clear();
            lose_the_wire(&bench, client);
        }
        Some("die for good") => lose_all_wires(&bench, client),
        _ => {}
    }
}

/// Whether this process is a helper that is to be none; once it may end.
pub(crate) fn refuses_to_be_a_wire() -> bool {
    let Some(directory) = directory() else { return false };
    if std::env::var_os("CHAOS_INTERNAL_WIRE").is_none() || !directory.join(BROKEN).exists() {
        return false;
    }
    let mut started =
        fs::OpenOptions::new().create(true).append(true).open(directory.join(STARTED)).unwrap();
    started.write_all(b"once more\n").unwrap();
    eventually("being let go", || directory.join(GO).exists());
    true
}

fn directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}

/// This binary, where everybody may run it.
struct Binary {
    directory: tempfile::TempDir,
}

impl Binary {
    fn copy() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), open.clone()).unwrap();
        let binary = Self { directory };
        fs::copy(std::env::current_exe().unwrap(), binary.path()).unwrap();
        fs::set_permissions(binary.path(), open).unwrap();
        binary
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("packets")
    }
}

fn role(program: &Path, role: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "entry", "--nocapture"]).env(ROLE, role).current_dir("/");
    command
}

/// What a process of a role printed.
fn said(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix(PREFIX)).map(str::to_owned).collect();
    assert!(!said.is_empty(), "{output:?}");
    said
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// A process that has a wire, and the process of the wire.
fn stayer() -> (Child, u32) {
    let mut child =
        role(&std::env::current_exe().unwrap(), "stay").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said =
        lines.by_ref().filter_map(|line| Some(line.ok()?.strip_prefix(PREFIX)?.to_owned()));
    let wire = said.nth(1).unwrap().parse().unwrap();
    (child, wire)
}

#[test]
fn nothing_is_left_of_the_wire_of_a_process_that_is_killed() {
    if !crate::is_possible() {
        return;
    }
    let (mut child, wire) = stayer();
    assert!(exists(wire));
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("ending the wire", || !exists(wire) || is_zombie(wire));
}

/// Whether a process has ended and only its number is left, which whoever adopted it takes.
fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'))
}

#[test]
fn a_process_that_ends_takes_its_wire_with_it() {
    if !crate::is_possible() {
        return;
    }
    let wire: u32 = said(&mut role(&std::env::current_exe().unwrap(), "leave"))[1].parse().unwrap();
    eventually("ending the wire", || !exists(wire) || is_zombie(wire));
}

#[test]
fn an_ordinary_user_has_a_wire_in_a_user_namespace() {
    if !rustix::process::geteuid().is_root() {
        // Every other test is this one then.
        return;
    }
    let mut trial = Command::new("unshare");
    let allowed = trial
        .args(["--user", "--map-root-user", "--net", "--", "true"])
        .uid(NOBODY)
        .gid(NOBODY)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let binary = Binary::copy();
    let said = said(role(&binary.path(), "leave").uid(NOBODY).gid(NOBODY));
    if allowed {
        assert_eq!(said[0], "a wire between private networks in a user namespace");
        assert_eq!(said.len(), 2, "{said:?}");
    } else {
        eprintln!("refused here: {}", said[0]);
        assert!(said[0].starts_with("packet faults are not available here, because "), "{said:?}");
    }
}

#[test]
fn where_namespaces_are_refused_the_reason_is_told() {
    let binary = Binary::copy();
    // Within a user namespace, so that it needs no right and concerns nobody else.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces \
                  && echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--", "sh", "-c", script, "sh"]);
    let inner = role(&binary.path(), "leave");
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let trial = Command::new("unshare")
        .args(["--user", "--map-root-user", "--", "sh", "-c", script, "sh", "true"])
        .output();
    if !trial.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: namespaces are refused here in earnest");
        return;
    }
    let said = said(command.current_dir("/"));
    assert!(said[0].starts_with("packet faults are not available here, because "), "{said:?}");
    assert!(said[0].contains("user.max_user_namespaces is 0"), "{said:?}");
    assert!(said[0].contains("through the program `unshare`"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn connections_on_a_wire_that_died_are_reset_and_the_next_fault_has_a_new_one() {
    if !crate::is_possible() {
        return;
    }
    // In a process of its own, because the wire of this one has other connections.
    let said = said(&mut role(&std::env::current_exe().unwrap(), "die"));
    assert_eq!(said.last().map(String::as_str), Some("as expected"), "{said:?}");
}

#[test]
fn a_wire_that_cannot_be_replaced_stops_no_other_link_and_is_refused_once() {
    if !crate::is_possible() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut role = role(&std::env::current_exe().unwrap(), "die for good");
    let said = said(role.env(DIRECTORY, directory.path()));
    assert_eq!(said.last().map(String::as_str), Some("as expected"), "{said:?}");
}

/// What the role `die` does.
fn lose_the_wire(bench: &Bench, mut client: Client) {
    let wire = wire_of(std::process::id()).unwrap();
    kill_process(Pid::from_raw(wire.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    assert_eq!(read_all(&mut client).1, Err(std::io::ErrorKind::ConnectionReset));
    let is_told = |event: &chaos_core::event::Event| matches!(&event.what, EventKind::Note { message } if message.contains("is gone"));
    assert!(bench.scope.journal().events().iter().any(is_told));
    let fault = bench.link.inject(packet_duplication(100.percent()).in_kernel().unwrap());
    round_trip(&mut bench.connect(), b"ping");
    eventually("doubling", || fault.hits() > 0);
    assert_ne!(wire_of(std::process::id()), Some(wire));
    println!("\n{PREFIX}as expected");
}

/// What the role `die for good` does.
fn lose_all_wires(bench: &Bench, mut client: Client) {
    let directory = directory().unwrap();
    let started =
        || fs::read_to_string(directory.join(STARTED)).unwrap_or_default().lines().count();
    fs::write(directory.join(BROKEN), "").unwrap();
    let wire = wire_of(std::process::id()).unwrap();
    kill_process(Pid::from_raw(wire.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    assert_eq!(read_all(&mut client).1, Err(std::io::ErrorKind::ConnectionReset));

    // This one meets the fault, and a helper is started that does not answer for now.
    let mut met = bench.connect();
    eventually("starting a helper", || started() == 1);
    let other = Bench::new(Driver::Tcp);
    round_trip(&mut other.connect(), b"ping");
    assert_eq!(started(), 1, "the other link waited for what became of the helper");
    fs::write(directory.join(GO), "").unwrap();
    round_trip(&mut met, b"ping");
    let in_vain = started();
    for _ in 0..3 {
        round_trip(&mut bench.connect(), b"ping");
    }
    assert_eq!(started(), in_vain, "each connection starts helpers");
    let is_told = |event: &chaos_core::event::Event| matches!(&event.what, EventKind::Note { message } if message.starts_with("no packet fault acts on connection"));
    let told = bench.scope.journal().events().iter().filter(|event| is_told(event)).count();
    assert_eq!(told, 4);

    // Whoever injects a fault asks anew.
    fs::remove_file(directory.join(BROKEN)).unwrap();
    let fault = bench.link.inject(packet_duplication(100.percent()).in_kernel().unwrap());
    round_trip(&mut bench.connect(), b"ping");
    eventually("doubling", || fault.hits() > 0);
    println!("\n{PREFIX}as expected");
}
