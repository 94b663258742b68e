//! Toxics as Toxiproxy's API writes them: a type, and attributes of that type.

use serde::Serialize;

use crate::fault::Toxic;

/// The attributes of a toxic, in the order in which the original writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Attributes {
    Noop {},
    Latency { latency: i64, jitter: i64 },
    Bandwidth { rate: i64 },
    SlowClose { delay: i64 },
    Timeout { timeout: i64 },
    Slicer { average_size: i64, size_variation: i64, delay: i64 },
    LimitData { bytes: i64 },
}

impl From<Toxic> for Attributes {
    fn from(toxic: Toxic) -> Self {
        match toxic {
            Toxic::Noop => Self::Noop {},
            Toxic::Latency { latency, jitter } => Self::Latency { latency, jitter },
            Toxic::Bandwidth { rate } => Self::Bandwidth { rate },
            Toxic::SlowClose { delay } => Self::SlowClose { delay },
            Toxic::Timeout { timeout } | Toxic::ResetPeer { timeout } => Self::Timeout { timeout },
            Toxic::Slicer { average_size, size_variation, delay } => {
                Self::Slicer { average_size, size_variation, delay }
            }
            Toxic::LimitData { bytes } => Self::LimitData { bytes },
        }
    }
}

/// A toxic of this type with all attributes at 0, which is what the original gives those that are
/// missing; `None` for a type that there is not.
pub(super) fn of_type(name: &str) -> Option<Toxic> {
    Some(match name {
        "noop" => Toxic::Noop,
        "latency" => Toxic::Latency { latency: 0, jitter: 0 },
        "bandwidth" => Toxic::Bandwidth { rate: 0 },
        "slow_close" => Toxic::SlowClose { delay: 0 },
        "timeout" => Toxic::Timeout { timeout: 0 },
        "reset_peer" => Toxic::ResetPeer { timeout: 0 },
        "slicer" => Toxic::Slicer { average_size: 0, size_variation: 0, delay: 0 },
        "limit_data" => Toxic::LimitData { bytes: 0 },
        _ => return None,
    })
}

/// The attributes by name, to be read or changed.
pub(super) fn attributes_mut(toxic: &mut Toxic) -> Vec<(&'static str, &mut i64)> {
    match toxic {
        Toxic::Noop => vec![],
        Toxic::Latency { latency, jitter } => vec![("latency", latency), ("jitter", jitter)],
        Toxic::Bandwidth { rate } => vec![("rate", rate)],
        Toxic::SlowClose { delay } => vec![("delay", delay)],
        Toxic::Timeout { timeout } | Toxic::ResetPeer { timeout } => vec![("timeout", timeout)],
        Toxic::Slicer { average_size, size_variation, delay } => vec![
            ("average_size", average_size),
            ("size_variation", size_variation),
            ("delay", delay),
        ],
        Toxic::LimitData { bytes } => vec![("bytes", bytes)],
    }
}
