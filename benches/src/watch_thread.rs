//! What the thread costs that watches beside an attempt.

use std::time::Duration;
use std::{fs, io};

/// For how long the watching thread of a process had a processor, if there is one.
///
/// # Errors
///
/// The process is gone, or the system has no `/proc`.
pub fn ran(process: u32) -> io::Result<Option<Duration>> {
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?.path();
        let Ok(name) = fs::read_to_string(thread.join("comm")) else { continue };
        if name.trim() == "chaos-watch" {
            let times = fs::read_to_string(thread.join("schedstat"))?;
            let nanos = times.split(' ').next().and_then(|ran| ran.parse().ok());
            return Ok(nanos.map(Duration::from_nanos));
        }
    }
    Ok(None)
}
