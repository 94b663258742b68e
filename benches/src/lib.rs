//! Measurements of the library.

pub mod link;
