//! Waking tasks on time.
//!
//! The timers of tokio are up to a millisecond late, which is too coarse for a delay of 200 µs.
//! Here all deadlines of the runtime wait in one queue, and one bell rings for the first of them:
//! a timer descriptor where there is one, else a thread that sleeps.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use parking_lot::Mutex;

#[cfg(target_os = "linux")]
mod descriptor;
mod sleeper;

/// What rings when a deadline is reached.
trait Bell: Send + Sync + std::fmt::Debug {
    /// Has it ring at this time, which is earlier than the one it was set to before.
    fn set(&self, at: Instant);
}

/// Rings when it is polled, for ever; the runtime's thread drives it.
pub(super) type Ringing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wakes tasks on time.
#[derive(Debug)]
pub(super) struct Timer {
    deadlines: Arc<Mutex<Deadlines>>,
    bell: Arc<dyn Bell>,
}

#[derive(Debug, Default)]
struct Deadlines {
    /// Ordered by time; the number tells alarms with the same deadline apart.
    waiting: BTreeMap<(Instant, u64), Waker>,
    /// When the bell rings next.
    set_to: Option<Instant>,
    alarms: u64,
    /// Whether the timer is gone.
    closed: bool,
}

impl Timer {
    /// Starts the best timer that this machine has, and returns what the runtime is to drive.
    ///
    /// The caller stands in the context of the runtime.
    pub(super) fn start() -> io::Result<(Self, Ringing)> {
        #[cfg(target_os = "linux")]
        if let Ok(started) = Self::with_descriptor() {
            return Ok(started);
        }
        // A sandbox may forbid timer descriptors.
        Ok((Self::with_sleeper()?, Box::pin(std::future::pending())))
    }

    #[cfg(target_os = "linux")]
    fn with_descriptor() -> io::Result<(Self, Ringing)> {
        let deadlines = Arc::default();
        let (bell, ringing) = descriptor::start(&deadlines)?;
        Ok((Self { deadlines, bell: Arc::new(bell) }, ringing))
    }

    fn with_sleeper() -> io::Result<Self> {
        let deadlines = Arc::default();
        let bell = sleeper::start(&deadlines)?;
        Ok(Self { deadlines, bell: Arc::new(bell) })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.deadlines.lock().closed = true;
        self.bell.set(Instant::now());
    }
}

impl Deadlines {
    /// Takes out all that are due, and returns their wakers and the first of those that are left.
    fn ring(&mut self, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let mut due = Vec::new();
        self.set_to = None;
        while let Some(first) = self.waiting.first_entry() {
            let at = first.key().0;
            if at > now {
                self.set_to = Some(at);
                break;
            }
            due.push(first.remove());
        }
        (due, self.set_to)
    }
}

/// Wakes one task, at one time at a time.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: Arc<Timer>,
    number: u64,
    at: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(timer: &Arc<Timer>) -> Self {
        let mut deadlines = timer.deadlines.lock();
        deadlines.alarms += 1;
        Self { timer: Arc::clone(timer), number: deadlines.alarms, at: None }
    }

    /// Wakes the task at this time and at no other.
    pub(super) fn set(&mut self, at: Option<Instant>, waker: &Waker) {
        if at.is_none() && self.at.is_none() {
            return;
        }
        let mut deadlines = self.timer.deadlines.lock();
        if let Some(before) = self.at {
            deadlines.waiting.remove(&(before, self.number));
        }
        self.at = at;
        let Some(at) = at else { return };
        deadlines.waiting.insert((at, self.number), waker.clone());
        if deadlines.set_to.is_none_or(|set_to| at < set_to) {
            deadlines.set_to = Some(at);
            self.timer.bell.set(at);
        }
    }

    /// Waits until this time.
    pub(super) async fn wait_until(&mut self, at: Instant) {
        std::future::poll_fn(|cx| {
            if Instant::now() >= at {
                self.set(None, cx.waker());
                return std::task::Poll::Ready(());
            }
            self.set(Some(at), cx.waker());
            std::task::Poll::Pending
        })
        .await;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.set(None, Waker::noop());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Waits for several deadlines at once, given out of order, and checks that none is early.
    async fn keep_deadlines(timer: Timer) {
        let timer = Arc::new(timer);
        let start = Instant::now();
        let waits = [30, 10, 20, 10, 0].map(|ms| {
            let mut alarm = Alarm::new(&timer);
            async move {
                let at = start + Duration::from_millis(ms);
                alarm.wait_until(at).await;
                assert!(Instant::now() >= at, "{ms} ms came early");
            }
        });
        futures::future::join_all(waits).await;
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(timer.deadlines.lock().waiting.is_empty());
    }

    #[test]
    fn a_sleeping_thread_keeps_deadlines() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(keep_deadlines(Timer::with_sleeper().unwrap()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_descriptor_keeps_deadlines() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (timer, ringing) = Timer::with_descriptor().unwrap();
            let ringing = tokio::spawn(ringing);
            keep_deadlines(timer).await;
            ringing.abort();
        });
    }

    #[test]
    fn an_alarm_that_is_set_again_or_dropped_leaves_nothing_behind() {
        let timer = Arc::new(Timer::with_sleeper().unwrap());
        let mut alarm = Alarm::new(&timer);
        let later = |secs| Some(Instant::now() + Duration::from_secs(secs));
        alarm.set(later(60), Waker::noop());
        alarm.set(later(30), Waker::noop());
        assert_eq!(timer.deadlines.lock().waiting.len(), 1);
        drop(alarm);
        assert!(timer.deadlines.lock().waiting.is_empty());
    }
}
