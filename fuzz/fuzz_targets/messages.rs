//! Faults at the messages of a conversation, torn and damaged anywhere, through the engine.
//!
//! `CONTRIBUTING.md` says how it is run.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chaos_core::fuzz_messages(data));
