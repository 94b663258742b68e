//! What a test may require of the machine.

/// The names that `requires(..)` knows; chaos-harness has a probe for each in its `capability.rs`.
pub(crate) const KNOWN: [&str; 3] = ["root", "redis", "packet_faults"];
