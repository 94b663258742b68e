//! What the resource watch makes of attempts that run out of what they are given: files, memory, a quota
//! of processor time. All of it is real, and bounded by limits of the attempt's own.

use std::path::PathBuf;
use std::process::Command;

use chaos_harness::core::verdict::Verdict;
use chaos_harness::exit_code;
use chaos_harness::run_event::TestOutcome;

use crate::binary::{Run, Suite, eventually};

crate::tests![
    a_process_that_may_open_no_more_files_is_environment,
    a_group_without_memory_is_environment,
    a_quota_that_is_used_up_is_environment,
    limits_of_groups_are_those_of_the_machine,
];

/// Only what a test is about may be beyond its bound here, whatever else the machine does.
const OTHERS: &str = "scheduling-delay = \"1h\"\nstarved = \"100 %\"\nsteal = \"100 %\"\n\
                      memory-stalled = \"100 %\"\nretries = 1\nquiet-within = \"0s\"\n";

fn suite_with(bounds: &str) -> Suite {
    let suite = Suite::new();
    let path = suite.scratch("chaos.toml");
    std::fs::write(&path, format!("[watch]\n{OTHERS}{bounds}")).unwrap();
    suite.with("CHAOS_CONFIG", path.to_str().unwrap())
}

/// Both attempts at the test are the machine's, for a reason that says this.
fn assert_environment(run: &Run, test: &str, reason: &str) {
    run.assert_code(exit_code::ENVIRONMENT);
    assert_eq!(run.outcome(test), Some(TestOutcome::Environment));
    let attempts = run.attempts();
    assert_eq!(attempts.len(), 2, "it is tried again, once: {attempts:#?}");
    for attempt in attempts {
        let Verdict::Environment { reason: found, failure: Some(_) } = &attempt.verdict else {
            panic!("{attempt:#?}")
        };
        assert!(found.contains(reason) && !found.contains(';'), "{found}");
    }
}

/// A control group, as a directory in each hierarchy that it takes.
struct ControlGroup {
    directories: Vec<PathBuf>,
}

impl ControlGroup {
    /// Makes one with these values of files of version 1 or 2, or says why that cannot be done.
    fn with(
        name: &str,
        version_1: &[(&str, &str, &str)],
        version_2: &[(&str, &str)],
    ) -> Option<Self> {
        let name = format!("chaos-contract-{name}-{}", std::process::id());
        let root = PathBuf::from("/sys/fs/cgroup");
        let mut group = Self { directories: Vec::new() };
        let controllers = std::fs::read_to_string(root.join("cgroup.subtree_control"));
        let is_version_2 = root.join("cgroup.controllers").exists();
        let values: Vec<(PathBuf, &str, &str)> = match controllers {
            Ok(_) => {
                version_2.iter().map(|(file, value)| (root.join(&name), *file, *value)).collect()
            }
            Err(_) if is_version_2 => Vec::new(),
            Err(_) => {
                version_1.iter().map(|it| (root.join(it.0).join(&name), it.1, it.2)).collect()
            }
        };
        for (directory, file, value) in values {
            let made = std::fs::create_dir(&directory).or_else(|error| {
                let is_ours = group.directories.contains(&directory);
                if is_ours { Ok(()) } else { Err(error) }
            });
            if made.is_ok() && !group.directories.contains(&directory) {
                group.directories.push(directory.clone());
            }
            if let Err(error) = made.and_then(|()| std::fs::write(directory.join(file), value)) {
                let path = directory.join(file);
                eprintln!("skipped: it takes a control group: {}: {error}", path.display());
                return None;
            }
        }
        Some(group)
    }

    /// Runs the suite in the group.
    fn run(&self, suite: &Suite, arguments: &str) -> Run {
        let command = suite.command(arguments);
        let mut inside = Command::new("sh");
        let enter = "while [ \"$1\" != -- ]; do echo $$ > \"$1/cgroup.procs\" || exit 99; shift; done; \
                     shift; exec \"$@\"";
        inside.args(["-c", enter, "sh"]).args(&self.directories).arg("--");
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        suite.run_command(inside)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            // The kernel lets go of the processes a moment after they have ended.
            eventually("the control group can be removed", || std::fs::remove_dir(directory).ok());
        }
    }
}

fn a_process_that_may_open_no_more_files_is_environment() {
    let suite = suite_with("");
    let test = "suite::scarcity::opens_all_the_files_that_it_may";
    let run = suite.run(&format!("--exact {test}"));
    assert_environment(&run, test, "of the files open that it may (bound 95 %)");
}

const GIB: &str = "1073741824";

fn a_group_without_memory_is_environment() {
    let limits = [("memory", "memory.limit_in_bytes", GIB)];
    let Some(group) = ControlGroup::with("memory", &limits, &[("memory.max", GIB)]) else { return };
    let suite = suite_with("memory-available = \"50 %\"\n");
    let test = "suite::scarcity::takes_600_mib";
    let run = group.run(&suite, &format!("--exact {test}"));
    assert_environment(&run, test, "% of the memory was left (bound 50 %)");
}

/// So little of a processor that the group gets more also where many others want some.
const QUOTA: [(&str, &str, &str); 2] =
    [("cpu", "cpu.cfs_period_us", "100000"), ("cpu", "cpu.cfs_quota_us", "3000")];

fn a_quota_that_is_used_up_is_environment() {
    let quota = ControlGroup::with("quota", &QUOTA, &[("cpu.max", "3000 100000")]);
    let Some(group) = quota else { return };
    let suite = suite_with("");
    let test = "suite::scarcity::works_for_two_seconds";
    let run = group.run(&suite, &format!("--exact {test}"));
    assert_environment(&run, test, "the CPU quota was used up in ");
}

fn limits_of_groups_are_those_of_the_machine() {
    let [period, quota] = QUOTA;
    let memory = ("memory", "memory.limit_in_bytes", GIB);
    let version_2 = [("cpu.max", "3000 100000"), ("memory.max", GIB)];
    let group = ControlGroup::with("machine", &[period, quota, memory], &version_2);
    let Some(group) = group else { return };
    let run = group.run(&Suite::new(), "--chaos-config");
    run.assert_code(exit_code::PASSED);
    let words = |name: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(words("cores").starts_with("cores 0.03 "), "{}", run.stdout);
    assert!(words("cores").contains("a quota of 0.03"), "{}", run.stdout);
    assert!(words("memory").starts_with("memory 1 GiB of "), "{}", run.stdout);
    assert!(words("load.multiplier").starts_with("load.multiplier 0.1 "), "{}", run.stdout);
}
