//! What times depend on: the machine and the kind of build.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has to be equal for times to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// `linux`, `macos`, `windows`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// How many processors may be used.
    pub cores: usize,
    /// The model of the processor, where the system tells it.
    #[serde(default)]
    pub processor: String,
    /// `debug` or `release`.
    pub build: String,
}

impl Host {
    /// The machine that this process runs on.
    #[must_use]
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor().unwrap_or_default(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }

    /// What is different about the other one; nothing if they can be compared.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let fields = [
            ("os", self.os.clone(), other.os.clone()),
            ("arch", self.arch.clone(), other.arch.clone()),
            ("cores", self.cores.to_string(), other.cores.to_string()),
            ("processor", self.processor.clone(), other.processor.clone()),
            ("build", self.build.clone(), other.build.clone()),
        ];
        let differ = fields.into_iter().filter(|(_, ours, theirs)| ours != theirs);
        differ.map(|(name, ours, theirs)| format!("{name} {theirs}, here {ours}")).collect()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { os, arch, cores, processor, build } = self;
        write!(f, "{os} {arch}, {cores} cores ({processor}), {build} build")
    }
}

/// The state of the machine, which is written down and not compared: it changes by the second.
#[must_use]
pub fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(model.split_once(':')?.1.trim().to_owned())
}
