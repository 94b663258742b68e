//! What makes times of two machines incomparable.

use super::Machine;

/// Times are not compared where one machine has this many times as much memory as the other. Kernels
/// of one machine differ by some percent in what they keep for themselves.
const MEMORY_FACTOR: f64 = 1.25;

impl Machine {
    /// What is different about `other` that times depend on, in words: `cores 64, here 4`. Nothing if
    /// times of the two can be compared.
    ///
    /// That is: system, architecture and model of the processor; how many processors the process may be
    /// scheduled on, and how many processors' worth of time its control groups give it, because a quota
    /// of 2 on 64 processors holds tasks back where an affinity of 2 does not; the memory that it may
    /// use, within a quarter; and the kind of container. The release of the kernel and what else runs
    /// are not: they change from week to week and from second to second.
    ///
    /// ```
    /// use chaos_core::machine::Machine;
    ///
    /// let here = Machine::detect();
    /// let mut other = here.clone();
    /// other.load_average = None;
    /// assert!(here.differences(&other).is_empty());
    /// other.cores = 0.5;
    /// assert!(here.differences(&other)[0].starts_with("cores 0.5, here "));
    /// ```
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let known = |text: &Option<String>| text.as_deref().unwrap_or("unknown").to_owned();
        let container = |text: &Option<String>| text.as_deref().unwrap_or("none").to_owned();
        let texts = |machine: &Self| {
            [
                ("os", machine.os.clone()),
                ("arch", machine.arch.clone()),
                ("processor", known(&machine.processor)),
                ("container", container(&machine.container)),
            ]
        };
        let mut differences: Vec<String> = texts(self)
            .into_iter()
            .zip(texts(other))
            .filter(|((_, here), (_, there))| here != there)
            .map(|((name, here), (_, there))| format!("{name} {there}, here {here}"))
            .collect();
        // Quotas are quotients of whole numbers.
        if (self.cores - other.cores).abs() > 1e-6 {
            differences.push(format!("cores {}, here {}", other.cores, self.cores));
        }
        if self.allowed_cores != other.allowed_cores {
            let (here, there) = (self.allowed_cores, other.allowed_cores);
            differences.push(format!("processors to be scheduled on {there}, here {here}"));
        }
        if !are_alike(self.memory, other.memory) {
            let (here, there) = (size(self.memory), size(other.memory));
            differences.push(format!("memory {there}, here {here}"));
        }
        differences
    }
}

fn are_alike(one: Option<u64>, other: Option<u64>) -> bool {
    match (one, other) {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
        (Some(one), Some(other)) => {
            let (low, high) = (one.min(other) as f64, one.max(other) as f64);
            high <= low * MEMORY_FACTOR
        }
        (one, other) => one == other,
    }
}

fn size(bytes: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let gib = |bytes: u64| bytes as f64 / f64::from(1_u32 << 30);
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.1} GiB", gib(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Machine {
        Machine {
            cores: 2.0,
            allowed_cores: 2,
            cpu_quota: None,
            memory: Some(8 << 30),
            container: None,
            processor: Some("A".to_owned()),
            ..Machine::detect()
        }
    }

    #[test]
    fn everything_that_times_depend_on_is_named() {
        let other = Machine {
            os: "plan9".to_owned(),
            arch: "vax".to_owned(),
            processor: None,
            container: Some("docker".to_owned()),
            cores: 1.5,
            allowed_cores: 64,
            memory: Some(4 << 30),
            ..here()
        };
        let told = here().differences(&other).join("; ");
        for part in [
            "os plan9, here ",
            "arch vax, here ",
            "processor unknown, here A",
            "container docker, here none",
            "cores 1.5, here 2",
            "processors to be scheduled on 64, here 2",
            "memory 4.0 GiB, here 8.0 GiB",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_quota_is_no_affinity_though_both_leave_two_processors() {
        let quota = Machine { allowed_cores: 64, cpu_quota: Some(2.0), ..here() };
        assert_eq!(here().differences(&quota), ["processors to be scheduled on 64, here 2"]);
    }

    #[test]
    fn what_changes_from_day_to_day_makes_no_difference() {
        let other = Machine {
            kernel: Some("another".to_owned()),
            load_average: None,
            available_memory: Some(1),
            memory: Some((8 << 30) - (200 << 20)),
            clock_step_ns: 77,
            ..here()
        };
        assert_eq!(here().differences(&other), Vec::<String>::new());
    }
}
