//! Making a failing case smaller: faults first, then operations, then what is inside them.

use std::cell::Cell;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;

use super::case::{Case, CaseFault};
use super::plan::{Plan, Told};
use super::runner::{Numbered, Ran, Runner, TIMED_OUT};
use super::schedules;
use super::shrink::{FailureRate, minimise, still_fails};
use crate::chaos::Chaos;
use crate::error::TestError;
use crate::event::CasePurpose;
use crate::fault::FaultKind;

/// How often a failing case is run again to learn how often it fails.
const CONFIRMATIONS: u32 = 5;

/// How often the fields of one operation are made simpler at most.
const MOST_SIMPLIFICATIONS: u32 = 100;

/// A case that failed, and what it takes to make it fail again.
#[derive(Debug)]
pub(super) struct Failing<'r, 'cx, B> {
    pub(super) runner: &'r Runner<'cx, B>,
    pub(super) numbered: Numbered,
    /// Which failure it has to be.
    pub(super) signature: String,
    pub(super) deadline: Instant,
    runs: Cell<u32>,
}

/// What became of a failing case.
#[derive(Debug)]
pub(super) struct Reduced<Op> {
    pub(super) case: Case<Op>,
    pub(super) failed: u32,
    pub(super) runs: u32,
    /// How many runs it took.
    pub(super) tried: u32,
    /// Whether there was time for all of it.
    pub(super) is_complete: bool,
}

impl<'r, 'cx, B> Failing<'r, 'cx, B> {
    pub(super) fn new(
        runner: &'r Runner<'cx, B>,
        numbered: Numbered,
        signature: String,
        budget: Duration,
    ) -> Self {
        let deadline = Instant::now() + budget;
        Self { runner, numbered, signature, deadline, runs: Cell::new(0) }
    }

    /// Whether the case fails in the same way, in one run.
    async fn fails<Op, E>(&self, case: &Case<Op>, purpose: CasePurpose) -> (bool, Ran)
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        self.runs.set(self.runs.get() + 1);
        let ran = self.runner.run(case, self.numbered, purpose).await;
        let fails = ran.failure().is_some_and(|failure| failure.signature == self.signature);
        (fails, ran)
    }

    async fn tries<Op, E>(&self, case: &Case<Op>) -> ControlFlow<(), bool>
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        if Instant::now() >= self.deadline {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(self.fails(case, CasePurpose::Shrinking).await.0)
    }

    /// Of so many runs, so many fail.
    pub(super) async fn measure<Op, E>(&self, case: &Case<Op>) -> (u32, u32)
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        let (mut failed, mut runs) = (0, 0);
        while runs < CONFIRMATIONS && (runs == 0 || Instant::now() < self.deadline) {
            failed += u32::from(self.fails(case, CasePurpose::Confirming).await.0);
            runs += 1;
        }
        (failed, runs)
    }

    /// Makes the case smaller until nothing can be left out, or the time is over. `trees` are what
    /// its operations were drawn from, one for each.
    pub(super) async fn reduce<Op, E, T>(&self, case: Case<Op>, trees: Vec<T>) -> Reduced<Op>
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        T: ValueTree<Value = Op>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        let (failed, runs) = self.measure(&case).await;
        let rate = FailureRate::measured(failed, runs);
        let mut work =
            Work { failing: self, rate, case, trees: trees.into_iter().map(Some).collect() };
        let stopped = work.reduce().await.is_break();
        let case = work.case;
        let (failed, runs) = self.measure(&case).await;
        Reduced { case, failed, runs, tried: self.runs.get(), is_complete: !stopped }
    }
}

struct Work<'f, 'r, 'cx, B, Op, T> {
    failing: &'f Failing<'r, 'cx, B>,
    rate: FailureRate,
    case: Case<Op>,
    /// What the operations were drawn from.
    trees: Vec<Option<T>>,
}

impl<B, Op, T, E> Work<'_, '_, '_, B, Op, T>
where
    Op: Clone + Debug,
    E: Into<TestError>,
    T: ValueTree<Value = Op>,
    B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
{
    async fn reduce(&mut self) -> ControlFlow<()> {
        self.faults().await?;
        self.operations().await?;
        if self.case.workers() > 1 && self.accepts(self.case.by_one_worker()).await? {
            self.operations().await?;
        }
        self.moments().await?;
        self.fields().await?;
        // One that came too late as often as not comes with the beginning now, and meets the same each
        // time.
        self.moments().await?;
        self.one_by_one().await
    }

    /// Keeps the candidate if it fails as often.
    async fn accepts(&mut self, candidate: Case<Op>) -> ControlFlow<(), bool> {
        let fails = still_fails(self.rate, async || self.failing.tries(&candidate).await).await?;
        if fails {
            self.case = candidate;
        }
        ControlFlow::Continue(fails)
    }

    async fn faults(&mut self) -> ControlFlow<()> {
        let (failing, case) = (self.failing, &self.case);
        let fails = async |kept: &[usize]| failing.tries(&case.with_faults(kept)).await;
        let found = minimise(case.faults.len(), self.rate, fails).await;
        self.case = case.with_faults(&found.kept);
        end_of(found.is_complete)
    }

    /// Operations with a fault stay, as the fault would be gone with them.
    async fn operations(&mut self) -> ControlFlow<()> {
        let (failing, case) = (self.failing, &self.case);
        let has_fault = |place: &usize| case.during(*place).next().is_some();
        let (pinned, free): (Vec<usize>, Vec<usize>) =
            (0..case.steps.len()).partition(|place| has_fault(place));
        let with = |kept: &[usize]| {
            let mut places: Vec<usize> = kept.iter().map(|place| free[*place]).collect();
            places.extend(&pinned);
            places.sort_unstable();
            places
        };
        let fails = async |kept: &[usize]| failing.tries(&case.with_steps(&with(kept))).await;
        let found = minimise(free.len(), self.rate, fails).await;
        let places = with(&found.kept);
        self.keep_steps(&places);
        end_of(found.is_complete)
    }

    fn keep_steps(&mut self, places: &[usize]) {
        self.case = self.case.with_steps(places);
        self.trees = places.iter().map(|place| self.trees[*place].take()).collect();
    }

    async fn fields(&mut self) -> ControlFlow<()> {
        if self.case.pool_size > 1 {
            self.accepts(Case { pool_size: 1, ..self.case.clone() }).await?;
        }
        for place in 0..self.case.faults.len() {
            if let Some(untorn) = schedules::untorn(&self.case.faults[place]) {
                self.accepts(self.with_fault(place, untorn)).await?;
            }
            for shorter in schedules::shorter(&self.case.faults[place]) {
                if self.accepts(self.with_fault(place, shorter)).await? {
                    break;
                }
            }
        }
        for place in 0..self.case.steps.len() {
            self.simplify(place).await?;
        }
        ControlFlow::Continue(())
    }

    fn with_fault(&self, place: usize, fault: CaseFault) -> Case<Op> {
        let mut case = self.case.clone();
        case.faults[place] = fault;
        case
    }

    /// Makes what is inside one operation simpler, as its strategy does.
    async fn simplify(&mut self, place: usize) -> ControlFlow<()> {
        let Some(mut tree) = self.trees[place].take() else { return ControlFlow::Continue(()) };
        let mut more = tree.simplify();
        for _ in 0..MOST_SIMPLIFICATIONS {
            if !more {
                break;
            }
            let mut candidate = self.case.clone();
            candidate.steps[place].operation = tree.current();
            more = match self.accepts(candidate).await? {
                true => tree.simplify(),
                false => tree.complicate(),
            };
        }
        ControlFlow::Continue(())
    }

    /// Tries once more to leave out each operation and each fault, as some may be needed no longer.
    ///
    /// Who is the first to use a connection opens it, so without an operation the message that a
    /// fault waits for may be another one of its kind.
    async fn one_by_one(&mut self) -> ControlFlow<()> {
        for place in (0..self.case.faults.len()).rev() {
            let others: Vec<usize> =
                (0..self.case.faults.len()).filter(|it| *it != place).collect();
            self.accepts(self.case.with_faults(&others)).await?;
        }
        for place in (0..self.case.steps.len()).rev() {
            if self.case.during(place).next().is_some() {
                continue;
            }
            let others: Vec<usize> = (0..self.case.steps.len()).filter(|it| *it != place).collect();
            let candidate = self.case.with_steps(&others);
            let aimed = schedules::aimed_elsewhere(&candidate);
            for candidate in std::iter::once(candidate).chain(aimed) {
                if self.accepts(candidate).await? {
                    self.trees.remove(place);
                    break;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Has faults that come at a time come at the message that they met instead, if that fails too.
    async fn moments(&mut self) -> ControlFlow<()> {
        for place in 0..self.case.faults.len() {
            let planned = self.case.faults[place].clone();
            if planned.fault.message.is_some() || !is_promotable(&planned) {
                continue;
            }
            let Some(told) = self.failing_run().await? else { continue };
            let Some(met) = told.passed_before(place) else { continue };
            let calm = self.failing.runner;
            let ran = calm
                .run(&self.case.with_faults(&[]), self.failing.numbered, CasePurpose::Recording)
                .await;
            for nth in [met, met.saturating_sub(1), met + 1] {
                let Some(point) = ran.told.recording.point(planned.during, nth) else { continue };
                if self.accepts(self.with_fault(place, schedules::at(&planned, &point))).await? {
                    break;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// What a run told that fails.
    async fn failing_run(&self) -> ControlFlow<(), Option<Told>> {
        for _ in 0..self.rate.repeats() {
            if Instant::now() >= self.failing.deadline {
                return ControlFlow::Break(());
            }
            let (fails, ran) = self.failing.fails(&self.case, CasePurpose::Shrinking).await;
            if fails {
                return ControlFlow::Continue(Some(ran.told));
            }
        }
        ControlFlow::Continue(None)
    }
}

fn is_promotable(planned: &CaseFault) -> bool {
    matches!(planned.fault.kind, FaultKind::Cut | FaultKind::Reset | FaultKind::Stall)
}

fn end_of(is_complete: bool) -> ControlFlow<()> {
    if is_complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// How long a candidate may take of a failure that is a hang: what a good run takes, many times over.
pub(super) fn patience(signature: &str, timeout: Duration, calm: Duration) -> Duration {
    if signature == TIMED_OUT {
        timeout.min((calm * 20).max(Duration::from_secs(1)))
    } else {
        timeout
    }
}
