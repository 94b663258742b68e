//! A bell that is a timer descriptor of Linux, which the runtime polls beside its sockets.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Bell, Deadlines, Ringing};

#[derive(Debug)]
pub(super) struct Descriptor {
    descriptor: Arc<OwnedFd>,
}

/// Makes the descriptor, and what rings when it fires.
pub(super) fn start(deadlines: &Arc<Mutex<Deadlines>>) -> io::Result<(Descriptor, Ringing)> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let descriptor = Arc::new(timerfd_create(TimerfdClockId::Monotonic, flags)?);
    // Deprecated because the descriptor of some types may change or be closed while it is
    // registered. That of an `OwnedFd` cannot, and the successor is unsafe to call.
    #[allow(deprecated, reason = "older versions of tokio do not deprecate it")]
    let events = AsyncFd::with_interest(Arc::clone(&descriptor), Interest::READABLE)?;
    let deadlines = Arc::clone(deadlines);
    let bell = Descriptor { descriptor };
    let ringing = Descriptor { descriptor: Arc::clone(&bell.descriptor) };
    Ok((bell, Box::pin(async move { ringing.ring_for_ever(&events, &deadlines).await })))
}

impl Descriptor {
    async fn ring_for_ever(&self, events: &AsyncFd<Arc<OwnedFd>>, deadlines: &Mutex<Deadlines>) {
        // The runtime's driver is gone with the runtime, which ends with the process.
        while let Ok(mut ready) = events.readable().await {
            let mut expirations = [0; 8];
            let _fired = ready
                .try_io(|descriptor| Ok(rustix::io::read(descriptor.get_ref(), &mut expirations)?));
            let due = {
                let mut deadlines = deadlines.lock();
                let (due, next) = deadlines.ring(Instant::now());
                if let Some(next) = next {
                    self.set(next);
                }
                due
            };
            due.into_iter().for_each(Waker::wake);
        }
    }
}

impl Bell for Descriptor {
    fn set(&self, at: Instant) {
        // A time of zero would disarm the timer.
        let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        // A day is as good as for ever: the bell is set again when it rings for nobody.
        let wait = wait.min(Duration::from_secs(24 * 3600));
        let value = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            },
        };
        // It fails only for times that are none.
        let _before = timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &value);
    }
}
