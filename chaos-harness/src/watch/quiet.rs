//! Waiting until the machine can carry a test again.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chaos_core::machine::counters::ProcessGroup;

use super::{Bounds, Observation, PROBE};

/// How long the machine is looked at each time.
const GLANCE: Duration = Duration::from_secs(1);

/// How much work the glance does each time it is woken, so that it is seen whether it gets a processor:
/// longer than the kernel lets a task run at a stretch.
const WORK: Duration = Duration::from_millis(10);

/// Looks at the machine until it is well within the bounds, no longer than about `patience`, and says
/// whether it is. `goes_on` is asked after each look.
pub(crate) fn until_quiet(
    bounds: &Bounds,
    patience: Duration,
    mut goes_on: impl FnMut() -> bool,
) -> bool {
    let until = Instant::now() + patience;
    loop {
        if is_quiet(bounds) {
            return true;
        }
        if Instant::now() >= until || !goes_on() {
            return false;
        }
    }
}

fn is_quiet(bounds: &Bounds) -> bool {
    // The harness itself is no part of any attempt; its own processes tell nothing here.
    let mut observation = Observation::begin(ProcessGroup::led_by(std::process::id()));
    let (mut worked, mut wanted) = (Duration::ZERO, Duration::ZERO);
    let until = Instant::now() + GLANCE;
    while Instant::now() < until {
        let due = Instant::now() + PROBE;
        std::thread::sleep(PROBE);
        observation.delays.push(late(due));
        let began = Instant::now();
        work();
        worked += WORK;
        wanted += began.elapsed();
    }
    let mut seen = observation.end();
    seen.processes = Default::default();
    let got = worked.as_secs_f64() / wanted.as_secs_f64().max(1e-9);
    bounds.exceeded(&seen).is_empty() && 1.0 - got.min(1.0) < bounds.starved
}

fn late(due: Instant) -> u32 {
    u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Takes [`WORK`] of a processor's time, however long that takes.
fn work() {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
        };
        let until = time() + WORK;
        while time() < until {
            black_box(0);
        }
    }
    #[cfg(not(unix))]
    {
        let until = Instant::now() + WORK;
        while Instant::now() < until {
            black_box(0);
        }
    }
}
