//! One attempt at a test, in a process of its own.
//!
//! [`parent`] starts the test binary once more, in a process group of its own, and tells it in an
//! environment variable ([`spec`]) which test to run. [`child`] runs the test there and writes the
//! verdict as the last line of the attempt's journal. The parent believes nothing else: an attempt
//! whose process ended without a verdict has failed, however it ended ([`exit`]).

pub(crate) mod assertions;
pub(crate) mod body;
pub(crate) mod child;
mod echo;
pub(crate) mod exit;
mod leftovers;
pub(crate) mod orphan;
pub(crate) mod output;
mod panics;
pub(crate) mod parent;
pub(crate) mod process;
pub(crate) mod spec;
mod tail;
