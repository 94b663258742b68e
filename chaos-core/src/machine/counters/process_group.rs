//! What the processes of a group use.
//!
//! The leader is read each time. The others are found by a walk through all processes of the machine,
//! which takes a while on a large one: so they are looked for only now and then, the more seldom the
//! longer that takes, and no more than a five-hundredth of the time goes into it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::proc;

/// How much longer nobody looks for other processes than it took to look for them.
const REST: u32 = 500;

/// A process group, by the number of its leader.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: u32,
    others: Vec<u32>,
    next_walk: Instant,
    most: GroupUsage,
    /// What it had in memory when it was looked at last.
    memory: u64,
    /// Of each thread, for how long it ran and for how long it waited to, in nanoseconds. Threads that
    /// have ended stay with what was seen last.
    threads: HashMap<u32, (u64, u64)>,
}

/// What a group of processes has used, at most or so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupUsage {
    /// For how long it had processors, in milliseconds: its processes, and the children that they
    /// have waited for.
    pub cpu_ms: u64,
    /// For how long its threads had processors, in milliseconds, as far as they were seen.
    pub ran_ms: u64,
    /// For how long its threads wanted a processor and had none, in milliseconds, as far as they were
    /// seen, summed over threads.
    pub waited_ms: u64,
    /// The most memory that it was seen to have resident, in bytes.
    pub memory: u64,
    /// The most descriptors that it was seen to have open.
    pub descriptors: u64,
    /// The most processes that it was seen to have.
    pub processes: u64,
    /// How many descriptors that one of its processes had open which came nearest to its own limit.
    #[serde(default)]
    pub descriptors_of_one: u64,
    /// The limit of that process; 0 where it is not known.
    #[serde(default)]
    pub descriptor_limit: u64,
}

impl GroupUsage {
    /// Which share of the descriptors that a process may have one of these had open, at most.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub fn descriptor_share(&self) -> f64 {
        match self.descriptor_limit {
            0 => 0.0,
            limit => self.descriptors_of_one as f64 / limit as f64,
        }
    }
}

impl ProcessGroup {
    /// The group of this leader.
    #[must_use]
    pub fn led_by(leader: u32) -> Self {
        // Children come later than their parent.
        let next_walk = Instant::now() + Duration::from_millis(500);
        let (others, most, threads) = Default::default();
        Self { leader, others, next_walk, most, memory: 0, threads }
    }

    /// Looks at it, and says what it has used so far. What is gone is remembered.
    pub fn look(&mut self) -> GroupUsage {
        let began = Instant::now();
        if began >= self.next_walk {
            self.others = members(self.leader);
            let took = began.elapsed();
            self.next_walk = began + (took * REST).max(Duration::from_secs(1));
        }
        let all: Vec<_> = std::iter::once(self.leader).chain(self.others.iter().copied()).collect();
        for process in &all {
            self.threads.extend(threads(*process));
        }
        let processes: Vec<_> = all.into_iter().filter_map(of_process).collect();
        let sum = |of: fn(&GroupUsage) -> u64| processes.iter().map(of).sum::<u64>();
        let most = &mut self.most;
        most.cpu_ms = most.cpu_ms.max(sum(|process| process.cpu_ms));
        most.ran_ms = self.threads.values().map(|(ran, _)| ran).sum::<u64>() / 1_000_000;
        most.waited_ms = self.threads.values().map(|(_, waited)| waited).sum::<u64>() / 1_000_000;
        self.memory = sum(|process| process.memory);
        most.memory = most.memory.max(self.memory);
        most.descriptors = most.descriptors.max(sum(|process| process.descriptors));
        most.processes = most.processes.max(processes.len() as u64);
        for process in processes {
            if process.descriptor_share() > most.descriptor_share() {
                most.descriptors_of_one = process.descriptors;
                most.descriptor_limit = process.descriptor_limit;
            }
        }
        *most
    }

    /// The memory that it had resident when it was [looked at](Self::look) last, in bytes; 0 where that
    /// is not told.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
    }
}

fn of_process(process: u32) -> Option<GroupUsage> {
    let fields = stat(process)?;
    // utime, stime, cutime and cstime, in ticks, of which every Linux has a hundred a second.
    let ticks: u64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    // A process that has ended and was not waited for has none.
    let status = proc::read(&format!("/proc/{process}/status")).unwrap_or_default();
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"));
    let descriptors = descriptors.map_or(0, |entries| entries.count() as u64);
    let limits = proc::read(&format!("/proc/{process}/limits")).unwrap_or_default();
    Some(GroupUsage {
        cpu_ms: ticks * 10,
        memory: proc::bytes(&status, "VmRSS").unwrap_or(0),
        descriptors,
        processes: 1,
        descriptors_of_one: descriptors,
        descriptor_limit: open_files(&limits).unwrap_or(0),
        ..GroupUsage::default()
    })
}

/// How many files a process may have open, of the text of its limits: the soft limit comes first.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// For how long each thread of a process ran and waited to, in nanoseconds, where the kernel counts
/// that.
fn threads(process: u32) -> impl Iterator<Item = (u32, (u64, u64))> {
    let directory = format!("/proc/{process}/task");
    let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = entry.file_name();
        let thread = name.to_str()?;
        let text = proc::read(&format!("{directory}/{thread}/schedstat"))?;
        let mut times = text.split_ascii_whitespace().map_while(|word| word.parse().ok());
        Some((thread.parse().ok()?, (times.next()?, times.next()?)))
    })
}

/// The fields of a process after its name, which may hold anything: state, parent, group, ...
fn stat(process: u32) -> Option<Vec<String>> {
    let text = proc::read(&format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// The processes of a group beside its leader.
fn members(leader: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_member = |process: &u32| {
        let group = stat(*process).and_then(|fields| fields.get(2)?.parse::<u32>().ok());
        *process != leader && group == Some(leader)
    };
    processes.filter(is_member).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_the_one_that_is_met() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             96000                96000                processes\n\
                      Max open files            1024                 1048576              files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files            unlimited            unlimited"), None);
    }

    #[test]
    fn a_group_is_its_leader_and_what_that_started() {
        // The shell keeps a child beside itself, and both are of the group that it leads.
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 100 & wait"])
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut group = ProcessGroup::led_by(shell.id());
        let until = Instant::now() + Duration::from_secs(30);
        while group.look().processes < 2 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let usage = group.look();
        let leader = rustix::process::Pid::from_child(&shell);
        rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).unwrap();
        shell.wait().unwrap();
        assert_eq!(usage.processes, 2, "{usage:?}");
        assert!(usage.memory > 0 && usage.descriptors >= 3, "{usage:?}");
        assert!((1..=usage.descriptors).contains(&usage.descriptors_of_one), "{usage:?}");
        assert!(usage.descriptor_limit >= usage.descriptors_of_one, "{usage:?}");
        assert!(usage.ran_ms < 60_000 && usage.waited_ms < 60_000, "{usage:?}");
        // Until the signal arrives they may still run for a moment.
        let after = group.look();
        let most = |usage: GroupUsage| (usage.processes, usage.memory, usage.descriptors);
        assert_eq!(most(after), most(usage), "what is gone is remembered");
        assert!(after.ran_ms >= usage.ran_ms && after.waited_ms >= usage.waited_ms, "{after:?}");
    }
}
