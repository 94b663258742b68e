//! What this machine allows to be done to real packets.
//!
//! A link is a pair of ordinary sockets, and the kernel of either side makes up for what happens to
//! packets below. To break packets is to ask the kernel for something that it does not grant
//! everywhere. So everything here is tried out before it is promised, and what is refused is an
//! [`Unavailable`] that says why.

use crate::error::with_sources;

#[cfg(target_os = "linux")]
pub(crate) mod deaf;
#[cfg(not(target_os = "linux"))]
#[path = "packets/deaf_nowhere.rs"]
pub(crate) mod deaf;

/// Why something cannot be done to packets on this machine.
///
/// In a test that says `#[chaos_test(requires(packet_faults))]` it is the reason for a skip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} not available here, because {reason}")]
pub struct Unavailable {
    what: &'static str,
    reason: String,
}

impl Unavailable {
    pub(crate) fn new(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into() }
    }

    /// Why, as a clause: `this system is not Linux`.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// What went wrong and where, as the reason of an [`Unavailable`].
pub(crate) fn failed_to(action: &str, error: &(dyn std::error::Error + 'static)) -> String {
    format!("{action} failed: {}", with_sources(error))
}
