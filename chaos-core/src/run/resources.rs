//! What the processes of the attempt and the machine used in each phase of a run.
//!
//! The kernel counts; it is asked when a phase begins and when it ends, so nothing runs in between. Away
//! from Linux it does not tell, and these figures are absent.

use std::time::Instant;

use crate::machine::counters::{Counters, GroupUsage, ProcessGroup, Reading};
use crate::metrics::Metrics;

/// Processors in use by the processes of the attempt: 1.5 is one and a half of them.
pub(super) const CPU: &str = "chaos.process.cpu";
/// For how long threads of the attempt wanted a processor and had none, in seconds per second, summed
/// over threads: what the scheduler made them wait.
pub(super) const DELAY: &str = "chaos.process.scheduling_delay";
/// What they had in memory at the end of the phase, in bytes.
pub(super) const MEMORY: &str = "chaos.process.memory";
/// The share of the time in which the processors of the machine were busy, by whomever.
pub(super) const MACHINE: &str = "chaos.machine.cpu";

/// The names of all of them.
pub(super) const NAMES: [&str; 4] = [CPU, DELAY, MEMORY, MACHINE];

/// What was used until the last phase ended.
#[derive(Debug)]
pub(super) struct Resources {
    counters: Counters,
    group: ProcessGroup,
    at: Instant,
    used: GroupUsage,
    machine: Reading,
}

impl Resources {
    pub(super) fn new() -> Self {
        let counters = Counters::new();
        // Under the harness an attempt leads a group, to which all that it starts belongs.
        let mut group = ProcessGroup::led_by(std::process::id());
        let (at, used, machine) = (Instant::now(), group.look(), counters.read());
        Self { counters, group, at, used, machine }
    }

    /// Ends a phase: sets the gauges to what was used in it.
    pub(super) fn end_phase(&mut self, metrics: &Metrics) {
        let (at, used, machine) = (Instant::now(), self.group.look(), self.counters.read());
        let seconds = (at - self.at).as_secs_f64().max(1e-6);
        if self.group.memory() > 0 {
            let share = |now: u64, before: u64| ms(now.saturating_sub(before)) / seconds;
            metrics.gauge(CPU).set(share(used.ran_ms, self.used.ran_ms));
            metrics.gauge(DELAY).set(share(used.waited_ms, self.used.waited_ms));
            metrics.gauge(MEMORY).set(bytes(self.group.memory()));
        }
        if let Some(cpu) = machine.since(&self.machine).cpu {
            metrics.gauge(MACHINE).set(cpu);
        }
        (self.at, self.used, self.machine) = (at, used, machine);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn ms(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
fn bytes(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journal::Journal;

    #[test]
    fn a_phase_that_works_is_told_from_one_that_rests() {
        let metrics = Metrics::new(Journal::in_memory());
        let mut resources = Resources::new();
        let worked = Instant::now();
        while worked.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        resources.end_phase(&metrics);
        let value = |name: &str| metrics.gauge(name).get();
        // It worked or waited for a processor all the time; other tests of the process add to it.
        let busy = value(CPU).unwrap() + value(DELAY).unwrap();
        assert!(busy > 0.5, "{busy}");
        assert!(value(MEMORY).unwrap() > 1e6, "{:?}", value(MEMORY));
        assert!((0.0..=1.0).contains(&value(MACHINE).unwrap()), "{:?}", value(MACHINE));
    }
}
