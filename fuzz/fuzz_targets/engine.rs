//! Faults, bytes and a clock, all arbitrary, through the engine of two connections.
//!
//! `CONTRIBUTING.md` says how it is run.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chaos_core::fuzz_engine(data));
