//! A small file system for a cluster that is to run out of room.
//!
//! It is in memory and mounted in the directory of the server, from which it goes before the
//! directory does.

use std::path::Path;

use super::layout::Layout;
use super::privilege::Account;
use super::tree;
use crate::postgres::error::PostgresError;
use crate::postgres::options::{DiskHolds, SmallDisk};

/// Why no file system can be made here; nothing if one can.
pub(super) fn obstacle() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("a small disk is made on Linux only".to_owned());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let powers = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let powers = powers.and_then(|powers| u64::from_str_radix(powers.trim(), 16).ok());
    /// The power to mount file systems, by its number in capability.h.
    const SYS_ADMIN: u64 = 1 << 21;
    match powers {
        Some(powers) if powers & SYS_ADMIN != 0 => None,
        _ => Some(
            "a small disk has to be mounted, which takes root with the capability CAP_SYS_ADMIN"
                .to_owned(),
        ),
    }
}

/// Makes a small disk, and moves there what it is to hold.
pub(super) fn furnish(
    layout: &Layout,
    disk: SmallDisk,
    account: Option<&Account>,
) -> Result<(), PostgresError> {
    // It is there already when a copy of the cluster was at fault.
    unmount(layout.home())?;
    let place = layout.disk();
    super::base::create_directory(&place, 0o700)?;
    mount(&place, disk.bytes)?;
    if let Some(account) = account {
        account.own(&place)?;
    }
    let original = match disk.holds {
        DiskHolds::Cluster => layout.data(),
        DiskHolds::Wal => layout.data().join("pg_wal"),
    };
    let copy = place.join("held");
    tree::copy(&original, &copy, account)?;
    tree::remove(&original)?;
    std::os::unix::fs::symlink(&copy, &original).map_err(PostgresError::file("link", &original))?;
    account.map_or(Ok(()), |account| account.own(&original))
}

#[cfg(target_os = "linux")]
fn mount(place: &Path, bytes: u64) -> Result<(), PostgresError> {
    use rustix::mount::{MountFlags, mount};
    let options = std::ffi::CString::new(format!("size={bytes},mode=0700"));
    let options = options.map_err(|error| PostgresError::file("mount", place)(error.into()))?;
    let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", place, "tmpfs", flags, options.as_c_str())
        .map_err(|error| PostgresError::file("mount a small disk in", place)(error.into()))
}

#[cfg(not(target_os = "linux"))]
fn mount(_place: &Path, _bytes: u64) -> Result<(), PostgresError> {
    Err(PostgresError::Platform)
}

/// Removes the small disk of the server whose files lie in `home`, if it has one.
#[cfg(target_os = "linux")]
pub(super) fn unmount(home: &Path) -> Result<(), PostgresError> {
    use rustix::mount::{UnmountFlags, unmount};
    let place = home.join("disk");
    if !place.exists() {
        return Ok(());
    }
    match unmount(&place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        // Nothing is mounted there.
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(PostgresError::file("unmount", &place)(error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn unmount(_home: &Path) -> Result<(), PostgresError> {
    Ok(())
}
