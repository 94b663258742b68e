//! Making a list smaller whose failure comes and goes.
//!
//! The search is counter-based delta debugging (CDD: Zhang and others, "Deep Dive into Probabilistic
//! Delta Debugging: Insights and Simplifications", arXiv 2408.04735): it removes chunks whose size
//! falls from round to round, so that every element gets several chances. That is what a failure needs
//! which comes and goes, as a candidate that passes by luck is taken for one that cannot fail.
//!
//! * A candidate is tried up to k times, and kept as soon as it fails: a failure is a proof, a pass is
//!   not. k = ⌈ln 0.05 / ln(1 - p)⌉ is the number after which something that fails with probability
//!   p has passed every time in only 5 % of cases. While chunks are larger than one element half as
//!   many do, since the elements come again.
//! * The rounds are followed by one greedy pass over what is left.
//! * Reducers drift to failures that are ever rarer. So the rate of the result is measured, and where
//!   it is below half of that at the beginning, the search goes back, by bisection, to the last step
//!   at which it was not, and goes on from there with every step measured.
//!
//! What fails always (p = 1) is tried once, and never measured.
//!
//! It knows nothing of tests: it is given a number of elements, and asks of sets of them whether they
//! fail.

use std::ops::ControlFlow;

/// How much is removed in the first round: the chance of an element to be needed that CDD begins with.
const FIRST_CHANCE: f64 = 0.1;

/// By what that chance grows in each round: 1 / (1 - 1/e).
const GROWTH: f64 = 1.581_976_706_869_326_3;

/// The chance that is accepted of taking something that fails for something that cannot.
const MISSED: f64 = 0.05;

/// How many repeats are made of one candidate at most.
const MOST_REPEATS: u32 = 40;

/// How often something fails: more than 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailureRate(f64);

impl FailureRate {
    /// Fails every time.
    pub const ALWAYS: Self = Self(1.0);

    /// What is to be expected of something that failed once, and then `failed` times in `runs` more.
    ///
    /// Where it did not fail again, the first failure counts as one of all runs.
    ///
    /// ```
    /// use chaos_core::property::shrink::FailureRate;
    ///
    /// assert_eq!(FailureRate::measured(5, 5), FailureRate::ALWAYS);
    /// assert_eq!(FailureRate::measured(2, 5).get(), 0.4);
    /// assert_eq!(FailureRate::measured(0, 4).get(), 0.2);
    /// ```
    #[must_use]
    pub fn measured(failed: u32, runs: u32) -> Self {
        match failed {
            0 => Self(1.0 / (f64::from(runs) + 1.0)),
            _ => Self((f64::from(failed) / f64::from(runs.max(1))).min(1.0)),
        }
    }

    /// The share of runs that fail.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether every run fails.
    #[must_use]
    pub fn is_always(self) -> bool {
        self.0 >= 1.0
    }

    /// How many passes in a row it takes to believe that something cannot fail: 1 where every run
    /// fails, at most 40.
    ///
    /// ```
    /// use chaos_core::property::shrink::FailureRate;
    ///
    /// assert_eq!(FailureRate::measured(1, 2).repeats(), 5);
    /// assert_eq!(FailureRate::measured(1, 5).repeats(), 14);
    /// ```
    #[must_use]
    pub fn repeats(self) -> u32 {
        if self.is_always() {
            return 1;
        }
        let repeats = (MISSED.ln() / (1.0 - self.0).ln()).ceil();
        #[expect(clippy::cast_possible_truncation, reason = "it is small")]
        #[expect(clippy::cast_sign_loss, reason = "both logarithms are negative")]
        let repeats = repeats as u32;
        repeats.clamp(1, MOST_REPEATS)
    }
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Minimised {
    /// The elements that are left, by their places in the list.
    pub kept: Vec<usize>,
    /// Whether the search came to its end, and was not stopped.
    pub is_complete: bool,
}

/// Looks for few of `elements` elements that still fail.
///
/// `fails` is given the places of those that are left, in order, and says whether they failed in one
/// run, or stops the search. What all elements together do is not asked.
///
/// ```
/// use chaos_core::property::shrink::{FailureRate, minimise};
/// use std::ops::ControlFlow;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // It fails whenever elements 3 and 7 are there.
/// let fails = async |kept: &[usize]| ControlFlow::Continue(kept.contains(&3) && kept.contains(&7));
/// let found = minimise(20, FailureRate::ALWAYS, fails).await;
/// assert_eq!(found.kept, [3, 7]);
/// # });
/// ```
pub async fn minimise(
    elements: usize,
    rate: FailureRate,
    fails: impl AsyncFnMut(&[usize]) -> ControlFlow<(), bool>,
) -> Minimised {
    let all: Vec<usize> = (0..elements).collect();
    let mut search = Search { trial: Trial { rate, fails }, steps: vec![all] };
    let stopped = search.run().await.is_break();
    let kept = search.steps.pop().unwrap_or_default();
    Minimised { kept, is_complete: !stopped }
}

/// Says whether one candidate fails at the rate at which it is to: one of the changes that are no
/// removals, such as of a number. It fails within k runs, and on at least half as many as `rate` says
/// when it is measured.
///
/// # Errors
///
/// `Break` when `fails` stops the search.
pub(crate) async fn still_fails(
    rate: FailureRate,
    mut fails: impl AsyncFnMut() -> ControlFlow<(), bool>,
) -> ControlFlow<(), bool> {
    let mut trial = Trial { rate, fails: async |_: &[usize]| fails().await };
    if !trial.within(&[], rate.repeats()).await? {
        return ControlFlow::Continue(false);
    }
    trial.keeps_its_rate(&[], 1).await
}

struct Trial<F> {
    rate: FailureRate,
    fails: F,
}

impl<F: AsyncFnMut(&[usize]) -> ControlFlow<(), bool>> Trial<F> {
    /// Whether it fails at least once in so many runs.
    async fn within(&mut self, candidate: &[usize], runs: u32) -> ControlFlow<(), bool> {
        for _ in 0..runs {
            if (self.fails)(candidate).await? {
                return ControlFlow::Continue(true);
            }
        }
        ControlFlow::Continue(false)
    }

    /// Whether it fails at least half as often as at the beginning, over 2 k runs, of which one has
    /// failed already if `failed` is 1. It ends as soon as the answer is certain.
    async fn keeps_its_rate(
        &mut self,
        candidate: &[usize],
        mut failed: u32,
    ) -> ControlFlow<(), bool> {
        if self.rate.is_always() {
            return ControlFlow::Continue(true);
        }
        let runs = 2 * self.rate.repeats();
        let wanted = f64::from(runs) * self.rate.get() / 2.0;
        let mut left = runs - failed;
        while f64::from(failed) < wanted {
            if f64::from(failed + left) < wanted {
                return ControlFlow::Continue(false);
            }
            failed += u32::from((self.fails)(candidate).await?);
            left -= 1;
        }
        ControlFlow::Continue(true)
    }
}

struct Search<F> {
    trial: Trial<F>,
    /// What was left after each removal; the last is the best so far.
    steps: Vec<Vec<usize>>,
}

impl<F: AsyncFnMut(&[usize]) -> ControlFlow<(), bool>> Search<F> {
    async fn run(&mut self) -> ControlFlow<()> {
        let mut size;
        let mut round = 0;
        loop {
            size = chunk(round).min(self.best().len());
            self.remove_chunks(size, false).await?;
            round += 1;
            if size <= 1 {
                break;
            }
        }
        self.remove_chunks(1, false).await?;
        if !self.trial.keeps_its_rate(&self.best(), 0).await? {
            self.go_back().await?;
            self.remove_chunks(1, true).await?;
        }
        ControlFlow::Continue(())
    }

    fn best(&self) -> Vec<usize> {
        self.steps.last().cloned().unwrap_or_default()
    }

    /// Tries to remove each chunk of so many elements.
    async fn remove_chunks(&mut self, size: usize, is_measured: bool) -> ControlFlow<()> {
        let repeats = self.trial.rate.repeats();
        let repeats = if size == 1 { repeats } else { repeats.div_ceil(2) };
        for removed in self.best().chunks(size.max(1)) {
            let mut candidate = self.best();
            candidate.retain(|element| !removed.contains(element));
            let fails = self.trial.within(&candidate, repeats).await?
                && (!is_measured || self.trial.keeps_its_rate(&candidate, 1).await?);
            if fails {
                self.steps.push(candidate);
            }
        }
        ControlFlow::Continue(())
    }

    /// Goes back to the last step that fails often enough, as if each failed as often as the one
    /// before it or less.
    async fn go_back(&mut self) -> ControlFlow<()> {
        let (mut holds, mut drifted) = (0, self.steps.len() - 1);
        while drifted - holds > 1 {
            let middle = (holds + drifted) / 2;
            let candidate = self.steps[middle].clone();
            match self.trial.keeps_its_rate(&candidate, 0).await? {
                true => holds = middle,
                false => drifted = middle,
            }
        }
        self.steps.truncate(holds + 1);
        ControlFlow::Continue(())
    }
}

/// How many elements are removed at once in this round, counted from 0.
///
/// CDD takes the size s that makes s · (1 - p)^s greatest, which is -1 / ln(1 - p).
fn chunk(round: i32) -> usize {
    let chance = FIRST_CHANCE * GROWTH.powi(round);
    if chance >= 1.0 {
        return 1;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is rounded down")]
    #[expect(clippy::cast_sign_loss, reason = "the logarithm is negative")]
    let size = (-1.0 / (1.0 - chance).ln()) as usize;
    size.max(1)
}

#[cfg(test)]
#[path = "shrink_tests.rs"]
mod tests;
