//! Delays that are drawn once for each chunk.

use std::time::Duration;

use crate::delay::Delay;
use crate::seed::Draws;

/// A delay that is drawn once for each chunk.
#[derive(Debug)]
pub(super) struct Drawn {
    course: Course,
    draws: Draws,
    current: Option<Duration>,
}

/// Which delay holds when.
#[derive(Debug)]
enum Course {
    Constant(Delay),
    Steps {
        delays: Vec<Delay>,
        each: Duration,
        began: Duration,
    },
    /// So much give or take so much, both from 0 upwards; what would be below 0 is 0.
    #[cfg(feature = "toxiproxy")]
    Jittered {
        delay: Duration,
        jitter: Duration,
    },
}

impl Drawn {
    pub(super) fn new(delay: Delay, draws: Draws) -> Self {
        Self { course: Course::Constant(delay), draws, current: None }
    }

    /// One delay after the other, each for so long, since time `began`.
    pub(super) fn in_steps(
        delays: Vec<Delay>,
        each: Duration,
        began: Duration,
        draws: Draws,
    ) -> Self {
        Self { course: Course::Steps { delays, each, began }, draws, current: None }
    }

    /// One delay give or take another, all in between equally likely.
    #[cfg(feature = "toxiproxy")]
    pub(super) fn jittered(delay: Duration, jitter: Duration, draws: Draws) -> Self {
        Self { course: Course::Jittered { delay, jitter }, draws, current: None }
    }

    /// The delay of the chunk at the head, which came at time `at`.
    pub(super) fn current(&mut self, at: Duration) -> Duration {
        let Self { course, draws, current } = self;
        *current.get_or_insert_with(|| match course {
            Course::Constant(delay) => delay.draw(draws),
            #[cfg(feature = "toxiproxy")]
            Course::Jittered { delay, jitter } => {
                let width = Delay::Uniform { min: Duration::ZERO, max: jitter.saturating_mul(2) };
                let late = delay.saturating_add(width.draw(draws));
                late.saturating_sub(*jitter).min(Delay::MAX)
            }
            Course::Steps { delays, each, began } => {
                let passed = at.saturating_sub(*began).as_nanos();
                let step = passed.checked_div(each.as_nanos()).unwrap_or(0);
                let step = usize::try_from(step).unwrap_or(usize::MAX);
                let delay = delays.get(step).or(delays.last());
                delay.map_or(Duration::ZERO, |delay| delay.draw(draws))
            }
        })
    }

    /// The chunk is gone.
    pub(super) fn forget(&mut self) {
        self.current = None;
    }
}
