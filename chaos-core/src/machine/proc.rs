//! What the kernel says of the machine as a whole, in `/proc` and by system calls. Where there is no
//! `/proc`, nothing.

use std::fs;

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    /// What could be used without swapping, as the kernel estimates it.
    pub(super) available: u64,
}

/// How many processors this process may be scheduled on.
pub(super) fn allowed_cores() -> usize {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        if let Ok(count) = usize::try_from(set.count()) {
            return count.max(1);
        }
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(super) fn memory() -> Option<Memory> {
    memory_in(&read("/proc/meminfo")?)
}

fn memory_in(text: &str) -> Option<Memory> {
    Some(Memory { total: bytes(text, "MemTotal")?, available: bytes(text, "MemAvailable")? })
}

/// The size after a name, in lines of names and sizes.
pub(super) fn bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

pub(super) fn load_average() -> Option<[f64; 3]> {
    let text = read("/proc/loadavg")?;
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

pub(super) fn kernel() -> Option<String> {
    Some(read("/proc/sys/kernel/osrelease")?.trim().to_owned())
}

pub(super) fn processor() -> Option<String> {
    processor_in(&read("/proc/cpuinfo")?)
}

/// x86 has a name. ARM has the numbers of the maker and of the part, as `lscpu` looks them up.
fn processor_in(text: &str) -> Option<String> {
    let value = |name| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let by_number = || {
        let (implementer, part) = (value("CPU implementer")?, value("CPU part")?);
        Some(format!("implementer {implementer} part {part}"))
    };
    value("model name").map(str::to_owned).or_else(by_number)
}

/// How many descriptors this process may have.
pub(super) fn descriptor_limit() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    None
}

/// The text of a file of the kernel, if it is there and may be read.
pub(super) fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_a_name_or_numbers() {
        let x86 = "processor\t: 0\nmodel name\t: A fast one\nmodel name\t: A fast one\n";
        assert_eq!(processor_in(x86).as_deref(), Some("A fast one"));
        let arm =
            "processor\t: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n";
        assert_eq!(processor_in(arm).as_deref(), Some("implementer 0x41 part 0xd0c"));
        assert_eq!(processor_in("processor\t: 0\n"), None);
    }

    #[test]
    fn memory_is_read_from_the_lines_that_bear_its_name() {
        let text = "MemTotal:       8010000 kB\nMemFree: 1 kB\nMemAvailable:    512 kB\n";
        let expected = Memory { total: 8_010_000 * 1024, available: 512 * 1024 };
        assert_eq!(memory_in(text), Some(expected));
        assert_eq!(memory_in("MemTotal: 1 kB\n"), None, "kernels before 3.14 do not say");
    }
}
