//! One of the clients of a workload, as its operation sees it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::delay::Delay;
use crate::probability::Probability;
use crate::seed::Seed;

/// One of the clients of a workload, for one operation.
///
/// What it draws depends on the seed of the attempt and on the numbers of the run, of the client and
/// of the operation only, so that the same client does the same things whenever the attempt is
/// repeated.
#[derive(Debug)]
pub struct Client {
    run: u64,
    id: u32,
    operation: u64,
    seed: Seed,
    drawn: AtomicU64,
}

impl Client {
    /// The client for one operation of a run, which is counted from 0 within the attempt.
    pub(crate) fn new(attempt: Seed, run: u64, id: u32, operation: u64) -> Self {
        let workload = attempt.named("workload").numbered(run);
        let seed = workload.numbered(u64::from(id)).numbered(operation);
        Self { run, id, operation, seed, drawn: AtomicU64::new(0) }
    }

    /// Which client it is, counted from 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Which operation of this client it is, counted from 0.
    #[must_use]
    pub fn operation(&self) -> u64 {
        self.operation
    }

    /// A number that no other operation of the attempt has, in this run or another: good for an
    /// idempotency key. It fits into an `i64`.
    ///
    /// It repeats only after 128 runs, 2^20 clients or 2^36 operations of a client.
    #[must_use]
    pub fn unique(&self) -> u64 {
        const CLIENT_BITS: u32 = 20;
        const OPERATION_BITS: u32 = 36;
        let run = self.run & 0x7f;
        let id = u64::from(self.id) & ((1 << CLIENT_BITS) - 1);
        let operation = self.operation & ((1 << OPERATION_BITS) - 1);
        (run << (CLIENT_BITS + OPERATION_BITS)) | (id << OPERATION_BITS) | operation
    }

    /// Draws a number from a range, all equally likely.
    ///
    /// # Panics
    ///
    /// When the range is empty.
    #[track_caller]
    pub fn pick<N: Pick>(&self, range: RangeInclusive<N>) -> N {
        N::pick(range, self.next())
    }

    /// Draws two different numbers from a range.
    ///
    /// # Panics
    ///
    /// When the range has fewer than two numbers.
    #[track_caller]
    pub fn pick_two<N: Pick>(&self, range: RangeInclusive<N>) -> (N, N) {
        assert!(range.start() < range.end(), "a range of at least two numbers is needed");
        let first = self.pick(range.clone());
        loop {
            let second = self.pick(range.clone());
            if second != first {
                return (first, second);
            }
        }
    }

    /// True with the given probability.
    #[must_use]
    pub fn chance(&self, probability: Probability) -> bool {
        self.next().draws().hits(probability)
    }

    /// Draws how long it waits before the operation. It takes nothing from what the operation draws.
    pub(crate) fn wait(&self, jitter: Delay) -> Duration {
        jitter.draw(&mut self.seed.named("jitter").draws())
    }

    fn next(&self) -> Seed {
        self.seed.numbered(self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

/// The integers that a client can draw.
pub trait Pick: Copy + PartialOrd {
    #[doc(hidden)]
    fn pick(range: RangeInclusive<Self>, seed: Seed) -> Self;
}

macro_rules! pick {
    ($($integer:ty),*) => {$(
        impl Pick for $integer {
            #[track_caller]
            fn pick(range: RangeInclusive<Self>, seed: Seed) -> Self {
                let (low, high) = (*range.start(), *range.end());
                assert!(low <= high, "cannot pick from the empty range {low}..={high}");
                // Two's complement makes the width right for signed numbers too.
                let width = (high as i128 - low as i128) as u128 + 1;
                let drawn = match u64::try_from(width) {
                    Ok(width) => seed.draws().below(width),
                    Err(_) => seed.draws().next_u64(),
                };
                (low as i128 + i128::from(drawn)) as Self
            }
        }
    )*};
}

pick!(u8, i16, i32, i64, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_operation_draws_the_same_and_another_one_something_else() {
        let draw = |id, operation| -> Vec<i64> {
            let client = Client::new(Seed(42), 0, id, operation);
            (0..20).map(|_| client.pick(-500..=500)).collect()
        };
        assert_eq!(draw(3, 7), draw(3, 7));
        assert_ne!(draw(3, 7), draw(3, 8));
        assert_ne!(draw(3, 7), draw(4, 7));
    }

    #[test]
    fn all_of_a_range_is_drawn_and_nothing_outside() {
        let client = Client::new(Seed(1), 0, 0, 0);
        let mut seen = [false; 3];
        for _ in 0..100 {
            seen[(client.pick(-1..=1_i32) + 1) as usize] = true;
            let (one, other) = client.pick_two(1..=2_u16);
            assert_eq!(one + other, 3);
        }
        assert_eq!(seen, [true; 3]);
        let _anything: u64 = client.pick(0..=u64::MAX);
        let _anything: i64 = client.pick(i64::MIN..=i64::MAX);
        assert_eq!(client.pick(5..=5_usize), 5);
    }

    #[test]
    fn unique_numbers_are_unique() {
        let clients = (0..3).flat_map(|run| (0..30).map(move |id| (run, id)));
        let numbers: std::collections::HashSet<_> = clients
            .flat_map(|(run, id)| (0..30).map(move |n| Client::new(Seed(1), run, id, n).unique()))
            .collect();
        assert_eq!(numbers.len(), 2_700);
        let last = Client::new(Seed(1), 127, (1 << 20) - 1, (1 << 36) - 1).unique();
        assert_eq!(i64::try_from(last), Ok(i64::MAX));
    }

    #[test]
    fn another_run_of_the_attempt_draws_something_else() {
        let draw = |run| Client::new(Seed(42), run, 0, 0).pick(0..=u64::MAX);
        assert_ne!(draw(0), draw(1));
    }
}
