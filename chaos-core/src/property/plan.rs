//! What a property is given in each case: operations, and faults that come while they run.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{Either, join_all, pending, select};
use parking_lot::Mutex;

use super::case::{Case, CaseFault, Until};
use super::recording::{Recording, Span};
use crate::error::{TestError, with_sources};
use crate::event::EventKind;
use crate::link::{ActiveFault, Link, Target};
use crate::outcome::{Outcome, sqlstate};
use crate::scope::{FaultRecord, Scope};

/// The operations of one case, which [`run`](Self::run) carries out while faults come and go.
///
/// Take one as a parameter of a `#[chaos_test(cases = 64)]`, or in [`Property::run`](super::Property::run).
#[derive(Debug)]
pub struct Plan<Op> {
    case: Arc<Case<Op>>,
    scope: Scope,
    told: Arc<Mutex<Told>>,
}

/// What a run of a plan tells of itself.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether it was run.
    pub(super) ran: bool,
    pub(super) recording: Recording,
    /// Of each fault that was injected: what it touched, and how many messages had passed in its
    /// operation before.
    pub(super) injected: Vec<(usize, Arc<FaultRecord>, usize)>,
}

impl Told {
    /// Whether any fault touched something.
    pub(super) fn fired(&self) -> bool {
        self.injected.iter().any(|(_, record, _)| record.hits() > 0)
    }

    /// How many messages had passed in its operation when this fault was injected.
    pub(super) fn passed_before(&self, fault: usize) -> Option<usize> {
        let (_, _, passed) = self.injected.iter().find(|(place, _, _)| *place == fault)?;
        Some(*passed)
    }
}

/// An operation that was carried out, and what it came to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Applied<Op> {
    /// Who carried it out, counted from 0.
    pub worker: u32,
    /// What.
    pub operation: Op,
    /// What it came to: see [`Outcome::of_error`].
    pub outcome: Outcome,
    /// The error, if it returned one.
    pub error: Option<String>,
}

/// Why a plan could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Its faults have come and gone.
    #[error("the plan was run already; its faults belong to one run")]
    RunTwice,
}

impl<Op: Clone + Debug> Plan<Op> {
    pub(super) fn new(case: Arc<Case<Op>>, scope: Scope, told: Arc<Mutex<Told>>) -> Self {
        Self { case, scope, told }
    }

    /// The operations, in the order of the plan.
    pub fn operations(&self) -> impl Iterator<Item = &Op> {
        self.case.steps.iter().map(|step| &step.operation)
    }

    /// How many workers carry them out at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.case.workers()
    }

    /// How many connections a pool of this case is to have, 1 to 4: `pg.pool(plan.pool_size())`.
    ///
    /// It is drawn for each case, and 1 in a case that was made smaller, if that fails too.
    #[must_use]
    pub fn pool_size(&self) -> usize {
        self.case.pool_size
    }

    /// Carries the operations out: those of each worker one after another, all workers at once, with
    /// the faults of the case injected into the link of `target`.
    ///
    /// Everything runs on the caller's own task, so the operation may borrow what it needs. One that
    /// fails is not a failure of the test: what it came to is returned, in the order in which
    /// operations ended, and the test judges it. All faults are over by then, and a PostgreSQL that
    /// was told something on a connection that is gone has done it.
    ///
    /// # Errors
    ///
    /// When it is called a second time.
    pub async fn run<T, E: Into<TestError>>(
        &self,
        target: &impl Target,
        operation: impl AsyncFn(Op) -> Result<T, E>,
    ) -> Result<Vec<Applied<Op>>, PlanError> {
        if std::mem::replace(&mut self.told.lock().ran, true) {
            return Err(PlanError::RunTwice);
        }
        let run = Run {
            case: &self.case,
            scope: &self.scope,
            told: &self.told,
            link: target.link(),
            to_the_end: Mutex::default(),
            applied: Mutex::default(),
        };
        run.start();
        let mut workers: Vec<u32> = self.case.steps.iter().map(|step| step.worker).collect();
        workers.sort_unstable();
        workers.dedup();
        join_all(workers.into_iter().map(|worker| run.work(worker, &operation))).await;
        run.position();
        let Run { to_the_end, applied, .. } = run;
        drop(to_the_end);
        if self.told.lock().fired() {
            target.settled().await;
        }
        Ok(applied.into_inner())
    }
}

/// A plan while it is carried out.
struct Run<'plan, Op> {
    case: &'plan Case<Op>,
    scope: &'plan Scope,
    told: &'plan Mutex<Told>,
    link: &'plan Link,
    /// Faults that go on when their operation has ended.
    to_the_end: Mutex<Vec<ActiveFault>>,
    applied: Mutex<Vec<Applied<Op>>>,
}

impl<Op: Clone> Run<'_, Op> {
    fn start(&self) {
        self.told.lock().recording = Recording::of(self.case.steps.len());
        if let Some(trace) = self.link.trace() {
            trace.start();
            // What passed before is none of the plan's.
            drop(trace.take());
        }
    }

    /// How many messages have passed so far.
    fn position(&self) -> usize {
        let mut told = self.told.lock();
        if let Some(trace) = self.link.trace() {
            told.recording.messages.extend(trace.take());
        }
        told.recording.messages.len()
    }

    async fn work<T, E: Into<TestError>>(
        &self,
        worker: u32,
        operation: &impl AsyncFn(Op) -> Result<T, E>,
    ) {
        for (place, step) in self.case.steps.iter().enumerate() {
            if step.worker != worker {
                continue;
            }
            let (began, messages) = (Instant::now(), self.position());
            let began_at = self.scope.journal().elapsed();
            let result = self.under_faults(place, operation(step.operation.clone())).await;
            let span = Span { messages: messages..self.position(), took: began.elapsed() };
            self.told.lock().recording.spans[place] = Some(span);

            let error = result.err().map(Into::into);
            let outcome =
                error.as_ref().map_or(Outcome::Ok, |error| Outcome::of_error(error.as_ref()));
            let text = error.as_ref().map(|error| with_sources(error.as_ref()));
            self.scope.journal().record(EventKind::Operation {
                client: worker,
                began: u64::try_from(began_at.as_nanos()).unwrap_or(u64::MAX),
                outcome,
                error: text.clone(),
                sqlstate: error.and_then(|error| sqlstate(error.as_ref())),
            });
            let operation = step.operation.clone();
            self.applied.lock().push(Applied { worker, operation, outcome, error: text });
        }
    }

    /// Carries out the operation at this place with its faults.
    async fn under_faults<R>(&self, place: usize, operation: impl Future<Output = R>) -> R {
        let began = self.told.lock().recording.messages.len();
        let faults = self.case.during(place).map(|(number, it)| self.hold(number, it, began));
        let faults: Vec<_> = faults.collect();
        // It is polled first, so that what comes at once is there when the operation begins.
        let holding = pin!(async {
            join_all(faults).await;
            pending::<()>().await;
        });
        match select(holding, pin!(operation)).await {
            Either::Left(((), _)) => unreachable!("nobody ends what is pending"),
            Either::Right((result, _)) => result,
        }
    }

    /// Has the fault come and go, or stay until this is dropped.
    async fn hold(&self, number: usize, planned: &CaseFault, began: usize) {
        if planned.after > Duration::ZERO {
            tokio::time::sleep(planned.after).await;
        }
        let passed = self.position().saturating_sub(began);
        let mut fault = planned.fault.clone();
        // Whether it touched anything is judged for the case as a whole.
        fault.may_be_idle = true;
        let active = self.link.activate(fault);
        self.told.lock().injected.push((number, Arc::clone(active.record()), passed));
        match planned.until {
            Until::Operation => pending().await,
            Until::After(time) => tokio::time::sleep(time).await,
            Until::End => self.to_the_end.lock().push(active),
        }
    }
}
