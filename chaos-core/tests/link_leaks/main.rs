//! What links leave behind, and what they do when the process has nothing left to give them.
//!
//! A process of their own, whose threads, tasks and descriptors are counted: one test after the other.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

mod churn;
mod exhausted;
mod gone;

/// Longer than anything here takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps the other tests waiting while this one counts.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    threads: usize,
    descriptors: usize,
    /// Of the thread that serves links.
    tasks: usize,
}

impl Held {
    fn now() -> Self {
        let count = |directory| fs::read_dir(directory).unwrap().count();
        Self {
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
            tasks: chaos_core::link::tasks(),
        }
    }

    /// Waits until no more is held than this: the last connections may still be closing.
    fn is_held_again(self) {
        let begun = Instant::now();
        loop {
            let now = Self::now();
            let back = now.threads <= self.threads
                && now.descriptors <= self.descriptors
                && now.tasks <= self.tasks;
            if back {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{self:?} became {now:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
