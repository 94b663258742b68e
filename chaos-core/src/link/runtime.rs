//! The thread that serves all links of the process.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};

use super::timer::Timer;

/// The runtime on its thread, its timer, and the beginning of its time.
#[derive(Debug, Clone)]
pub(super) struct LinkRuntime {
    handle: Handle,
    timer: Arc<Timer>,
    epoch: Instant,
}

/// How many tasks run before the sockets and the timer are looked at again. A low number keeps
/// delays accurate while other connections move a lot of data.
const EVENT_INTERVAL: u32 = 4;

impl LinkRuntime {
    /// The runtime of this process, which is started when it is first asked for.
    pub(super) fn get() -> io::Result<Self> {
        static RUNTIME: Mutex<Option<LinkRuntime>> = Mutex::new(None);
        let mut runtime = RUNTIME.lock();
        if let Some(runtime) = &*runtime {
            return Ok(runtime.clone());
        }
        Ok(runtime.insert(Self::start()?).clone())
    }

    fn start() -> io::Result<Self> {
        // One thread, and not that of the system under test: it can neither starve the links nor
        // be starved by them, and connections need no locks among each other.
        let runtime =
            Builder::new_current_thread().enable_io().event_interval(EVENT_INTERVAL).build()?;
        let handle = runtime.handle().clone();
        let (timer, ringing) = {
            let _entered = handle.enter();
            Timer::start()?
        };
        thread::Builder::new().name("chaos-links".to_owned()).spawn(move || {
            runtime.block_on(ringing);
        })?;
        Ok(Self { handle, timer: Arc::new(timer), epoch: Instant::now() })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn timer(&self) -> &Arc<Timer> {
        &self.timer
    }

    /// The time since this runtime began: the time of its engines.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// When this time is; `None` when it never comes.
    pub(super) fn instant(&self, time: Duration) -> Option<Instant> {
        self.epoch.checked_add(time)
    }
}
