//! What our faults are to Toxiproxy, and which are nothing to it.

use std::time::Duration;

use serde_json::{Value, json};

use super::ToxiproxyError;
use crate::delay::Delay;
use crate::direction::Direction;
use crate::duration;
use crate::fault::{Fault, FaultKind, Toxic};
use crate::toxiproxy::toxics::Attributes;
use crate::trigger::{Counting, Trigger};

/// What is to be done to a proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// It is disabled.
    Disable,
    /// It gets these toxics.
    Toxics(Vec<Wanted>),
}

/// A toxic that a proxy is to get.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) direction: Direction,
    toxicity: f64,
    does: Toxic,
}

impl Wanted {
    /// The body of the request, with this name.
    pub(super) fn body(&self, name: &str) -> Value {
        json!({
            "name": name,
            "type": self.does.type_name(),
            "stream": stream(self.direction),
            "toxicity": self.toxicity,
            "attributes": Attributes::from(self.does),
        })
    }
}

pub(super) const fn stream(direction: Direction) -> &'static str {
    match direction {
        Direction::Upstream => "upstream",
        Direction::Downstream => "downstream",
    }
}

/// What Toxiproxy is to do for this fault.
pub(super) fn of(fault: &Fault) -> Result<Deed, ToxiproxyError> {
    deed(fault).map_err(|because| ToxiproxyError::Unsupported { fault: fault.to_string(), because })
}

fn deed(fault: &Fault) -> Result<Deed, String> {
    let waits = fault.after.0 > 0 || fault.seen.is_some() || fault.message.is_some();
    if waits || fault.counting != Counting::default() {
        return Err(
            "it does not look at what passes; inject the fault when it is to begin".to_owned()
        );
    }
    let toxicity = match fault.trigger {
        Trigger::Always => 1.0,
        Trigger::Probability(probability) => probability.get(),
        _ => return Err("it does not count connections; give a probability, or none".to_owned()),
    };
    if fault.kind == FaultKind::Cut {
        if toxicity < 1.0 {
            return Err("it ends all connections of a proxy, or none; use `limit(0)`".to_owned());
        }
        return Ok(Deed::Disable);
    }
    let does = toxic(&fault.kind)?;
    let mut directions: Vec<_> = [Direction::Upstream, Direction::Downstream]
        .into_iter()
        .filter(|direction| fault.directions.contains(*direction))
        .collect();
    if toxicity < 1.0 && directions.len() > 1 {
        if fault.kind != FaultKind::Reset {
            return Err(
                "it draws for each direction by itself; add `.upstream()` or `.downstream()`"
                    .to_owned(),
            );
        }
        // Clients speak first, and one direction is enough to reset both.
        directions.truncate(1);
    }
    let wanted = |direction| Wanted { direction, toxicity, does };
    Ok(Deed::Toxics(directions.into_iter().map(wanted).collect()))
}

fn toxic(kind: &FaultKind) -> Result<Toxic, String> {
    Ok(match *kind {
        FaultKind::Latency { delay } => with_jitter(delay)?,
        FaultKind::Bandwidth { rate } => {
            let bytes = rate.bytes_per_sec();
            let rate = bytes.saturating_add(500) / 1000;
            // One hundredth of what was asked for.
            if rate == 0 || (rate * 1000).abs_diff(bytes) > bytes / 100 {
                return Err("it counts rates in 1000 bytes a second".to_owned());
            }
            Toxic::Bandwidth { rate: number(rate)? }
        }
        FaultKind::Stall => Toxic::Bandwidth { rate: 0 },
        FaultKind::Slice { size, gap } => Toxic::Slicer {
            average_size: number(size)?,
            size_variation: 0,
            delay: whole(gap, Duration::from_micros(1), "microseconds")?,
        },
        FaultKind::SlowClose { delay: Delay::Fixed { delay } } => {
            Toxic::SlowClose { delay: millis(delay)? }
        }
        FaultKind::SlowClose { .. } => {
            return Err("it delays the end of all connections alike; give one delay".to_owned());
        }
        FaultKind::Limit { bytes } => Toxic::LimitData { bytes: number(bytes)? },
        FaultKind::BlackHole => Toxic::Timeout { timeout: 0 },
        FaultKind::Reset => Toxic::ResetPeer { timeout: 0 },
        FaultKind::Toxic { does } => does,
        FaultKind::Refuse => {
            return Err("it refuses new connections only when it ends those that are open; use \
                        `cut()`, which does both there"
                .to_owned());
        }
        FaultKind::LatencySteps { .. } => {
            return Err(
                "its delays do not change by themselves; hold several latencies in a schedule"
                    .to_owned(),
            );
        }
        FaultKind::IdleDrop { .. } => {
            return Err(
                "its `timeout` loses data; there is nothing that leaves busy connections alone"
                    .to_owned(),
            );
        }
        FaultKind::Hang | FaultKind::Partition | FaultKind::DeadPeer => {
            return Err(
                "it accepts all connections; use `black_hole()`, or a link of your own".to_owned()
            );
        }
        FaultKind::Packets { .. } => {
            return Err("it knows streams, not packets; use a link of your own".to_owned());
        }
        _ => return Err("it does not change what it delivers; use a link of your own".to_owned()),
    })
}

fn with_jitter(delay: Delay) -> Result<Toxic, String> {
    match delay {
        Delay::Fixed { delay } => Ok(Toxic::Latency { latency: millis(delay)?, jitter: 0 }),
        Delay::Uniform { min, max } => {
            let (min, max) = (millis(min)?, millis(max)?);
            if (max - min) % 2 != 0 {
                return Err(format!(
                    "its jitter is so many whole milliseconds to both sides; write {min}ms to {}ms",
                    max + 1
                ));
            }
            let jitter = (max - min) / 2;
            Ok(Toxic::Latency { latency: min + jitter, jitter })
        }
        _ => Err("its jitter is even on both sides; give a range such as 80ms to 120ms".to_owned()),
    }
}

fn millis(time: Duration) -> Result<i64, String> {
    whole(time, Duration::from_millis(1), "milliseconds")
}

/// How many of a unit a time is.
fn whole(time: Duration, unit: Duration, name: &str) -> Result<i64, String> {
    if time.as_nanos() % unit.as_nanos() != 0 {
        return Err(format!("it counts this in whole {name}, not {}", duration::Display(time)));
    }
    let units = u64::try_from(time.as_nanos() / unit.as_nanos());
    units.map_err(|_| format!("{} is too long for it", duration::Display(time))).and_then(number)
}

fn number(number: u64) -> Result<i64, String> {
    i64::try_from(number).map_err(|_| format!("{number} is too large for it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::rate::Rate;

    fn written(fault: impl Into<Fault>) -> String {
        match of(&fault.into()) {
            Ok(Deed::Disable) => "disabled".to_owned(),
            Ok(Deed::Toxics(toxics)) => {
                let each = toxics.iter().map(|wanted| {
                    let Wanted { direction, toxicity, does } = wanted;
                    format!("{} {toxicity} {does}", stream(*direction))
                });
                each.collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn faults_become_toxics() {
        for (fault, expected) in [
            (
                Fault::from(latency(80.ms()..=120.ms()).downstream()),
                "downstream 1 toxic latency 100 ms ± 20 ms",
            ),
            (
                latency(50.ms()).into(),
                "upstream 1 toxic latency 50 ms ± 0 ms; downstream 1 toxic latency 50 ms ± 0 ms",
            ),
            (
                bandwidth(Rate::new(102_400).unwrap()).upstream().into(),
                "upstream 1 toxic bandwidth 102 kB/s",
            ),
            (stall().upstream().into(), "upstream 1 toxic bandwidth 0 kB/s"),
            (
                slice(10, 50.us()).upstream().into(),
                "upstream 1 toxic slicer 10 ± 0 bytes every 50 us",
            ),
            (slow_close(1.secs()).downstream().into(), "downstream 1 toxic slow_close 1000 ms"),
            (limit(64).downstream().into(), "downstream 1 toxic limit_data 64 bytes"),
            (black_hole().downstream().into(), "downstream 1 toxic timeout 0 ms"),
            (
                reset().into(),
                "upstream 1 toxic reset_peer 0 ms; downstream 1 toxic reset_peer 0 ms",
            ),
            (reset().on(25.percent()).into(), "upstream 0.25 toxic reset_peer 0 ms"),
            (cut().into(), "disabled"),
        ] {
            assert_eq!(written(fault), expected);
        }
    }

    #[test]
    fn what_it_cannot_do_is_refused_with_a_sentence() {
        for (fault, expected) in [
            (Fault::from(reset().on(nth(3))), "it does not count connections"),
            (cut().when_seen(b"COMMIT").into(), "it does not look at what passes"),
            (cut().after_bytes(5).into(), "it does not look at what passes"),
            (cut().on(50.percent()).into(), "it ends all connections of a proxy, or none"),
            (latency(Delay::log_normal(20.ms(), 0.5)).into(), "its jitter is even on both sides"),
            (latency(5.ms()..=10.ms()).into(), "write 5ms to 11ms"),
            (latency(1_500.us()).into(), "in whole milliseconds, not 1.5ms"),
            (latency(5.ms()).on(5.percent()).into(), "it draws for each direction by itself"),
            (bandwidth(Rate::new(1_500).unwrap()).into(), "in 1000 bytes a second"),
            (bandwidth(Rate::new(100).unwrap()).into(), "in 1000 bytes a second"),
            (corrupt(5.percent()).into(), "it does not change what it delivers"),
            (loss(5.percent()).into(), "it knows streams, not packets"),
            (partition().into(), "it accepts all connections"),
            (refuse().into(), "use `cut()`, which does both there"),
            (idle_drop(1.secs()).into(), "leaves busy connections alone"),
            (latency_steps([5.ms()], 1.secs()).into(), "hold several latencies in a schedule"),
            (slow_close(5.ms()..=9.ms()).into(), "give one delay"),
        ] {
            let label = fault.to_string();
            let sentence = written(fault);
            assert!(
                sentence.starts_with(&format!("Toxiproxy cannot do `{label}`: ")),
                "{sentence}"
            );
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
