//! The figures of a baseline, for reports.

use chaos_core::stats::{Interval, SampleSummary};
use serde::{Deserialize, Serialize};

/// What some measured values come to, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BaselineFigures {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean_ns: f64,
    /// Their standard deviation.
    pub deviation_ns: f64,
    /// The least.
    pub min_ns: f64,
    /// The median.
    pub p50_ns: f64,
    /// At least 95 % of the values are not greater.
    pub p95_ns: f64,
    /// At least 99 % of the values are not greater.
    pub p99_ns: f64,
    /// The greatest.
    pub max_ns: f64,
    /// The 95 % interval of the mean, by Student's t.
    pub mean_95_ns: Range,
    /// The 99 % interval of the mean, by Student's t.
    pub mean_99_ns: Range,
    /// The 95 % interval of the median, by the bootstrap.
    pub median_95_ns: Range,
    /// The 99 % interval of the median, by the bootstrap.
    pub median_99_ns: Range,
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Range {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Interval> for Range {
    fn from(interval: Interval) -> Self {
        Self { low: interval.low, high: interval.high }
    }
}

/// Of figures in seconds.
impl From<&SampleSummary> for BaselineFigures {
    fn from(summary: &SampleSummary) -> Self {
        // Tenths of a nanosecond are beyond every clock.
        let nanos = |seconds: f64| (seconds * 1e10).round() / 10.0;
        let range = |it: Interval| Range { low: nanos(it.low), high: nanos(it.high) };
        Self {
            n: summary.n,
            mean_ns: nanos(summary.mean),
            deviation_ns: nanos(summary.deviation),
            min_ns: nanos(summary.min),
            p50_ns: nanos(summary.median),
            p95_ns: nanos(summary.p95),
            p99_ns: nanos(summary.p99),
            max_ns: nanos(summary.max),
            mean_95_ns: range(summary.mean_95),
            mean_99_ns: range(summary.mean_99),
            median_95_ns: range(summary.median_95),
            median_99_ns: range(summary.median_99),
        }
    }
}
