//! The package manager of the system.

use std::process::Command;

use crate::error::Error;
use crate::privilege::Privilege;
use crate::program;

/// Installs a package of Debian without a server being started, now or at the next boot.
const QUIET_APT: &str = include_str!("package_manager/quiet_apt.sh");

/// A server that can be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    Postgres,
    Redis,
}

/// A package manager that we know how to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageManager {
    Apt,
    Dnf,
    Yum,
    Zypper,
    Apk,
    Pacman,
    Homebrew,
}

impl PackageManager {
    /// The package manager of this system.
    pub(crate) fn detect() -> Option<Self> {
        let known: &[(&str, Self)] = match std::env::consts::OS {
            "linux" => &[
                ("apt-get", Self::Apt),
                ("dnf", Self::Dnf),
                ("yum", Self::Yum),
                ("zypper", Self::Zypper),
                ("apk", Self::Apk),
                ("pacman", Self::Pacman),
            ],
            "macos" => &[("brew", Self::Homebrew)],
            _ => &[],
        };
        known.iter().find(|(program, _)| program::is_on_path(program)).map(|&(_, manager)| manager)
    }

    /// Whether only root may install packages. Homebrew refuses to run as root.
    pub(crate) fn needs_root(self) -> bool {
        self != Self::Homebrew
    }

    /// The name that a server has here.
    fn name_of(self, package: Package) -> &'static str {
        match (package, self) {
            (Package::Postgres, Self::Dnf | Self::Yum | Self::Zypper) => "postgresql-server",
            (Package::Postgres, Self::Homebrew) => "postgresql@17",
            (Package::Postgres, _) => "postgresql",
            (Package::Redis, Self::Apt) => "redis-server",
            (Package::Redis, _) => "redis",
        }
    }

    /// The program and its arguments that install a server.
    fn words(self, package: Package) -> Vec<&'static str> {
        let words: &[&str] = match self {
            Self::Apt => &["apt-get", "install", "--yes", "--no-install-recommends"],
            Self::Dnf => &["dnf", "install", "--assumeyes"],
            Self::Yum => &["yum", "install", "--assumeyes"],
            Self::Zypper => &["zypper", "--non-interactive", "install"],
            Self::Apk => &["apk", "add", "--no-progress"],
            Self::Pacman => &["pacman", "--sync", "--needed", "--noconfirm"],
            Self::Homebrew => &["brew", "install"],
        };
        let mut words = words.to_vec();
        words.push(self.name_of(package));
        words
    }

    /// What a person types to install a server.
    pub(crate) fn advice(self, package: Package) -> String {
        let sudo = if self.needs_root() { "sudo " } else { "" };
        format!("{sudo}{}", self.words(package).join(" "))
    }

    /// Installs a server and leaves none running.
    pub(crate) fn install(self, package: Package) -> Result<(), Error> {
        let words = self.words(package);
        let privilege = Privilege::of_this_process();
        if !self.needs_root() {
            if privilege == Some(Privilege::Root) {
                return Err(Error::other(format!("{} does not run as root", words[0])));
            }
            return program::succeed(Command::new(words[0]).args(&words[1..]));
        }
        let privilege = privilege.ok_or_else(|| {
            let program = words[0];
            Error::other(format!(
                "{program} needs root, and `sudo` asks for a password or is absent"
            ))
        })?;
        if self == Self::Apt {
            let mut script = privilege.command("sh");
            script.args(["-c", QUIET_APT, "quiet_apt.sh", self.name_of(package)]);
            return program::succeed_as(&mut script, &words.join(" "));
        }
        program::succeed(privilege.command(words[0]).args(&words[1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_can_be_pasted_into_a_shell() {
        assert_eq!(
            PackageManager::Apt.advice(Package::Postgres),
            "sudo apt-get install --yes --no-install-recommends postgresql"
        );
        assert_eq!(
            PackageManager::Homebrew.advice(Package::Postgres),
            "brew install postgresql@17"
        );
        assert_eq!(PackageManager::Apk.advice(Package::Redis), "sudo apk add --no-progress redis");
    }
}
