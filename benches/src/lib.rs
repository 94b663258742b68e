//! Measurements of the library.

pub mod flakiness;
pub mod link;
pub mod watch_thread;
