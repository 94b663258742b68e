//! The exit codes of a test binary.

/// Every test passed, was ignored, or failed as it may.
pub const PASSED: u8 = 0;

/// At least one test failed. libtest uses the same code.
pub const FAILED: u8 = 101;

/// No test failed, and at least one could not be judged, because the machine was overloaded or could not
/// produce the contention that was asked for. The number is `EX_TEMPFAIL` of `sysexits.h`: try again.
pub const ENVIRONMENT: u8 = 75;

/// An argument, an environment variable or a file is invalid; no test was run.
pub const USAGE: u8 = 2;

/// The harness could not do its work, for example because its directory cannot be written to; no
/// test was run.
pub const HARNESS: u8 = 3;

/// No test that must pass failed, but the run did not pass a gate of `chaos.toml`, a phase stayed
/// locked, the quarantine of a test has ended, or something became slower than its baseline.
pub const GATE: u8 = 4;

/// With `--chaos-bisect`: the command line or a variable is invalid. It is so at each commit, so the
/// bisection ends, as it does for any code above 127; [`USAGE`] would call the commit bad.
pub const BISECTION_ENDS: u8 = 255;

/// The exit code for `git bisect run` (`--chaos-bisect`): 0 for a good commit, 1 for a bad one, 125 if
/// nothing is known, for instance because its `chaos.toml` is invalid. An interruption ends the bisection.
#[must_use]
pub const fn for_bisection(code: u8) -> u8 {
    match code {
        PASSED => 0,
        FAILED => 1,
        INTERRUPTED | TERMINATED => code,
        _ => 125,
    }
}

/// The run was interrupted by SIGINT (Ctrl-C).
pub const INTERRUPTED: u8 = 130;

/// The run was ended by SIGTERM.
pub const TERMINATED: u8 = 143;
