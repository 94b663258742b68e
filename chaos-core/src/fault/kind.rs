//! The kinds of faults, with what each of them needs to know.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "toxiproxy")]
use super::Toxic;
use super::{Corruption, IdleEnd, PacketEffect, SqlError};
use crate::delay::Delay;
use crate::duration;
use crate::probability::Probability;
use crate::rate::Rate;

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultKind {
    /// See [`latency`](super::latency()).
    Latency {
        /// How much later each chunk is delivered.
        delay: Delay,
    },
    /// See [`bandwidth`](super::bandwidth()).
    Bandwidth {
        /// The most that is delivered.
        rate: Rate,
    },
    /// See [`slice`](super::slice()).
    Slice {
        /// The size of a piece in bytes, at least 1.
        size: u64,
        /// The time between two pieces.
        #[serde(with = "duration::text")]
        gap: Duration,
    },
    /// See [`stall`](super::stall()).
    Stall,
    /// See [`slow_close`](super::slow_close()).
    SlowClose {
        /// How much later the end of the stream is delivered.
        delay: Delay,
    },
    /// See [`limit`](super::limit()).
    Limit {
        /// How many bytes pass in each direction concerned.
        bytes: u64,
    },
    /// See [`cut`](super::cut()).
    Cut,
    /// See [`reset`](super::reset()).
    Reset,
    /// See [`refuse`](super::refuse()).
    Refuse,
    /// See [`latency_steps`](super::latency_steps()).
    LatencySteps {
        /// How much later each chunk is delivered, step by step.
        delays: Vec<Delay>,
        /// How long a step lasts. The last one lasts until the fault is cleared.
        #[serde(with = "duration::text")]
        each: Duration,
    },
    /// See [`black_hole`](super::black_hole()).
    BlackHole,
    /// See [`idle_drop`](super::idle_drop()).
    IdleDrop {
        /// How long the connection has to be quiet.
        #[serde(with = "duration::text")]
        after: Duration,
        /// What becomes of it then.
        end: IdleEnd,
    },
    /// See [`partition`](super::partition()).
    Partition,
    /// See [`hang`](super::hang()).
    Hang,
    /// See [`dead_peer`](super::dead_peer()).
    DeadPeer,
    /// See [`corrupt`](super::corrupt()) and [`corrupt_every`](super::corrupt_every()).
    Corrupt {
        /// Which bytes are changed.
        which: Corruption,
    },
    /// See [`duplicate`](super::duplicate()).
    Duplicate {
        /// Of how many chunks.
        probability: Probability,
    },
    /// See [`loss`](super::loss()), [`packet_duplication`](super::packet_duplication()), [`reordering`](super::reordering()) and [`packet_corruption`](super::packet_corruption()).
    Packets {
        /// What happens to packets.
        effect: PacketEffect,
        /// To how many.
        probability: Probability,
        /// How long a packet and its acknowledgement take together.
        #[serde(with = "duration::text")]
        round_trip: Duration,
    },
    /// See [`packet_delay`](super::packet_delay()).
    PacketDelay {
        /// How much later each packet arrives.
        delay: Delay,
    },
    /// See [`Packets::in_kernel`](super::Packets::in_kernel).
    KernelPackets {
        /// What happens to packets.
        effect: PacketEffect,
        /// To how many.
        probability: Probability,
    },
    /// See [`PacketDelay::in_kernel`](super::PacketDelay::in_kernel).
    KernelPacketDelay {
        /// How much later each packet arrives.
        delay: Delay,
    },
    /// What Toxiproxy does: see [`toxiproxy`](crate::toxiproxy).
    #[cfg(feature = "toxiproxy")]
    Toxic {
        /// What it does.
        does: Toxic,
    },
    /// See [`error`](super::error()).
    Error {
        /// What the client is told.
        error: Box<SqlError>,
    },
    /// See [`delay_message`](super::delay_message()).
    DelayMessage {
        /// How much later the message is delivered.
        delay: Delay,
    },
    /// See [`drop_message`](super::drop_message()).
    DropMessage,
    /// See [`duplicate_message`](super::duplicate_message()).
    DuplicateMessage,
    /// See [`corrupt_message`](super::corrupt_message()).
    CorruptMessage,
}

impl FaultKind {
    /// The name of the function that builds it, or of the type of the toxic.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Slice { .. } => "slice",
            Self::Stall => "stall",
            Self::SlowClose { .. } => "slow_close",
            Self::Limit { .. } => "limit",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Refuse => "refuse",
            Self::LatencySteps { .. } => "latency_steps",
            Self::BlackHole => "black_hole",
            Self::IdleDrop { .. } => "idle_drop",
            Self::Partition => "partition",
            Self::Hang => "hang",
            Self::DeadPeer => "dead_peer",
            Self::Corrupt { which: Corruption::Chunks { .. } } => "corrupt",
            Self::Corrupt { which: Corruption::EveryNth { .. } } => "corrupt_every",
            Self::Duplicate { .. } => "duplicate",
            Self::Packets { effect, .. } | Self::KernelPackets { effect, .. } => effect.name(),
            Self::PacketDelay { .. } | Self::KernelPacketDelay { .. } => "packet_delay",
            #[cfg(feature = "toxiproxy")]
            Self::Toxic { does } => does.type_name(),
            Self::Error { .. } => "error",
            Self::DelayMessage { .. } => "delay_message",
            Self::DropMessage => "drop_message",
            Self::DuplicateMessage => "duplicate_message",
            Self::CorruptMessage => "corrupt_message",
        }
    }

    /// Whether a link can see that the fault touched something.
    ///
    /// The kernel refuses connections on its own, and drops what would open one, so nobody hears of
    /// them; every other kind acts on bytes and connections that pass through the link.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        !matches!(self, Self::Refuse | Self::Hang)
    }

    /// Whether it acts where connections are opened.
    pub(crate) const fn is_at_the_door(&self) -> bool {
        matches!(self, Self::Refuse | Self::Hang | Self::Partition | Self::DeadPeer)
    }

    /// Whether it acts on connections that are open.
    pub(crate) const fn is_on_connections(&self) -> bool {
        !matches!(self, Self::Refuse | Self::Hang)
    }

    /// Whether it acts on the sockets of a connection, and not only on the bytes between them.
    pub(crate) const fn is_on_sockets(&self) -> bool {
        matches!(self, Self::DeadPeer) || self.is_in_kernel()
    }

    /// Whether it acts on real packets.
    pub(crate) const fn is_in_kernel(&self) -> bool {
        matches!(self, Self::KernelPackets { .. } | Self::KernelPacketDelay { .. })
    }

    /// Whether the fault has directions to choose from.
    pub(super) const fn is_directed(&self) -> bool {
        !matches!(
            self,
            Self::Cut
                | Self::Reset
                | Self::Refuse
                | Self::Hang
                | Self::IdleDrop { .. }
                | Self::DeadPeer
        ) && !self.is_of_one_message()
    }

    /// Whether it concerns single messages and nothing between them.
    pub(crate) const fn is_of_one_message(&self) -> bool {
        matches!(
            self,
            Self::Error { .. }
                | Self::DelayMessage { .. }
                | Self::DropMessage
                | Self::DuplicateMessage
                | Self::CorruptMessage
        )
    }
}
