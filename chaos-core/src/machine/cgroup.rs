//! The limits that control groups set for this process.
//!
//! A process is in one group of each hierarchy, and the limits of all groups above that one hold too.
//! Version 1 has a hierarchy for each controller, version 2 one for all; a machine may have both, with
//! each controller in one of them. `/proc/self/cgroup` names the groups, `/proc/self/mountinfo` says
//! where their files are. Formats: proc(5), cgroups(7), and the kernel's `cgroup-v1/memory`,
//! `scheduler/sched-bwc` and `cgroup-v2` documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::proc;

/// What version 1 writes where there is no limit is near the greatest number that it can.
const NO_LIMIT: u64 = 1 << 60;

/// The groups of a process, each with those above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups {
    cpu: Directories,
    memory: Directories,
}

/// The directory of a group, and of those above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Directories {
    is_version_2: bool,
    paths: Vec<PathBuf>,
}

/// How often and for how long a quota held tasks back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Throttling {
    /// How many periods had passed in which the group had work.
    pub(super) periods: u64,
    /// In how many of them its quota was used up.
    pub(super) throttled: u64,
    /// For how long tasks were held back, summed over processors.
    pub(super) time: Duration,
}

impl Groups {
    pub(super) fn of_this_process() -> Self {
        let groups = proc::read("/proc/self/cgroup").unwrap_or_default();
        let mounts = proc::read("/proc/self/mountinfo").unwrap_or_default();
        Self::from(&groups, &mounts)
    }

    fn from(groups: &str, mounts: &str) -> Self {
        let of = |controller| directories(controller, groups, mounts).unwrap_or_default();
        Self { cpu: of("cpu"), memory: of("memory") }
    }

    /// How many processors' worth of time may be used.
    pub(super) fn cpu_quota(&self) -> Option<f64> {
        let quotas = self.cpu.paths.iter().filter_map(|path| match self.cpu.is_version_2 {
            true => {
                let text = text(path, "cpu.max")?;
                let (quota, period) = text.split_once(' ')?;
                Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
            }
            // Without a quota it is -1.
            false => {
                let quota: f64 = text(path, "cpu.cfs_quota_us")?.parse().ok()?;
                let period: f64 = text(path, "cpu.cfs_period_us")?.parse().ok()?;
                Some(quota / period)
            }
        });
        quotas.filter(|quota| quota.is_finite() && *quota > 0.0).min_by(f64::total_cmp)
    }

    /// How many bytes of memory may be used.
    pub(super) fn memory_limit(&self) -> Option<u64> {
        self.limiting_memory().map(|(limit, _)| limit)
    }

    /// How many bytes the group with the lowest limit uses, without what the kernel would give up.
    pub(super) fn memory_usage(&self) -> Option<u64> {
        let (_, path) = self.limiting_memory()?;
        let (current, cache) = match self.memory.is_version_2 {
            true => ("memory.current", "inactive_file"),
            false => ("memory.usage_in_bytes", "total_inactive_file"),
        };
        let used: u64 = text(path, current)?.parse().ok()?;
        let cached = field(&text(path, "memory.stat").unwrap_or_default(), cache);
        Some(used.saturating_sub(cached.unwrap_or(0)))
    }

    fn limiting_memory(&self) -> Option<(u64, &Path)> {
        let name = if self.memory.is_version_2 { "memory.max" } else { "memory.limit_in_bytes" };
        let limit = |path: &PathBuf| text(path, name)?.parse().ok();
        let limits =
            self.memory.paths.iter().filter_map(|path| Some((limit(path)?, path.as_path())));
        limits.filter(|(limit, _)| *limit < NO_LIMIT).min_by_key(|(limit, _)| *limit)
    }

    /// How the quotas of these groups have held tasks back so far: of the one that did most.
    pub(super) fn throttling(&self) -> Option<Throttling> {
        let of = |path: &PathBuf| {
            let stat = text(path, "cpu.stat")?;
            let time = match self.cpu.is_version_2 {
                true => Duration::from_micros(field(&stat, "throttled_usec")?),
                false => Duration::from_nanos(field(&stat, "throttled_time")?),
            };
            let (periods, throttled) = (field(&stat, "nr_periods")?, field(&stat, "nr_throttled")?);
            Some(Throttling { periods, throttled, time })
        };
        self.cpu.paths.iter().filter_map(of).max_by_key(|throttling| throttling.time)
    }
}

/// The directories of the group that a controller has the process in, and of those above it.
fn directories(controller: &str, groups: &str, mounts: &str) -> Option<Directories> {
    // `4:memory:/jobs/1` of version 1, `0::/jobs/1` of version 2.
    let lines = || groups.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
    let of_version_1 = lines().find_map(|fields| match fields[..] {
        [_, names, path] if names.split(',').any(|name| name == controller) => {
            Some(path.to_owned())
        }
        _ => None,
    });
    let of_version_2 = || {
        lines().find_map(|fields| match fields[..] {
            ["0", "", path] => Some(path.to_owned()),
            _ => None,
        })
    };
    let is_version_2 = of_version_1.is_none();
    let group = of_version_1.or_else(of_version_2)?;
    let (root, point) = mounts.lines().find_map(|line| {
        let (fields, rest) = line.split_once(" - ")?;
        let fields: Vec<_> = fields.split(' ').collect();
        let rest: Vec<_> = rest.split(' ').collect();
        let is_it = match (is_version_2, rest.first()?) {
            (true, kind) => *kind == "cgroup2",
            (false, kind) => {
                *kind == "cgroup" && rest.last()?.split(',').any(|option| option == controller)
            }
        };
        is_it.then(|| Some((*fields.get(3)?, *fields.get(4)?)))?
    })?;
    // In a container the mount may show a part of the hierarchy only, or the group be one outside.
    let below = Path::new(&group).strip_prefix(root).unwrap_or(Path::new(""));
    let point = Path::new(point);
    let own = point.join(below);
    let paths = own.ancestors().take_while(|path| path.starts_with(point)).map(Path::to_owned);
    Some(Directories { is_version_2, paths: paths.collect() })
}

fn text(directory: &Path, file: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join(file)).ok()?;
    Some(text.trim().to_owned())
}

/// The number after a name, in lines of names and numbers.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    #[test]
    fn the_lowest_limit_of_a_group_and_those_above_it_counts() {
        let tree = tree(&[
            ("jobs/one/cpu.max", "max 100000\n"),
            ("jobs/cpu.max", "150000 100000\n"),
            ("cpu.max", "400000 100000\n"),
            ("jobs/one/memory.max", "1073741824\n"),
            ("jobs/memory.max", "max\n"),
            ("jobs/one/memory.current", "900\n"),
            ("jobs/one/memory.stat", "anon 100\ninactive_file 300\n"),
            ("jobs/cpu.stat", "usage_usec 5\nnr_periods 10\nnr_throttled 4\nthrottled_usec 250\n"),
        ]);
        let point = tree.path().display();
        let mounts = format!("31 23 0:28 / {point} rw,relatime shared:4 - cgroup2 cgroup rw\n");
        let groups = Groups::from("0::/jobs/one\n", &mounts);
        assert_eq!(groups.cpu_quota(), Some(1.5));
        assert_eq!((groups.memory_limit(), groups.memory_usage()), (Some(1 << 30), Some(600)));
        let time = Duration::from_micros(250);
        assert_eq!(groups.throttling(), Some(Throttling { periods: 10, throttled: 4, time }));
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_controller_and_great_numbers_for_no_limit() {
        let tree = tree(&[
            ("cpu/a/cpu.cfs_quota_us", "-1\n"),
            ("cpu/a/cpu.cfs_period_us", "100000\n"),
            ("cpu/cpu.cfs_quota_us", "50000\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
            ("cpu/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 7000\n"),
            ("memory/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/memory.limit_in_bytes", "4096\n"),
            ("memory/memory.usage_in_bytes", "4000\n"),
        ]);
        let point = tree.path().display();
        let mounts = format!(
            "32 31 0:29 / {point}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / {point}/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / {point}/unified rw - cgroup2 cgroup2 rw\n"
        );
        let groups = Groups::from("4:memory:/b\n2:cpuacct,cpu:/a\n0::/\n", &mounts);
        assert_eq!(groups.cpu_quota(), Some(0.5));
        assert_eq!((groups.memory_limit(), groups.memory_usage()), (Some(4096), Some(4000)));
        assert_eq!(groups.throttling().unwrap().time, Duration::from_nanos(7000));
    }

    #[test]
    fn a_group_that_is_outside_of_what_the_mount_shows_has_the_limits_of_the_mount() {
        let tree = tree(&[("cpu.max", "200000 100000\n")]);
        let point = tree.path().display();
        let shown = format!("31 23 0:28 /docker/abc {point} rw - cgroup2 cgroup rw\n");
        assert_eq!(Groups::from("0::/docker/abc\n", &shown).cpu_quota(), Some(2.0));
        assert_eq!(Groups::from("0::/../other\n", &shown).cpu_quota(), Some(2.0));
        assert_eq!(Groups::from("", "").cpu_quota(), None);
    }
}
