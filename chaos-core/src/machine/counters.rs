//! What the machine and a group of processes have used, counted by the kernel.
//!
//! A [`Reading`] is taken before and after; what lies between is their difference, a [`Usage`]. All
//! shares are between 0 and 1. What the kernel does not tell is absent, so away from Linux everything
//! is.
//!
//! ```
//! use chaos_core::machine::counters::Counters;
//!
//! let counters = Counters::new();
//! let before = counters.read();
//! // ... what is to be measured ...
//! let usage = counters.read().since(&before);
//! assert!(usage.cpu.is_none_or(|share| share <= 1.0));
//! ```

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::cgroup::{Groups, Throttling};
use super::proc;

mod process_group;

pub use self::process_group::{GroupUsage, ProcessGroup};

/// Reads the counters of the machine, of which a process may be allowed only some processors.
#[derive(Debug, Clone)]
pub struct Counters {
    groups: Groups,
    /// The names of the processors in `/proc/stat`: `cpu0`.
    processors: Vec<String>,
}

/// The counters at a moment.
#[derive(Debug, Clone)]
pub struct Reading {
    at: Instant,
    processors: Option<Ticks>,
    throttling: Option<Throttling>,
    memory_stalled: Option<Duration>,
    memory_available: Option<f64>,
    descriptors: Option<f64>,
}

/// Times of processors, in ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

/// What was used between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// The share of the time in which the processors that the process may use were busy, by whomever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// The share of the time in which they wanted to run and the host ran somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<f64>,
    /// The share of the periods in which a quota of the control groups was used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
    /// The share of the time in which every task that was not idle waited for memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stalled: Option<f64>,
    /// The share of the memory that could be used just then, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available: Option<f64>,
    /// The share of the descriptors of the whole system that were open just then, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<f64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// Finds out which counters this machine has.
    #[must_use]
    pub fn new() -> Self {
        Self { groups: Groups::of_this_process(), processors: processors() }
    }

    /// Reads them. It takes a fraction of a millisecond.
    #[must_use]
    pub fn read(&self) -> Reading {
        let stat = proc::read("/proc/stat");
        Reading {
            at: Instant::now(),
            processors: stat.and_then(|stat| ticks(&stat, &self.processors)),
            throttling: self.groups.throttling(),
            memory_stalled: proc::read("/proc/pressure/memory").and_then(|text| stalled(&text)),
            memory_available: self.memory_available(),
            descriptors: proc::read("/proc/sys/fs/file-nr").and_then(|text| open(&text)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
    fn memory_available(&self) -> Option<f64> {
        let of_machine = proc::memory().map(|it| it.available as f64 / it.total.max(1) as f64);
        let of_groups = self.groups.memory_limit().zip(self.groups.memory_usage());
        let of_groups =
            of_groups.map(|(limit, used)| 1.0 - (used as f64 / limit.max(1) as f64).min(1.0));
        of_machine.into_iter().chain(of_groups).min_by(f64::total_cmp)
    }
}

impl Reading {
    /// What was used between an earlier reading and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Usage {
        let share = |part: u64, of: u64| ratio(part, of).min(1.0);
        let processors = self.processors.zip(earlier.processors).map(|(now, then)| {
            let all = now.all.saturating_sub(then.all);
            let idle = now.idle.saturating_sub(then.idle);
            let stolen = now.stolen.saturating_sub(then.stolen);
            // Without a whole tick nothing is known.
            let busy = all.saturating_sub(idle);
            (share(busy, all), share(stolen, all))
        });
        let throttled = self.throttling.zip(earlier.throttling).map(|(now, then)| {
            let periods = now.periods.saturating_sub(then.periods);
            share(now.throttled.saturating_sub(then.throttled), periods)
        });
        let elapsed = self.at.saturating_duration_since(earlier.at);
        let stalled = self.memory_stalled.zip(earlier.memory_stalled).map(|(now, then)| {
            let stalled = now.saturating_sub(then).as_secs_f64();
            (stalled / elapsed.as_secs_f64().max(1e-6)).min(1.0)
        });
        Usage {
            cpu: processors.map(|(busy, _)| busy),
            steal: processors.map(|(_, stolen)| stolen),
            throttled,
            memory_stalled: stalled,
            memory_available: self.memory_available,
            descriptors: self.descriptors,
        }
    }

    /// When it was taken.
    #[must_use]
    pub fn taken(&self) -> Instant {
        self.at
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of counters")]
fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// The names of the processors that this process may be scheduled on.
fn processors() -> Vec<String> {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        let all = 0..rustix::thread::CpuSet::MAX_CPU;
        return all.filter(|cpu| set.is_set(*cpu)).map(|cpu| format!("cpu{cpu}")).collect();
    }
    Vec::new()
}

/// The ticks of these processors. The columns: user, nice, system, idle, iowait, irq, softirq, steal;
/// those of guests are in `user` already.
fn ticks(stat: &str, processors: &[String]) -> Option<Ticks> {
    let mut sum = Ticks::default();
    for line in stat.lines().take_while(|line| line.starts_with("cpu")) {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next()?;
        if !processors.iter().any(|processor| processor == name) {
            continue;
        }
        let columns: Vec<u64> = fields.map_while(|field| field.parse().ok()).take(8).collect();
        sum.all += columns.iter().sum::<u64>();
        sum.idle += columns.get(3).unwrap_or(&0) + columns.get(4).unwrap_or(&0);
        sum.stolen += columns.get(7).unwrap_or(&0);
    }
    (sum.all > 0).then_some(sum)
}

/// For how long all tasks that were not idle were stalled, of a file of pressure stall information.
fn stalled(text: &str) -> Option<Duration> {
    let line = text.lines().find_map(|line| line.strip_prefix("full "))?;
    let total = line.split(' ').find_map(|field| field.strip_prefix("total="))?;
    Some(Duration::from_micros(total.parse().ok()?))
}

/// The share of descriptors that are open: allocated, free of these, and the most there can be.
fn open(text: &str) -> Option<f64> {
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse::<u64>().ok());
    let (allocated, free, most) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(ratio(allocated.saturating_sub(free), most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_processors_that_may_be_used_count() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\n\
                    cpu0 10 0 5 80 5 0 0 7 0 0\n\
                    cpu1 100 0 0 0 0 0 0 0 0 0\nintr 5\ncpu2 1 1 1 1 1 1 1 1\n";
        let of = |names: &[&str]| {
            ticks(stat, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["cpu0"]), Some(Ticks { all: 107, idle: 85, stolen: 7 }));
        assert_eq!(of(&["cpu0", "cpu1"]), Some(Ticks { all: 207, idle: 85, stolen: 7 }));
        assert_eq!(of(&["cpu7"]), None);
    }

    #[test]
    fn usage_is_the_difference_of_two_readings() {
        let at = Instant::now();
        let earlier = Reading {
            at,
            processors: Some(Ticks { all: 100, idle: 50, stolen: 0 }),
            throttling: Some(Throttling { periods: 10, throttled: 1, time: Duration::ZERO }),
            memory_stalled: Some(Duration::from_millis(10)),
            memory_available: Some(0.9),
            descriptors: None,
        };
        let later = Reading {
            at: at + Duration::from_secs(1),
            processors: Some(Ticks { all: 300, idle: 100, stolen: 40 }),
            throttling: Some(Throttling { periods: 20, throttled: 6, time: Duration::ZERO }),
            memory_stalled: Some(Duration::from_millis(260)),
            memory_available: Some(0.2),
            descriptors: None,
        };
        let usage = later.since(&earlier);
        let expected = Usage {
            cpu: Some(0.75),
            steal: Some(0.2),
            throttled: Some(0.5),
            memory_stalled: Some(0.25),
            memory_available: Some(0.2),
            descriptors: None,
        };
        assert_eq!(usage, expected);
        assert_eq!(later.since(&later).cpu, Some(0.0), "no time, no use");
    }

    #[test]
    fn files_of_the_kernel_are_understood() {
        let pressure = "some avg10=0.00 avg60=0.00 avg300=0.14 total=173208144\n\
                        full avg10=0.00 avg60=0.00 avg300=0.10 total=61167915\n";
        assert_eq!(stalled(pressure), Some(Duration::from_micros(61_167_915)));
        assert_eq!(open("1000\t200\t1600\n"), Some(0.5));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_machine_that_works_is_seen_to_work() {
        let counters = Counters::new();
        let before = counters.read();
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let usage = counters.read().since(&before);
        assert!(usage.cpu.unwrap() > 0.0, "{usage:?}");
        assert!((0.0..=1.0).contains(&usage.memory_available.unwrap()), "{usage:?}");
    }
}
