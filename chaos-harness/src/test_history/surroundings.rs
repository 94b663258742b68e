//! Where a run took place: what its failure rates depend on beside the code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// Where a run took place. How often a test fails here says little of how often it fails elsewhere, so
/// each has evidence of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Surroundings {
    /// `linux`, `macos`, `windows`.
    pub(crate) os: String,
    /// `x86_64`, `aarch64`.
    pub(crate) arch: String,
    /// `debug`, or `release` where debug assertions are off.
    pub(crate) build: String,
    /// The environment of `chaos.toml`, such as `ci`.
    pub(crate) environment: String,
    /// The hardware profile of `chaos.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            environment: settings.config.environment().to_owned(),
            profile: settings.config.profile().map(str::to_owned),
        }
    }
}

/// `ci, linux x86_64, debug`.
impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { os, arch, build, environment, profile } = self;
        write!(f, "{environment}, {os} {arch}, {build}")?;
        profile.as_ref().map_or(Ok(()), |profile| write!(f, ", {profile}"))
    }
}
