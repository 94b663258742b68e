//! The figures of an attempt at one moment, as the journal and the report have them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nanoseconds;

/// All figures of an attempt at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// The counters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// The gauges by name; those that were never set are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gauges: BTreeMap<String, GaugeSummary>,
    /// The timings by name; those without a duration are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timings: BTreeMap<String, TimingSummary>,
}

impl MetricsSnapshot {
    /// Whether there are no figures at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.gauges.is_empty() && self.timings.is_empty()
    }
}

/// What became of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GaugeSummary {
    /// The last value.
    pub last: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

/// What a timing holds. In JSON its durations are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingSummary {
    /// How many durations.
    pub n: u64,
    /// Their mean.
    #[serde(rename = "mean_ns", with = "nanoseconds")]
    pub mean: Duration,
    /// Half of them are not longer.
    #[serde(rename = "p50_ns", with = "nanoseconds")]
    pub p50: Duration,
    /// 95 % of them are not longer.
    #[serde(rename = "p95_ns", with = "nanoseconds")]
    pub p95: Duration,
    /// 99 % of them are not longer.
    #[serde(rename = "p99_ns", with = "nanoseconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(rename = "max_ns", with = "nanoseconds")]
    pub max: Duration,
}

/// Something that noticed a fault: see [`Metrics::signal`](super::Metrics::signal).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalGiven {
    /// What it is called.
    pub name: String,
    /// When, since the attempt began.
    pub at: Duration,
}
