//! What machine the tests run on, as far as this process may use it, and how much load it can bear.
//!
//! A limit of a container or of a CI runner counts as the machine: [`Machine::detect`] asks for the
//! processors that the process may run on, the quota of its control groups (version 1 and 2), and the
//! lower one of their memory limits and the memory that there is. What cannot be found out is absent:
//! away from Linux that is most of it, and nothing fails for it.
//!
//! [`counters`] counts what happens while the machine is used, and [`Machine::differences`] says why times
//! of two machines cannot be compared.
//!
//! ```
//! use chaos_core::machine::Machine;
//!
//! let machine = Machine::detect();
//! assert!(machine.cores > 0.0);
//! assert!((0.1..=4.0).contains(&machine.load_multiplier()));
//! ```

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

mod cgroup;
pub mod counters;
mod difference;
mod place;
mod proc;

pub use self::place::Disk;

/// The cores of the machine that loads are stated for.
pub const REFERENCE_CORES: f64 = 4.0;

/// The memory of the machine that loads are stated for, in bytes: 8 GiB.
pub const REFERENCE_MEMORY: u64 = 8 << 30;

/// The bounds of [`Machine::load_multiplier`]: a load is never less than a tenth of what a test asks
/// for, nor more than four times as much.
pub const LOAD_MULTIPLIERS: std::ops::RangeInclusive<f64> = 0.1..=4.0;

/// The greatest [`Machine::timeout_multiplier`].
pub const GREATEST_TIMEOUT_MULTIPLIER: f64 = 10.0;

/// A machine, as a process may use it. What is not known is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// `linux`, `macos`, `windows`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// The release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The name of the processor's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// How many processors may be used: the lower one of `allowed_cores` and `cpu_quota`.
    pub cores: f64,
    /// How many processors the process may be scheduled on.
    pub allowed_cores: usize,
    /// How many processors' worth of time its control groups may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<f64>,
    /// How many bytes of memory may be used: the lower one of what there is and of the limits of its
    /// control groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// How many bytes of memory there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_memory: Option<u64>,
    /// How many bytes could be used just then without swapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_memory: Option<u64>,
    /// How many tasks ran or wanted to, on average over one, five and fifteen minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// How many files and sockets a process may have open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// The name of the CI service that runs the tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// What kind of container the process is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The smallest step that the monotonic clock was seen to make, in nanoseconds.
    pub clock_step_ns: u64,
    /// The disk of the directory for temporary files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
}

impl Machine {
    /// Finds out about this machine. It takes less than a millisecond where the clock is fine, and at
    /// most 50 ms.
    #[must_use]
    pub fn detect() -> Self {
        let allowed_cores = proc::allowed_cores();
        let groups = cgroup::Groups::of_this_process();
        let cpu_quota = groups.cpu_quota();
        let memory = proc::memory();
        let total_memory = memory.map(|memory| memory.total);
        let limit = groups.memory_limit();
        let limits = total_memory.into_iter().chain(limit);
        let left =
            || groups.memory_usage().map(|used| limit.unwrap_or(u64::MAX).saturating_sub(used));
        let available = memory.map(|memory| memory.available);
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            kernel: proc::kernel(),
            processor: proc::processor(),
            #[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 cores")]
            cores: cpu_quota.unwrap_or(f64::INFINITY).min(allowed_cores as f64),
            allowed_cores,
            cpu_quota,
            memory: limits.min(),
            total_memory,
            available_memory: available.into_iter().chain(limit.and_then(|_| left())).min(),
            load_average: proc::load_average(),
            descriptors: proc::descriptor_limit(),
            ci: place::ci(),
            container: place::container(),
            clock_step_ns: clock_step(),
            disk: place::disk(&std::env::temp_dir()),
        }
    }

    /// What a load that is stated for the reference machine, of 4 cores and 8 GiB, is to be multiplied
    /// with here: the cores or the memory against the reference, whichever is scarcer, within
    /// [`LOAD_MULTIPLIERS`]. It does not depend on what else runs.
    #[must_use]
    pub fn load_multiplier(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
        let memory = self.memory.map(|memory| memory as f64 / REFERENCE_MEMORY as f64);
        let share = (self.cores / REFERENCE_CORES).min(memory.unwrap_or(f64::INFINITY));
        share.clamp(*LOAD_MULTIPLIERS.start(), *LOAD_MULTIPLIERS.end())
    }

    /// What a time that is stated for the quiet reference machine is to be multiplied with here: the
    /// more, the smaller the machine is, and the more tasks wanted to run for each core over the last
    /// minute. It is at least 1, at most [`GREATEST_TIMEOUT_MULTIPLIER`], and rounded up to halves.
    #[must_use]
    pub fn timeout_multiplier(&self) -> f64 {
        let small = (1.0 / self.load_multiplier()).max(1.0);
        let busy = self.load_average.map_or(1.0, |[minute, ..]| (minute / self.cores).max(1.0));
        ((small * busy * 2.0).ceil() / 2.0).min(GREATEST_TIMEOUT_MULTIPLIER)
    }
}

/// The smallest of many steps of the monotonic clock; a clock that makes none for a while is given up.
fn clock_step() -> u64 {
    const STEPS: usize = 1_000;
    const PATIENCE: Duration = Duration::from_millis(50);
    let began = Instant::now();
    let mut last = began;
    let mut smallest = PATIENCE;
    for _ in 0..STEPS {
        let mut now = Instant::now();
        while now == last {
            now = Instant::now();
        }
        smallest = smallest.min(now - last);
        last = now;
        if last - began > PATIENCE {
            break;
        }
    }
    u64::try_from(smallest.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cores: f64, gib: Option<u64>, load: Option<f64>) -> Machine {
        Machine {
            cores,
            memory: gib.map(|gib| gib << 30),
            load_average: load.map(|load| [load; 3]),
            ..Machine::detect()
        }
    }

    #[test]
    fn the_scarcer_of_cores_and_memory_decides_the_load() {
        let multiplier = |cores, gib| machine(cores, gib, None).load_multiplier();
        assert_eq!(multiplier(4.0, Some(8)), 1.0);
        assert_eq!(multiplier(2.0, Some(24)), 0.5);
        assert_eq!(multiplier(8.0, Some(4)), 0.5);
        assert_eq!(multiplier(1.5, None), 0.375);
        assert_eq!(multiplier(0.1, Some(64)), 0.1);
        assert_eq!(multiplier(128.0, Some(512)), 4.0);
    }

    #[test]
    fn times_grow_on_a_small_machine_and_on_a_busy_one() {
        let multiplier = |cores, load| machine(cores, None, load).timeout_multiplier();
        assert_eq!(multiplier(4.0, None), 1.0);
        assert_eq!(multiplier(16.0, Some(1.0)), 1.0);
        assert_eq!(multiplier(2.0, Some(1.0)), 2.0);
        assert_eq!(multiplier(4.0, Some(9.0)), 2.5);
        assert_eq!(multiplier(2.0, Some(8.0)), 8.0);
        assert_eq!(multiplier(1.0, Some(40.0)), 10.0);
    }

    #[test]
    fn a_machine_is_written_and_read_back() {
        let machine = Machine::detect();
        let text = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_a_linux_machine() {
        let machine = Machine::detect();
        let parallelism = std::thread::available_parallelism().unwrap();
        // The standard library rounds quotas down, but never to none.
        assert_eq!(machine.cores.floor().max(1.0) as usize, usize::from(parallelism));
        assert!(machine.memory.unwrap() <= machine.total_memory.unwrap());
        assert!(machine.available_memory.unwrap() <= machine.memory.unwrap());
        assert!(machine.load_average.is_some() && machine.kernel.is_some());
        assert!(machine.descriptors.unwrap() > 0 && machine.disk.is_some());
        assert!(machine.clock_step_ns > 0, "time went on");
    }
}
