//! Simulated tests whose failure rates are known, and the best that can be said of them.

pub mod oracle;
pub mod suite;
