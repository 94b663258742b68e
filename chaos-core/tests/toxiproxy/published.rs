//! The published clients, unchanged, from their registries.
//!
//! They are installed beside what cargo builds, once. Where a machine has no pip or npm the test
//! says so and passes; where they cannot install, it fails.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::Program;

/// What passes the output that the test harness holds back.
fn say(sentence: &str) {
    let _unread = writeln!(std::io::stderr(), "{sentence}");
}

/// Whether this runs.
fn is_there(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn assert_passed(what: &str, output: &Output) {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
}

/// The directory that `install` fills, once for all runs.
fn installed(name: &str, install: impl FnOnce(&Path) -> Output) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("published-clients");
    let place = all.join(name);
    if place.exists() {
        return place;
    }
    std::fs::create_dir_all(&all).unwrap();
    // Under another name until it is whole, so that a run that is killed leaves none that looks so.
    let unfinished = tempfile::tempdir_in(&all).unwrap();
    assert_passed(&format!("installing {name}"), &install(unfinished.path()));
    if let Err(error) = std::fs::rename(unfinished.path(), &place) {
        // Another run was faster.
        assert!(place.exists(), "{error}");
    }
    place
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toxiproxy/published").join(name)
}

#[test]
fn the_python_client_drives_it() {
    if !is_there(Command::new("python3").args(["-m", "pip", "--version"])) {
        say("skipped: the Python client of Toxiproxy, as this machine has no `python3 -m pip`");
        return;
    }
    let packages = installed("toxiproxy-python-0.1.1", |place| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg("--target").arg(place).arg("toxiproxy-python==0.1.1").output().unwrap()
    });
    let server = Program::start(&[]);
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).env_remove("http_proxy").env("NO_PROXY", "*");
    python.arg(script("drive.py")).arg(server.address.port().to_string());
    assert_passed("drive.py", &python.output().unwrap());
}

#[test]
fn the_node_client_drives_it() {
    // It uses `fetch`, which node has since version 18.
    if !is_there(
        Command::new("node").args(["-e", "process.exit(typeof fetch == 'function' ? 0 : 1)"]),
    ) {
        say("skipped: the Node client of Toxiproxy, as this machine has no `node` 18 or later");
        return;
    }
    if !is_there(Command::new("npm").arg("--version")) {
        say("skipped: the Node client of Toxiproxy, as this machine has no `npm`");
        return;
    }
    let packages = installed("toxiproxy-node-client-4.1.0", |place| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"]);
        npm.arg(place).arg("toxiproxy-node-client@4.1.0").output().unwrap()
    });
    let server = Program::start(&[]);
    let mut node = Command::new("node");
    node.env("NODE_PATH", packages.join("node_modules"));
    node.arg(script("drive.cjs")).arg(server.address.port().to_string());
    assert_passed("drive.cjs", &node.output().unwrap());
}
