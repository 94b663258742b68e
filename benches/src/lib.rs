//! Measurements of the library.

pub mod flakiness;
pub mod link;
