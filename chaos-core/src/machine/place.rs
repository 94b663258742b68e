//! Where the process is: in a CI service, in a container, on which disk.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::proc;

/// Variables that CI services set, and the names of these. The last one is what they have in common.
const SERVICES: [(&str, &str); 11] = [
    ("GITHUB_ACTIONS", "GitHub Actions"),
    ("GITLAB_CI", "GitLab CI"),
    ("CIRCLECI", "CircleCI"),
    ("BUILDKITE", "Buildkite"),
    ("TF_BUILD", "Azure Pipelines"),
    ("TRAVIS", "Travis CI"),
    ("TEAMCITY_VERSION", "TeamCity"),
    ("JENKINS_URL", "Jenkins"),
    ("CIRRUS_CI", "Cirrus CI"),
    ("WOODPECKER_CI", "Woodpecker"),
    ("CI", "unknown"),
];

/// The CI service that runs this process.
pub(super) fn ci() -> Option<String> {
    ci_of(|name| std::env::var_os(name))
}

fn ci_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<String> {
    let is_set = |name: &str| {
        variable(name).is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
    };
    let (_, name) = SERVICES.iter().find(|(variable, _)| is_set(variable))?;
    Some((*name).to_owned())
}

/// The kind of container that this process is in.
pub(super) fn container() -> Option<String> {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".to_owned());
    }
    if Path::new("/.dockerenv").exists() {
        return Some("docker".to_owned());
    }
    if Path::new("/run/.containerenv").exists() {
        return Some("podman".to_owned());
    }
    // systemd-nspawn, LXC and others set it for the first process, and many for all.
    let named = std::env::var("container").ok().filter(|name| !name.is_empty());
    named.or_else(|| container_of(&proc::read("/proc/1/cgroup")?).map(str::to_owned))
}

/// What the control groups of the first process say, where they are not hidden.
fn container_of(groups: &str) -> Option<&'static str> {
    let kinds =
        [("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc")];
    kinds.into_iter().find(|(mark, _)| groups.contains(mark)).map(|(_, kind)| kind)
}

/// A disk, or what stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Disk {
    /// The kind of file system, such as `ext4`, `tmpfs` or `overlay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_system: Option<String>,
    /// How many bytes this user may still write.
    pub free: u64,
    /// How many bytes it has.
    pub total: u64,
}

/// The disk that a directory lies on.
pub(super) fn disk(directory: &Path) -> Option<Disk> {
    #[cfg(unix)]
    {
        let status = rustix::fs::statvfs(directory).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(status.f_frsize);
        let mounts = proc::read("/proc/self/mountinfo").unwrap_or_default();
        let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let file_system = file_system(&mounts, &real);
        Some(Disk { file_system, free: bytes(status.f_bavail), total: bytes(status.f_blocks) })
    }
    #[cfg(not(unix))]
    {
        let _ = directory;
        None
    }
}

/// The kind of the file system whose mount point is the nearest above a directory; of several mounts
/// at one place the last one hides the others.
fn file_system(mounts: &str, directory: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let point = fields.split(' ').nth(4)?;
        Some((point, kind.split(' ').next()?))
    });
    let above = mounts.filter(|(point, _)| directory.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_service_is_known_by_its_variable() {
        let ci = |set: &'static [(&str, &str)]| {
            ci_of(|name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
        };
        assert_eq!(ci(&[("CI", "true"), ("GITLAB_CI", "true")]).as_deref(), Some("GitLab CI"));
        assert_eq!(ci(&[("CI", "1")]).as_deref(), Some("unknown"));
        assert_eq!(ci(&[("CI", "false")]), None);
        assert_eq!(ci(&[]), None);
    }

    #[test]
    fn a_container_is_known_by_the_groups_of_its_first_process() {
        assert_eq!(container_of("0::/kubepods/besteffort/pod1\n"), Some("kubernetes"));
        assert_eq!(container_of("1:cpu:/docker/abc\n"), Some("docker"));
        assert_eq!(container_of("0::/init.scope\n"), None);
    }

    #[test]
    fn the_nearest_and_last_mount_tells_the_file_system() {
        let mounts = "\
            27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            25 24 0:23 / /tmp rw shared:5 - tmpfs tmpfs rw\n\
            30 25 0:27 / /tmp rw - btrfs x rw\n\
            31 25 0:28 / /tmp/deep rw - xfs x rw\n";
        let kind = |directory: &str| file_system(mounts, Path::new(directory)).unwrap();
        assert_eq!(kind("/tmp/a"), "btrfs");
        assert_eq!(kind("/tmp/deep/b"), "xfs");
        assert_eq!(kind("/home"), "ext4");
        assert_eq!(kind("/tmpfiles"), "ext4");
    }
}
