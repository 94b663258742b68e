//! The exit codes of a test binary.

/// Every test passed, was ignored, or failed as it may.
pub const PASSED: u8 = 0;

/// At least one test failed. libtest uses the same code.
pub const FAILED: u8 = 101;

/// No test failed, and at least one could not be judged, because the machine could not carry it. The
/// number is `EX_TEMPFAIL` of `sysexits.h`: it may be tried again.
pub const ENVIRONMENT: u8 = 75;

/// An argument or an environment variable could not be understood; no test was run.
pub const USAGE: u8 = 2;

/// The harness could not do its work, for example because its directory cannot be written to; no
/// test was run.
pub const HARNESS: u8 = 3;

/// No test failed that must pass, but the run did not pass a gate of `chaos.toml`, a phase stayed
/// locked, the quarantine of a test has ended, or something became slower than its baseline.
pub const GATE: u8 = 4;

/// The run was interrupted by SIGINT (Ctrl-C).
pub const INTERRUPTED: u8 = 130;

/// The run was ended by SIGTERM.
pub const TERMINATED: u8 = 143;
