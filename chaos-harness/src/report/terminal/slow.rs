//! A sign of life from tests that take long, where there are no live lines: one line a minute.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::SharedOutput;

/// Every so long a test that is still running is named.
const EVERY: Duration = Duration::from_secs(60);

/// Watches the tests that run.
#[derive(Debug)]
pub(super) struct SlowTests {
    changes: Sender<Change>,
}

enum Change {
    Started(String),
    Ended(String),
}

impl SlowTests {
    /// Names slow tests on `output`, from a thread that ends with this value.
    ///
    /// Without that thread tests run as well: when the system has none to spare nothing is named.
    pub(super) fn watch(output: SharedOutput) -> Self {
        Self::watch_every(EVERY, output)
    }

    fn watch_every(every: Duration, output: SharedOutput) -> Self {
        let (changes, incoming) = mpsc::channel();
        let thread = thread::Builder::new().name("slow-tests".to_owned());
        let spawned = thread.spawn(move || {
            let mut running: Vec<(String, Instant, u32)> = Vec::new();
            loop {
                let next =
                    running.iter().map(|(_, began, times)| *began + every * (times + 1)).min();
                let wait = next.map_or(every, |at| at.saturating_duration_since(Instant::now()));
                match incoming.recv_timeout(wait) {
                    Ok(Change::Started(test)) => running.push((test, Instant::now(), 0)),
                    Ok(Change::Ended(test)) => running.retain(|(name, ..)| *name != test),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        for (test, began, times) in &mut running {
                            if began.elapsed() >= every * (*times + 1) {
                                *times += 1;
                                let seconds = (every * *times).as_secs();
                                let line = format!(
                                    "test {test} has been running for over {seconds} seconds\n"
                                );
                                output.write(|out| out.write_all(line.as_bytes()));
                            }
                        }
                    }
                }
            }
        });
        drop(spawned);
        Self { changes }
    }

    pub(super) fn started(&self, test: &str) {
        self.tell(Change::Started(test.to_owned()));
    }

    pub(super) fn ended(&self, test: &str) {
        self.tell(Change::Ended(test.to_owned()));
    }

    fn tell(&self, change: Change) {
        // Nobody listens when the thread could not be started.
        self.changes.send(change).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terminal::tests::Written;

    #[test]
    fn a_test_is_named_again_and_again_until_it_ends() {
        let written = Written::default();
        let slow = SlowTests::watch_every(Duration::from_millis(20), written.output());
        slow.started("quick");
        slow.ended("quick");
        slow.started("hangs");
        let begin = Instant::now();
        while written.text().lines().count() < 3 {
            assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", written.text());
            thread::yield_now();
        }
        assert!(begin.elapsed() >= Duration::from_millis(60));
        slow.ended("hangs");
        for line in written.text().lines() {
            assert_eq!(line, "test hangs has been running for over 0 seconds");
        }
    }
}
