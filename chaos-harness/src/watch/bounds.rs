//! From when on the machine is to blame.
//!
//! The defaults are far beyond what tests that run beside one another do to a machine, or a compiler
//! beside them: with five busy tasks for each core the probe of a Linux 6.18 was late by 4 ms, with 40
//! by 24 ms, with 100 by 60 ms (95th percentiles). A test that began among 14 busy tasks for each core had
//! none in 95 % of the 1.8 s in which it wanted one.

use std::time::Duration;

use chaos_core::duration::{Display, rounded};

use crate::run_event::Resources;

/// Fewer wakings of the probe tell nothing of its delays.
const LEAST_PROBES: u64 = 5;

/// Less waiting for a processor made nothing fail.
const LEAST_WAITING_MS: u64 = 3_000;

/// The bounds. Shares are between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// How late the probe may be woken, in 19 of 20 cases.
    pub(crate) scheduling_delay: Duration,
    /// The share of the time in which threads of the attempt wanted a processor and had none.
    pub(crate) starved: f64,
    pub(crate) steal: f64,
    pub(crate) throttled: f64,
    pub(crate) memory_stalled: f64,
    /// The least, not the most.
    pub(crate) memory_available: f64,
    pub(crate) descriptors: f64,
}

impl Bounds {
    pub(crate) const DEFAULT: Self = Self {
        scheduling_delay: Duration::from_millis(50),
        starved: 0.97,
        steal: 0.25,
        throttled: 0.9,
        memory_stalled: 0.2,
        memory_available: 0.02,
        descriptors: 0.95,
    };

    /// A clause for each bound that the machine was beyond.
    pub(crate) fn exceeded(&self, seen: &Resources) -> Vec<String> {
        let mut beyond = Vec::new();
        let late = Duration::from_micros(seen.delay_p95_us);
        if seen.probes >= LEAST_PROBES && late >= self.scheduling_delay {
            let (late, bound) = (Display(rounded(late)), Display(self.scheduling_delay));
            beyond.push(format!(
                "a waiting task was woken {late} late or more in 1 of 20 cases (bound {bound})"
            ));
        }
        let processes = &seen.processes;
        let wanted = processes.ran_ms + processes.waited_ms;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let starved = processes.waited_ms as f64 / wanted.max(1) as f64;
        if processes.waited_ms >= LEAST_WAITING_MS && starved >= self.starved {
            beyond.push(format!(
                "the test had no processor in {} of the time in which it wanted one (bound {})",
                percent(starved),
                percent(self.starved)
            ));
        }
        let machine = &seen.machine;
        let shares = [
            (machine.steal, self.steal, "the host ran others in", "of the time"),
            (machine.throttled, self.throttled, "the CPU quota was used up in", "of its periods"),
            (
                machine.memory_stalled,
                self.memory_stalled,
                "all waited for memory in",
                "of the time",
            ),
            (machine.descriptors, self.descriptors, "open files were", "of what the system allows"),
        ];
        for (share, bound, before, after) in shares {
            if let Some(share) = share.filter(|share| *share >= bound && *share > 0.0) {
                let (share, bound) = (percent(share), percent(bound));
                beyond.push(format!("{before} {share} {after} (bound {bound})"));
            }
        }
        let open = processes.descriptor_share();
        if open >= self.descriptors {
            let (open, bound) = (percent(open), percent(self.descriptors));
            beyond.push(format!(
                "a process of the test had {open} of the files open that it may (bound {bound})"
            ));
        }
        if let Some(left) = machine.memory_available.filter(|left| *left <= self.memory_available) {
            let (left, bound) = (percent(left), percent(self.memory_available));
            beyond.push(format!("only {left} of the memory was left (bound {bound})"));
        }
        beyond
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(change: impl FnOnce(&mut Resources)) -> Vec<String> {
        let mut seen = Resources { probes: 100, delay_p95_us: 24_000, ..Resources::default() };
        seen.machine.cpu = Some(1.0);
        seen.machine.memory_available = Some(0.5);
        seen.machine.steal = Some(0.1);
        seen.processes.ran_ms = 100;
        seen.processes.waited_ms = 800;
        change(&mut seen);
        Bounds::DEFAULT.exceeded(&seen)
    }

    #[test]
    fn ordinary_contention_is_within_the_bounds() {
        assert_eq!(seen(|_| {}), [""; 0]);
        // Too little was seen, or too little was waited for, to blame anything on it.
        assert_eq!(seen(|it| (it.probes, it.delay_p95_us) = (4, 900_000)), [""; 0]);
        assert_eq!(seen(|it| (it.processes.ran_ms, it.processes.waited_ms) = (1, 2_999)), [""; 0]);
        assert_eq!(Bounds::DEFAULT.exceeded(&Resources::default()), [""; 0]);
    }

    #[test]
    fn what_is_beyond_a_bound_is_told_with_the_bound() {
        for (found, expected) in [
            (
                seen(|it| it.delay_p95_us = 312_400),
                "woken 312ms late or more in 1 of 20 cases (bound 50ms)",
            ),
            (seen(|it| it.processes.waited_ms = 9_900), "had no processor in 99 % of the time"),
            (
                seen(|it| it.machine.steal = Some(0.4)),
                "the host ran others in 40 % of the time (bound 25 %)",
            ),
            (seen(|it| it.machine.throttled = Some(0.95)), "used up in 95 % of its periods"),
            (seen(|it| it.machine.memory_stalled = Some(0.3)), "waited for memory in 30 %"),
            (
                seen(|it| it.machine.memory_available = Some(0.01)),
                "only 1 % of the memory was left (bound 2 %)",
            ),
            (seen(|it| it.machine.descriptors = Some(0.97)), "open files were 97 % of what"),
            (
                seen(|it| {
                    let processes = &mut it.processes;
                    (processes.descriptors_of_one, processes.descriptor_limit) = (1_000, 1_024);
                }),
                "a process of the test had 98 % of the files open that it may (bound 95 %)",
            ),
        ] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
    }
}
