//! A bell that is a thread which sleeps until the first deadline: for systems without timer
//! descriptors.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Bell, Deadlines};

#[derive(Debug)]
pub(super) struct Sleeper {
    changed: Arc<Condvar>,
}

/// Starts the thread. It ends with the timer.
pub(super) fn start(deadlines: &Arc<Mutex<Deadlines>>) -> io::Result<Sleeper> {
    let changed = Arc::new(Condvar::new());
    let bell = Sleeper { changed: Arc::clone(&changed) };
    let deadlines = Arc::clone(deadlines);
    thread::Builder::new()
        .name("chaos-timer".to_owned())
        .spawn(move || ring_for_ever(&deadlines, &changed))?;
    Ok(bell)
}

fn ring_for_ever(deadlines: &Mutex<Deadlines>, changed: &Condvar) {
    let mut locked = deadlines.lock();
    while !locked.closed {
        let (due, next) = locked.ring(Instant::now());
        if !due.is_empty() {
            MutexGuard::unlocked(&mut locked, || due.into_iter().for_each(Waker::wake));
            continue;
        }
        match next {
            Some(next) => {
                let _timed_out = changed.wait_until(&mut locked, next);
            }
            None => changed.wait(&mut locked),
        }
    }
}

impl Bell for Sleeper {
    fn set(&self, _at: Instant) {
        // The thread holds the lock until it sleeps, so that no new deadline is missed.
        self.changed.notify_one();
    }
}
