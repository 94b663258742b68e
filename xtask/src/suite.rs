//! The tasks that run tests.

use std::ffi::OsString;
use std::time::Instant;

use crate::console;
use crate::error::Error;
use crate::{postgres, program, redis, workspace};

/// Runs the chaos suite of the quick start.
pub(crate) fn demo(arguments: &[OsString]) -> Result<(), Error> {
    postgres::prepare()?;
    run("the chaos suite of the quick start", &["-p", "quickstart", "--test", "chaos"], arguments)
}

/// Runs all tests of the default members, doctests included.
///
/// Those are all members but the benches, which have no tests.
pub(crate) fn test(no_fail_fast: bool, arguments: &[OsString]) -> Result<(), Error> {
    postgres::prepare()?;
    redis::offer();
    let options: &[&str] = if no_fail_fast { &["--no-fail-fast"] } else { &[] };
    run("all tests", options, arguments)
}

/// The test binaries of `chaos-core` in which something depends on the version of the server, as cargo's
/// patterns. `found` and `property` start servers too; what they test is the same on every version.
const NEED_A_SERVER: [&str; 4] = ["postgres*", "sabotage", "pool", "explore"];

/// Runs the tests that need a server against other versions of it.
pub(crate) fn versions(majors: &[u32]) -> Result<(), Error> {
    for major in majors {
        let programs = postgres::install_major(*major)?;
        let start = Instant::now();
        let mut cargo = workspace::cargo();
        cargo.env("CHAOS_PG_BIN", programs).args(["test", "-p", "chaos-core", "--no-fail-fast"]);
        cargo.args(NEED_A_SERVER.iter().flat_map(|tests| ["--test", tests]));
        program::hand_over(&mut cargo)?;
        let took = console::seconds(start.elapsed());
        console::step(&format!("Passed: the tests that need a server, on {major}, in {took}."));
    }
    Ok(())
}

/// Runs the tests that look at the repository instead of at what it does.
pub(crate) fn check() -> Result<(), Error> {
    run("the checks of the repository", &["-p", "xtask", "check::"], &[])
}

fn run(what: &str, options: &[&str], arguments: &[OsString]) -> Result<(), Error> {
    console::step(&format!("Building and running {what}."));
    let start = Instant::now();
    let mut cargo = workspace::cargo();
    cargo.arg("test").args(options);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    program::hand_over(&mut cargo)?;
    console::step(&format!("Passed: {what}, in {}.", console::seconds(start.elapsed())));
    Ok(())
}
