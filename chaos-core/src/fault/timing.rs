//! Faults that deliver everything, but later.

use std::time::Duration;

use super::builder::{Bandwidth, Latency, LatencySteps, Slice, SlowClose, Stall};
use super::{Fault, FaultKind};
use crate::delay::IntoDelay;
use crate::duration;
use crate::rate::Rate;

/// Delivers every chunk of data later by `delay`; order is kept, and throughput is not reduced.
///
/// Delays overlap: a bulk transfer through 50 ms of latency is delayed by 50 ms in all, as on a
/// long line. When the fault is cleared, what was held is delivered at once.
///
/// A line whose ways differ is two faults:
///
/// ```
/// use chaos_core::prelude::*;
///
/// let to_the_server = latency(20.ms()).upstream();
/// let from_the_server = latency(150.ms()..=250.ms()).downstream();
/// ```
///
/// # Panics
///
/// When the delay is a range, and empty.
#[track_caller]
pub fn latency(delay: impl IntoDelay) -> Latency {
    Fault::new(FaultKind::Latency { delay: delay.into_delay() }).into()
}

/// Delivers every chunk of data later, by a delay that changes as time goes by.
///
/// Each delay holds for `each`, counted from when the fault was injected; the last one holds until
/// it is cleared. Order is kept, and throughput is not reduced.
///
/// ```
/// use chaos_core::prelude::*;
///
/// // A replica that falls behind: 10 ms, after five seconds 50 ms, after ten 250 ms.
/// let fault = latency_steps([10.ms(), 50.ms(), 250.ms()], 5.secs()).downstream();
/// ```
///
/// # Panics
///
/// When there is no delay, when `each` is 0, and when a delay is a range and empty.
#[track_caller]
pub fn latency_steps(
    delays: impl IntoIterator<Item = impl IntoDelay>,
    each: Duration,
) -> LatencySteps {
    let delays: Vec<_> = delays.into_iter().map(IntoDelay::into_delay).collect();
    assert!(!delays.is_empty(), "latency in steps has at least 1 step, such as `[50.ms()]`");
    assert!(
        !each.is_zero(),
        "a step of latency lasts longer than {}; for one delay use `latency(..)`",
        duration::Display(each)
    );
    Fault::new(FaultKind::LatencySteps { delays, each }).into()
}

/// Delivers at most `rate`, in each direction concerned and on each connection.
pub fn bandwidth(rate: Rate) -> Bandwidth {
    Fault::new(FaultKind::Bandwidth { rate }).into()
}

/// Delivers bytes in pieces of `size` bytes, with `gap` between two pieces.
///
/// Every piece is written on its own, so that the receiver sees messages torn apart.
///
/// # Panics
///
/// When `size` is 0.
#[track_caller]
pub fn slice(size: u64, gap: Duration) -> Slice {
    assert!(size > 0, "a slice has at least 1 byte; to deliver nothing use `stall()`");
    Fault::new(FaultKind::Slice { size, gap }).into()
}

/// Holds all bytes until the fault is cleared, and then delivers them.
///
/// The connection stays open, and its peers go on acknowledging: to the application this is a
/// server that does not answer.
pub fn stall() -> Stall {
    Fault::new(FaultKind::Stall).into()
}

/// Delivers the end of the stream (FIN) later by `delay`; data is not delayed.
#[track_caller]
pub fn slow_close(delay: impl IntoDelay) -> SlowClose {
    Fault::new(FaultKind::SlowClose { delay: delay.into_delay() }).into()
}
