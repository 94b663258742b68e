//! Conversations with PostgreSQL, right and wrong, in whole pieces and in torn ones.
//!
//! `CONTRIBUTING.md` says how it is run.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chaos_core::fuzz_postgres(data));
