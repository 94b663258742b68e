//! Tests that run alone: `#[chaos_test(exclusive)]`.
//!
//! Every test holds a shared lock while it runs, and an exclusive one an exclusive lock. The locks
//! are files in the directory that all runs of a workspace share, so they also hold between the
//! processes of nextest, and the kernel releases them however a process ends.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::file_lock;

/// The right to run, until it is dropped.
#[derive(Debug)]
#[must_use = "others may run as soon as it is dropped"]
pub(crate) struct Permit {
    _running: File,
}

/// Waits until a test may run.
///
/// # Errors
///
/// When the files cannot be made or locked.
pub(crate) fn wait(root: &Path, exclusive: bool) -> io::Result<Permit> {
    let directory = root.join("locks");
    fs::create_dir_all(&directory)?;
    let open = |name: &str| {
        File::options().create(true).truncate(false).write(true).open(directory.join(name))
    };
    // Whoever waits for the lock holds the gate, so that an exclusive test waits only for the tests
    // that run already, and not for ever new ones.
    let gate = open("gate")?;
    file_lock::exclusive(&gate)?;
    let running = open("running")?;
    match exclusive {
        true => file_lock::exclusive(&running)?,
        false => file_lock::shared(&running)?,
    }
    Ok(Permit { _running: running })
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_exclusive_test_runs_alone_and_is_not_starved() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let (shared, exclusive) = (AtomicU32::new(0), AtomicU32::new(0));
        let overlaps = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // The loop ends only because the exclusive tests get their turn.
                    while exclusive.load(Ordering::SeqCst) < 5 {
                        let permit = wait(root, false).unwrap();
                        shared.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        shared.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..5 {
                    let permit = wait(root, true).unwrap();
                    overlaps.fetch_add(shared.load(Ordering::SeqCst), Ordering::SeqCst);
                    exclusive.fetch_add(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
        });
        assert_eq!(overlaps.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn ordinary_tests_run_side_by_side() {
        let directory = tempfile::tempdir().unwrap();
        // The second call would wait for the first permit if it were not shared.
        let permits = [false, false].map(|exclusive| wait(directory.path(), exclusive));
        assert!(permits.iter().all(Result::is_ok));
    }
}
