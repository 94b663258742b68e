//! The labels of faults, as every report has them.

use std::fmt;

use super::{Corruption, Fault, FaultKind, IdleEnd, PacketEffect};
use crate::duration;
use crate::rate::ByteSize;
use crate::trigger::Trigger;

/// `latency 80ms–120ms ↓`: the label of the fault in every report.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if self.kind.is_directed() {
            write!(f, " {}", self.directions)?;
        }
        if let Some(seen) = &self.seen {
            write!(f, " when {seen}")?;
        }
        if self.after.0 > 0 {
            write!(f, " after {}", self.after)?;
        }
        if let Some(moment) = &self.message {
            write!(f, " {moment}")?;
        }
        if self.counts_over_link() {
            f.write_str(" over the link")?;
        }
        if self.trigger != Trigger::Always {
            write!(f, " on {}", self.trigger)?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nobody is to take the model for packets that were really lost.
        match self {
            Self::Packets { .. } | Self::PacketDelay { .. } => f.write_str("modelled ")?,
            Self::KernelPackets { .. } | Self::KernelPacketDelay { .. } => {
                f.write_str("kernel ")?;
            }
            _ => {}
        }
        #[cfg(feature = "toxiproxy")]
        if let Self::Toxic { does } = self {
            return does.fmt(f);
        }
        f.write_str(self.name())?;
        match self {
            Self::Latency { delay }
            | Self::SlowClose { delay }
            | Self::PacketDelay { delay }
            | Self::KernelPacketDelay { delay } => write!(f, " {delay}"),
            Self::KernelPackets { probability, .. } => write!(f, " {probability}"),
            Self::Bandwidth { rate } => write!(f, " {rate}"),
            Self::Slice { size, gap } => {
                write!(f, " {} every {}", ByteSize(*size), duration::Display(*gap))
            }
            Self::Limit { bytes } => write!(f, " {}", ByteSize(*bytes)),
            Self::LatencySteps { delays, each } => {
                for (index, delay) in delays.iter().enumerate() {
                    write!(f, "{}{delay}", if index == 0 { " " } else { ", " })?;
                }
                write!(f, " every {}", duration::Display(*each))
            }
            Self::IdleDrop { after, end } => {
                write!(f, " ({end}) when idle for {}", duration::Display(*after))
            }
            Self::Corrupt { which: Corruption::Chunks { probability } }
            | Self::Duplicate { probability } => write!(f, " {probability} of the chunks"),
            Self::Corrupt { which: Corruption::EveryNth { bytes } } => {
                write!(f, " {}", ByteSize(bytes.get()))
            }
            Self::Packets { probability, round_trip, .. } => {
                write!(f, " {probability}")?;
                if *round_trip == PacketEffect::DEFAULT_ROUND_TRIP {
                    return Ok(());
                }
                write!(f, " at a round trip of {}", duration::Display(*round_trip))
            }
            Self::Error { error } => write!(f, " {error}"),
            Self::DelayMessage { delay } => write!(f, " {delay}"),
            Self::Stall
            | Self::DropMessage
            | Self::DuplicateMessage
            | Self::CorruptMessage
            | Self::Cut
            | Self::Reset
            | Self::Refuse
            | Self::BlackHole
            | Self::Partition
            | Self::Hang
            | Self::DeadPeer => Ok(()),
            #[cfg(feature = "toxiproxy")]
            Self::Toxic { .. } => Ok(()),
        }
    }
}

impl fmt::Display for IdleEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "silent",
            Self::Fin => "FIN",
            Self::Reset => "RST",
        })
    }
}
