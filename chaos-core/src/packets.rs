//! What this machine allows to be done to real packets.
//!
//! A link is a pair of ordinary sockets, and the kernel of either side makes up for what happens to
//! packets below. To break packets is to ask the kernel for something that it does not grant
//! everywhere. So everything here is tried out before it is promised, and what is refused is an
//! [`Unavailable`] that says why.

use std::fmt;

use crate::error::with_sources;

#[cfg(target_os = "linux")]
pub(crate) mod deaf;
#[cfg(not(target_os = "linux"))]
#[path = "packets/deaf_nowhere.rs"]
pub(crate) mod deaf;
#[cfg(target_os = "linux")]
pub(crate) mod wire;

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

/// How real packet faults are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mechanism {
    /// A wire of our own between private networks, to which the process has a right of its own.
    PrivateNetwork,
    /// The same, in a user namespace, which needs no right.
    UserNamespace,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateNetwork => "a wire between private networks",
            Self::UserNamespace => "a wire between private networks in a user namespace",
        })
    }
}

/// Says how faults can be done to real packets here, by trying it out once in a process.
///
/// # Errors
///
/// [`Unavailable`] where nothing works, with the reason.
pub fn probe() -> Result<Mechanism, Unavailable> {
    #[cfg(target_os = "linux")]
    return wire::probe().map(Mechanism::from);
    #[cfg(not(target_os = "linux"))]
    Err(Unavailable::new("packet faults are", "this system is not Linux"))
}

/// Has connections on which real packets are hurt from now on avoid congestion by the algorithm that
/// Linux knows by this name, instead of that of the machine. It is for benches.
#[doc(hidden)]
pub fn use_congestion_control(name: Option<&'static str>) {
    #[cfg(target_os = "linux")]
    wire::use_congestion_control(name);
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Has the wire of this process there from now on. Where an attempt failed, this is another one.
pub(crate) fn bring_up() -> Result<Mechanism, Unavailable> {
    #[cfg(target_os = "linux")]
    return wire::Wire::bring_up().map(|wire| wire.namespace().into());
    #[cfg(not(target_os = "linux"))]
    probe()
}

/// Does what this process was started for, and ends it, if it was started to help another one with
/// packets; otherwise returns at once.
///
/// `chaos_harness::main!()` calls it. A program without the harness does so while it has a single
/// thread, where the arguments of [`reexec::set_arguments`](crate::reexec::set_arguments) lead.
pub fn serve_if_asked() {
    #[cfg(target_os = "linux")]
    wire::serve_if_asked();
}

#[cfg(target_os = "linux")]
impl From<wire::Namespace> for Mechanism {
    fn from(namespace: wire::Namespace) -> Self {
        match namespace {
            wire::Namespace::Network => Self::PrivateNetwork,
            wire::Namespace::User => Self::UserNamespace,
        }
    }
}
