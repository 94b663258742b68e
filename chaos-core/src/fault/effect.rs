//! Which errors of clients a fault may be behind.

use serde::{Deserialize, Serialize};

use super::{FaultKind, FaultSpec, PoolFaultKind, SessionFaultKind};

/// Which errors of clients a fault may be behind: what is asked when the error of a test is to be put
/// down to a fault, or to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Everything arrives, only later: limits of time are exceeded.
    Delays,
    /// Connections end, are refused, or hear nothing more: also what was open is lost.
    Interrupts,
    /// Answers change, or the server itself does: any error.
    Anything,
}

impl FaultSpec {
    /// Which errors of clients the fault may be behind.
    ///
    /// ```
    /// use chaos_core::fault::{Effect, Fault, FaultSpec, cut, latency};
    /// use std::time::Duration;
    ///
    /// let effect = |fault: Fault| FaultSpec::from(fault).effect();
    /// assert_eq!(effect(latency(Duration::from_millis(80)).into()), Effect::Delays);
    /// assert_eq!(effect(cut().into()), Effect::Interrupts);
    /// ```
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Link(fault) => of_link(&fault.kind),
            Self::Session(fault) => match fault.kind {
                SessionFaultKind::LockTable { .. }
                | SessionFaultKind::LockRows { .. }
                | SessionFaultKind::LockAdvisory { .. }
                | SessionFaultKind::Slow { .. }
                | SessionFaultKind::HoldSnapshot => Effect::Delays,
                _ => Effect::Anything,
            },
            Self::Pool(fault) => match fault.kind {
                PoolFaultKind::Exhaust { .. }
                | PoolFaultKind::SlowCheckout { .. }
                | PoolFaultKind::SlowConnect { .. } => Effect::Delays,
                _ => Effect::Anything,
            },
            Self::Server(_) | Self::Damage(_) => Effect::Anything,
        }
    }
}

const fn of_link(kind: &FaultKind) -> Effect {
    match kind {
        FaultKind::Latency { .. }
        | FaultKind::LatencySteps { .. }
        | FaultKind::Bandwidth { .. }
        | FaultKind::Slice { .. }
        | FaultKind::SlowClose { .. }
        | FaultKind::DelayMessage { .. }
        | FaultKind::Packets { .. }
        | FaultKind::PacketDelay { .. }
        | FaultKind::KernelPackets { .. }
        | FaultKind::KernelPacketDelay { .. } => Effect::Delays,
        FaultKind::Stall
        | FaultKind::Limit { .. }
        | FaultKind::Cut
        | FaultKind::Reset
        | FaultKind::Refuse
        | FaultKind::BlackHole
        | FaultKind::IdleDrop { .. }
        | FaultKind::Partition
        | FaultKind::Hang
        | FaultKind::DeadPeer => Effect::Interrupts,
        #[cfg(feature = "toxiproxy")]
        FaultKind::Toxic { .. } => Effect::Interrupts,
        FaultKind::Corrupt { .. }
        | FaultKind::Duplicate { .. }
        | FaultKind::Error { .. }
        | FaultKind::DropMessage
        | FaultKind::DuplicateMessage
        | FaultKind::CorruptMessage => Effect::Anything,
    }
}
