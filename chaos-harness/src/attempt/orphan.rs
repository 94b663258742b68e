//! An attempt does not outlive its harness.

use std::time::Duration;

/// How often to look. Nothing of the test waits for it.
const INTERVAL: Duration = Duration::from_millis(100);

/// Whether the harness is still the parent of this process.
#[cfg(unix)]
pub(crate) fn is_child_of(harness: u32) -> bool {
    std::os::unix::process::parent_id() == harness
}

#[cfg(not(unix))]
pub(crate) fn is_child_of(_harness: u32) -> bool {
    true
}

/// Kills the whole process group of this attempt as soon as the harness is gone.
///
/// A signal on the death of the parent would reach this process only, and not what it started.
#[cfg(unix)]
pub(super) fn watch(harness: u32) -> std::io::Result<()> {
    use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};

    let watch = move || {
        while is_child_of(harness) {
            std::thread::sleep(INTERVAL);
        }
        // Never a group that others started: a terminal's, or that of a whole build.
        if getpgrp() == getpid() {
            kill_current_process_group(Signal::KILL).ok();
        }
        std::process::exit(i32::from(crate::exit_code::HARNESS));
    };
    std::thread::Builder::new().name("chaos-orphan".to_owned()).spawn(watch)?;
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn watch(_harness: u32) -> std::io::Result<()> {
    let _ = INTERVAL;
    Ok(())
}
