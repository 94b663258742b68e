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
        Self {
            threads: threads(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
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

/// How many threads this process has, but for those of tests that wait for their turn: the test runner
/// may begin one at any time. Threads of tests bear their names.
fn threads() -> usize {
    let name = |task: std::path::PathBuf| fs::read_to_string(task.join("comm")).unwrap_or_default();
    let mine = name("/proc/thread-self".into());
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| name(task.unwrap().path()));
    names.filter(|name| *name == mine || !name.contains("::")).count()
}
