//! What happens to packets, as a model of its consequences under TCP.
//!
//! An application above TCP never sees that packets are lost, doubled, overtaken or damaged: it
//! sees that bytes come later. These faults delay bytes by what TCP takes to make up for it, and
//! never lose one. The model: a packet carries up to 1448 bytes of a chunk.
//!
//! * A *lost* one, and all behind it, waits until it is sent again: a round trip when three later
//!   ones arrive and give the loss away (RFC 5681), and a quarter of one more when it is only one or
//!   two (RACK: RFC 8985, section 6.2). Where none arrives, the sender probes after two round trips
//!   while two are not acknowledged (section 7.2), else it waits a round trip and 200 ms (RFC 6298,
//!   with the shortest timeout of Linux). That doubles with each time that one is lost again.
//! * A sender takes losses for congestion. So no more is under way in a round trip than CUBIC has on
//!   average at this loss p and this round trip R (RFC 9438, section 5.1, and Reno where that is
//!   more): the larger of 1.054 (R/p)^0.75 and (1.5/p)^0.5 packets, such as 12 at 1 %.
//! * A *damaged* one fails its checksum, and is lost.
//! * One that is *overtaken* comes half a round trip late, and what is behind it waits.
//! * The copy of a *doubled* one takes its time on the wire, 12 µs, before what is behind it.
//!
//! Each of them can be done to real packets instead, where the kernel allows it: see
//! [`Packets::in_kernel`](super::Packets::in_kernel).
//!
//! So it is a model of a Linux sender with SACK, RACK and CUBIC. Beside that of a kernel (Linux 6.18,
//! `cargo run -p chaos-benches --bin link -- packets`), with packets lost in both directions:
//!
//! | loss | late requests (64 B) | late requests (5.8 kB) | bulk at 20 ms |
//! |---|---|---|---|
//! | 1 % | 0.98 | 1.36 | 0.88 |
//! | 5 % | 0.92 | 0.94 | 1.46 |
//! | 10 % | 0.93 | 0.92 | 1.84 |
//!
//! Each is the model's over the kernel's; late is 190 ms and more. What the model leaves out: the
//! first seconds of a connection, in which its window is still wider than the average where losses
//! are rare (in three seconds at 80 ms and 1 % the model sends 0.37 of what the kernel does); that
//! RACK may find a loss of what was sent again; lost acknowledgements; and the ticks of the kernel's
//! timers. A kernel whose congestion control is BBR does not take losses for congestion, and is
//! several times faster; for that, use [`in_kernel`](super::Packets::in_kernel).
//!
//! What happens to a packet is drawn from the seed, the link, the connection, the direction and the
//! ordinal of the packet.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::alteration::possible;
use super::builder::{PacketDelay, Packets};
use super::{Fault, FaultKind};
use crate::delay::IntoDelay;
use crate::probability::Probability;

/// What happens to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PacketEffect {
    /// They are lost.
    Loss,
    /// They come twice.
    Duplication,
    /// They are overtaken by others.
    Reordering,
    /// They are damaged, so that their receiver drops them.
    Corruption,
}

impl PacketEffect {
    /// The round trip that is assumed where none is given.
    pub const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(1);

    /// The name of the function that builds the fault.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Duplication => "packet_duplication",
            Self::Reordering => "reordering",
            Self::Corruption => "packet_corruption",
        }
    }
}

/// Delays bytes as TCP does when this part of the packets is lost. No byte is lost.
///
/// With 5 % in both directions, about one request in ten takes 200 ms longer.
///
/// The sender that is modelled is that of Linux with RACK and CUBIC (RFC 8985, 9438). Bulk transfers
/// at a round trip of 20 ms were 0.9, 1.5 and 1.8 times as fast as the kernel's at 1, 5 and 10 %.
/// Under BBR, which does not take losses for congestion, they are several times faster.
///
/// ```
/// use chaos_core::prelude::*;
///
/// let fault = loss(1.percent()).round_trip(40.ms()).downstream();
/// assert_eq!(Fault::from(fault).to_string(), "modelled loss 1 % at a round trip of 40ms ↓");
/// ```
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn loss(probability: Probability) -> Packets {
    packets(PacketEffect::Loss, probability)
}

/// Delays bytes as TCP does when this part of the packets comes twice. No byte comes twice; for
/// that see [`duplicate`](super::duplicate).
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn packet_duplication(probability: Probability) -> Packets {
    packets(PacketEffect::Duplication, probability)
}

/// Delays bytes as TCP does when this part of the packets is overtaken. Bytes keep their order.
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn reordering(probability: Probability) -> Packets {
    packets(PacketEffect::Reordering, probability)
}

/// Delays bytes as TCP does when this part of the packets is damaged. No byte is changed; for that
/// see [`corrupt`](super::corrupt).
///
/// # Panics
///
/// When the probability is 0.
#[track_caller]
pub fn packet_corruption(probability: Probability) -> Packets {
    packets(PacketEffect::Corruption, probability)
}

/// Delays bytes as TCP does when packets come later by this much. Where delays differ, packets
/// overtake each other, and what is behind a late one waits for it.
///
/// In the model that is [`latency`](super::latency()) under another name; it is here for
/// [`in_kernel`](super::PacketDelay::in_kernel).
///
/// # Panics
///
/// When the delay is a range, and empty.
#[track_caller]
pub fn packet_delay(delay: impl IntoDelay) -> PacketDelay {
    Fault::new(FaultKind::PacketDelay { delay: delay.into_delay() }).into()
}

#[track_caller]
fn packets(effect: PacketEffect, probability: Probability) -> Packets {
    possible(probability, effect.name());
    let round_trip = PacketEffect::DEFAULT_ROUND_TRIP;
    Fault::new(FaultKind::Packets { effect, probability, round_trip }).into()
}
