//! The resource watch: what the machine did while an attempt ran, and whether it could carry it.
//!
//! A thread of the harness, beside the process of the attempt, sleeps and wakes as a task of the test
//! would, and notes how late it is woken: that is the probe. Each second it reads the counters of the
//! machine and of the attempt's processes, as what is held is free again at the end. When the attempt has ended, [`Watch::finish`] sums that up
//! as [`Resources`], and [`Bounds::exceeded`] says what was beyond its bound.
//!
//! An attempt that failed on a machine beyond a bound is [`Verdict::Environment`]: it says nothing of
//! the test. One that passed there has passed. What shows that a promise was broken ([`proof`]) stays a
//! failure: no machine is slow enough to excuse it. [`quiet`] awaits that the machine is well again.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chaos_core::event::Event;
use chaos_core::machine::counters::{Counters, ProcessGroup, Reading, Usage};
use chaos_core::verdict::{Failure, FailureKind, Verdict};

pub(crate) use self::bounds::Bounds;
pub(crate) use self::quiet::until_quiet;
use crate::run_event::Resources;

mod bounds;
mod proof;
mod quiet;

/// How long the probe sleeps each time: as many wakings as a calm test has, 50 a second.
const PROBE: Duration = Duration::from_millis(20);

/// How often the counters are read; at first more often, as most attempts are short.
const LOOK: Duration = Duration::from_secs(1);
const FIRST_LOOKS: Duration = Duration::from_millis(100);
const FIRST_SECOND: Duration = Duration::from_secs(1);

/// The watch over one attempt.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Sender<()>,
    thread: Option<JoinHandle<Resources>>,
}

impl Watch {
    /// Watches the process group of this leader, and the machine. A watch that cannot be kept costs
    /// its figures, and no attempt.
    pub(crate) fn over(leader: u32) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let watch = move || {
            let mut observation = Observation::begin(ProcessGroup::led_by(leader));
            loop {
                let due = Instant::now() + PROBE;
                match stopped.recv_timeout(PROBE) {
                    Err(RecvTimeoutError::Timeout) => observation.woken(due),
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return observation.end(),
                }
            }
        };
        let thread = thread::Builder::new().name("chaos-watch".to_owned()).spawn(watch).ok();
        Self { stop, thread }
    }

    /// What was seen. To be called before the process of the attempt is waited for, after which the
    /// kernel knows nothing of it.
    pub(crate) fn finish(mut self) -> Option<Resources> {
        drop(self.stop);
        self.thread.take()?.join().ok()
    }
}

/// What a watch has seen so far.
#[derive(Debug)]
struct Observation {
    counters: Counters,
    first: Reading,
    group: ProcessGroup,
    began: Instant,
    next_look: Instant,
    /// How late the probe was woken, in microseconds.
    delays: Vec<u32>,
    /// The least share of memory that was left, and the greatest of descriptors that were open: when
    /// the attempt has ended, what it held is free again.
    scarcest: Scarcest,
}

/// Shares at the worst moment that was looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Scarcest {
    memory_available: Option<f64>,
    descriptors: Option<f64>,
}

impl Scarcest {
    fn add(&mut self, seen: &Usage) {
        let shares = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b);
        let memory = shares(self.memory_available, seen.memory_available);
        self.memory_available = memory.min_by(f64::total_cmp);
        let descriptors = shares(self.descriptors, seen.descriptors);
        self.descriptors = descriptors.max_by(f64::total_cmp);
    }
}

impl Observation {
    fn begin(group: ProcessGroup) -> Self {
        let counters = Counters::new();
        let (first, began) = (counters.read(), Instant::now());
        let next_look = began + FIRST_LOOKS;
        let (delays, scarcest) = Default::default();
        Self { counters, first, group, began, next_look, delays, scarcest }
    }

    /// The probe was to be woken at this moment, and is awake now.
    fn woken(&mut self, due: Instant) {
        let now = Instant::now();
        let late = now.saturating_duration_since(due).as_micros();
        self.delays.push(u32::try_from(late).unwrap_or(u32::MAX));
        if now >= self.next_look {
            self.group.look();
            self.scarcest.add(&self.counters.read().since(&self.first));
            let is_young = now - self.began < FIRST_SECOND;
            self.next_look = now + if is_young { FIRST_LOOKS } else { LOOK };
        }
    }

    fn end(mut self) -> Resources {
        let processes = self.group.look();
        let mut machine = self.counters.read().since(&self.first);
        self.scarcest.add(&machine);
        machine.memory_available = self.scarcest.memory_available;
        machine.descriptors = self.scarcest.descriptors;
        self.delays.sort_unstable();
        let probes = self.delays.len();
        // The nearest rank.
        let rank = (probes * 95).div_ceil(100);
        let delay = self.delays.get(rank.saturating_sub(1)).copied().unwrap_or(0);
        let longest = self.delays.last().copied().unwrap_or(0);
        Resources {
            machine,
            processes,
            probes: probes as u64,
            delay_p95_us: delay.into(),
            longest_delay_us: longest.into(),
            beyond: Vec::new(),
        }
    }
}

/// What an attempt with these events came to, once the machine is taken into account, of which `beyond` says
/// where it was beyond its bounds.
pub(crate) fn judge(verdict: Verdict, events: &[Event], beyond: &[String]) -> Verdict {
    match verdict {
        Verdict::Failed(failure) if !beyond.is_empty() && may_be_excused(&failure, events) => {
            let reason = beyond.join("; ");
            Verdict::Environment { reason, failure: Some(failure) }
        }
        other => other,
    }
}

/// Whether a machine that is beyond its bounds may be what made an attempt fail in this way.
fn may_be_excused(failure: &Failure, events: &[Event]) -> bool {
    // These two say nothing of the test in any case.
    let is_of_no_test = matches!(failure.kind, FailureKind::Interrupted | FailureKind::Harness);
    !is_of_no_test && !proof::is_proof(failure, events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_that_time_can_cause_is_excused() {
        let failed = |kind| Verdict::Failed(Failure::new(kind, "late"));
        let beyond = ["the machine was busy".to_owned(), "and swapped".to_owned()];
        let excused = judge(failed(FailureKind::Timeout), &[], &beyond);
        let Verdict::Environment { reason, failure: Some(failure) } = excused else { panic!() };
        assert_eq!(reason, "the machine was busy; and swapped");
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert_eq!(judge(failed(FailureKind::Timeout), &[], &[]), failed(FailureKind::Timeout));
        for kind in [FailureKind::Check, FailureKind::Violation, FailureKind::Assertion] {
            let proof = failed(kind);
            assert_eq!(judge(proof.clone(), &[], &beyond), proof);
        }
        assert_eq!(judge(Verdict::Passed, &[], &beyond), Verdict::Passed);
    }

    #[test]
    fn a_watch_sees_the_process_that_it_watches() {
        let watch = Watch::over(std::process::id());
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let seen = watch.finish().unwrap();
        assert!(seen.probes > 0 && seen.longest_delay_us >= seen.delay_p95_us, "{seen:?}");
        #[cfg(target_os = "linux")]
        assert!(seen.processes.ran_ms > 0 && seen.processes.memory > 0, "{seen:?}");
    }
}
