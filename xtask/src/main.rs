//! Tasks of the workspace: `cargo xtask help` lists them.
//!
//! A task is a thin cover over commands that one could type oneself. It shows each of them before
//! it runs, says how long it took, and hands its exit code on.
//!
//! # Map of the code
//!
//! * [`command_line`]: which task is asked for.
//! * [`suite`]: `demo`, `test` and `versions`, which install what the tests need and run them.
//! * [`postgres`], [`redis`], [`package_manager`], [`privilege`]: find or install a server, and
//!   never leave one running.
//! * `check`: what no compiler checks. It consists of tests.
//! * [`dependency_budget`], [`features`]: what is verified beside the tests.
//! * [`readme`]: the output that the README shows.
//! * [`program`], [`console`], [`workspace`], [`error`]: what all of them stand on.

#[cfg(test)]
mod check;
mod command_line;
mod console;
mod dependency_budget;
mod error;
mod features;
mod package_manager;
mod postgres;
mod privilege;
mod program;
mod readme;
mod redis;
mod suite;
mod workspace;

use std::process::ExitCode;

use crate::command_line::Task;
use crate::error::Error;

/// The exit code of a task that failed by itself, not through a program that it ran.
const FAILED: u8 = 1;
/// The exit code of a command line that is not understood.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    match command_line::parse(std::env::args_os().skip(1)) {
        Ok(task) => match run(task) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                console::error(&error);
                match error {
                    Error::Exit { code, .. } => ExitCode::from(code),
                    _ => ExitCode::from(FAILED),
                }
            }
        },
        Err(misuse) => {
            console::error(&misuse);
            console::note("`cargo xtask help` lists the tasks.");
            ExitCode::from(MISUSED)
        }
    }
}

fn run(task: Task) -> Result<(), Error> {
    match task {
        Task::Help => {
            print!("{}", command_line::HELP);
            Ok(())
        }
        Task::Demo(arguments) => suite::demo(&arguments),
        Task::Test { no_fail_fast, arguments } => suite::test(no_fail_fast, &arguments),
        Task::Postgres(way) => postgres::ensure(way),
        Task::Versions(majors) => suite::versions(&majors),
        Task::Check => suite::check(),
        Task::DependencyBudget => dependency_budget::run(),
        Task::Features => features::run(),
        Task::Readme { compare_with: None } => readme::paste(),
        Task::Readme { compare_with: Some(file) } => readme::check(&file),
    }
}
