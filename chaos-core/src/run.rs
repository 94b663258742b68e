//! Operations of clients beside a schedule of faults, and the results.
//!
//! A [`Run`] has the results of the whole run, of each [`Phase`] of its schedule, and the [`Impact`] of
//! each fault, with bounds that a test can put on them.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join_all, select};

use crate::client::Client;
use crate::duration::Display;
use crate::error::{Error, TestError, with_sources};
use crate::event::EventKind;
use crate::journal::Journal;
use crate::load::Load;
use crate::metrics::{SignalGiven, Window, nanos};
use crate::operation::{OperationId, within as as_operation};
use crate::outcome::{Outcome, sqlstate};
use crate::probability::Probability;
use crate::recovery::{Disturbance, Recovery, RecoveryError, recoveries, within};
use crate::schedule::{Held, Schedule, Step};
use crate::scope::Scope;

mod alert;
mod bound;
mod counts;
mod error;
mod figures;
mod impact;
mod phase;
mod resolving;
mod resources;
mod telling;

pub use self::alert::{AlertRule, Alerts, BurnWindow, Detection, Firing, JudgedAlert};
use self::alert::{Watched, judge};
pub use self::bound::{Bound, BoundError, Side, Unit};
use self::counts::Counts;
pub use self::error::RunError;
pub use self::figures::{ErrorCount, Figures, Latency, Measured};
pub use self::impact::{Impact, MeasuredImpact, STEADY, STEADY_RATE};
use self::impact::{Observed, impacts};
pub use self::phase::{Phase, PhaseKind};
use self::phase::{Span, phases};
use self::resolving::{LEAD, Resolving};
use self::resources::Resources;
use self::telling::Telling;

/// One operation of one client: its outcome and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Which client, counted from 0.
    pub client: u32,
    /// When it began, since the attempt began.
    pub began: Duration,
    /// When it ended, since the attempt began.
    pub ended: Duration,
    /// The outcome. If the answer left it open, it is what the server says about the commit, where that
    /// is certain: see [`commit`](crate::commit).
    pub outcome: Outcome,
    /// Why the outcome differs from what the answer said, or why it stays unknown, if the server was
    /// asked.
    pub resolution: Option<String>,
    /// The error, if it returned one.
    pub error: Option<String>,
    /// The SQLSTATE of the error, if the server sent one.
    pub sqlstate: Option<String>,
}

impl Operation {
    fn new(client: u32, began: Duration, ended: Duration, outcome: Outcome) -> Self {
        Self { client, began, ended, outcome, resolution: None, error: None, sqlstate: None }
    }
}

/// The results of operations that ran beside a schedule of faults.
#[derive(Debug, Clone)]
#[must_use = "a run proves nothing until something is asked of it: `run.recovers_within(5.secs())?`"]
pub struct Run {
    operations: Vec<Operation>,
    recoveries: Vec<Recovery>,
    overall: Figures,
    phases: Vec<Phase>,
    impacts: Vec<Impact>,
    disturbances: Vec<Disturbance>,
    signals: Vec<SignalGiven>,
    began: Duration,
    ended: Duration,
    journal: Journal,
}

impl Run {
    /// All operations, in the order in which they ended.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many operations had this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.operations.iter().filter(|operation| operation.outcome == outcome).count()
    }

    /// The recovery after each fault that ended during the run.
    #[must_use]
    pub fn recoveries(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// Checks that within `bound` after each fault every operation succeeded again, until the next
    /// fault or the end of the run.
    ///
    /// # Errors
    ///
    /// When recovery took longer, did not happen, or could not be observed.
    pub fn recovers_within(&self, bound: Duration) -> Result<(), RecoveryError> {
        within(&self.recoveries, bound)
    }

    /// The figures of all operations of the run.
    pub fn overall(&self) -> &Figures {
        &self.overall
    }

    /// Demands that at most this share of all operations failed or had an unknown outcome.
    ///
    /// # Errors
    ///
    /// When the share was greater.
    pub fn error_rate_at_most(&self, bound: Probability) -> Result<(), BoundError> {
        self.overall.error_rate_at_most(bound)
    }

    /// The phases of the run, in order: the steps of its schedule.
    #[must_use]
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The figures of the phase with this name. A part of the name is enough, if it is part of one name
    /// only: `run.phase("latency")?.p99_at_most(200.ms())?`.
    ///
    /// # Errors
    ///
    /// When no phase has such a name, or several have; the error lists the names.
    pub fn phase(&self, name: &str) -> Result<&Figures, BoundError> {
        let name_of = |phase: &Phase| phase.figures.name().to_owned();
        let names: Vec<String> = self.phases.iter().map(name_of).collect();
        let place = bound::find(&names, "phase", name)?;
        Ok(&self.phases[place].figures)
    }

    /// The impact of each fault that was active during the run.
    pub fn impacts(&self) -> &[Impact] {
        &self.impacts
    }

    /// The impact of the fault with this text: `run.impact_of("cut")?.detected_within(2.secs())?`. A
    /// part of the text is enough, if it is part of one text only.
    ///
    /// # Errors
    ///
    /// When no fault has such a text, or several have; the error lists the texts.
    pub fn impact_of(&self, fault: &str) -> Result<&Impact, BoundError> {
        let label_of = |impact: &Impact| impact.label().to_owned();
        let labels: Vec<String> = self.impacts.iter().map(label_of).collect();
        let place = bound::find(&labels, "fault", fault)?;
        Ok(&self.impacts[place])
    }

    /// Evaluates an alert rule over the run, and judges it by the faults that were active:
    /// `run.alerts(&rule).detects_within(5.secs())?`.
    pub fn alerts(&self, rule: &AlertRule) -> Alerts {
        let watched = Watched {
            operations: &self.operations,
            signals: &self.signals,
            disturbances: &self.disturbances,
            began: self.began,
            ended: self.ended,
            journal: &self.journal,
        };
        judge(rule, &watched)
    }
}

/// Runs `operation` over and over on all clients of `load` until `schedule` is over, or the number of
/// operations that the load asks for is made.
///
/// Everything runs on the caller's task, so `operation` may borrow and need not be `Send`.
pub(crate) async fn run<T, E: Into<TestError>>(
    scope: &Scope,
    schedule: &Schedule,
    load: &Load,
    operation: impl AsyncFn(Client) -> Result<T, E>,
) -> Result<Run, RunError> {
    if load.clients == 0 {
        return Err(RunError::NoClients);
    }
    if schedule.duration().is_zero() && load.operations.is_none() {
        return Err(RunError::EmptySchedule);
    }
    let journal = scope.journal();
    if !schedule.steps().is_empty() {
        journal.record(EventKind::Note { message: format!("schedule: {schedule}") });
    }

    let resolving = Resolving::begin(scope, load.resolves_commits).await;
    let began = journal.elapsed();
    let workload = Workload::new(scope, load, began, resolving);
    let clients = pin!(join_all((0..load.clients).map(|id| workload.client(id, &operation))));
    let director = pin!(workload.direct(schedule));
    let (ended, clients) = match select(director, clients).await {
        Either::Left((directed, clients)) => (directed?, Some(clients)),
        // They have made all their operations.
        Either::Right((_, director)) => (director.await?, None),
    };
    if let Some(clients) = clients {
        if load.operations.is_none() {
            journal.record(EventKind::PhaseStarted { phase: "settle".to_owned() });
        }
        workload.settle(clients).await;
    }

    let disturbances = disturbances(scope, began, ended);
    let signals = scope.metrics().signals();
    let mut run = workload.conclude_run(disturbances, signals, ended);
    // Figures are of what the clients were told.
    workload.resolving.finish(scope, &mut run.operations).await;
    Ok(run)
}

/// Undoes what has to be undone by a request, and returns the faults of links, which are active yet.
async fn clear_sabotage(active: Vec<Held>) -> Result<Vec<Held>, Error> {
    let mut links = Vec::new();
    let mut result = Ok(());
    for held in active {
        match held {
            Held::Injected(_) => links.push(held),
            Held::Sabotaged(sabotage) => result = result.and(sabotage.clear().await),
        }
    }
    result.map(|()| links)
}

fn failed(step: &Step, error: &Error) -> RunError {
    RunError::Fault { step: step.to_string(), reason: with_sources(error) }
}

/// When each fault of the attempt was active, apart from those that had ended before the run, and
/// from those that lasted from before it until after it: they belong to the steady state.
fn disturbances(scope: &Scope, began: Duration, ended: Duration) -> Vec<Disturbance> {
    let faults = scope.faults();
    let records = faults.iter().map(|record| Disturbance {
        fault: record.id(),
        label: format!("{} on {}", record.spec(), record.target()),
        started: record.started(),
        ended: record.ended(),
    });
    let changes_something = |disturbance: &Disturbance| {
        let was_over = disturbance.ended.is_some_and(|end| end < began);
        let surrounds = disturbance.started < began && disturbance.ended.is_none_or(|e| e > ended);
        !was_over && !surrounds
    };
    records.filter(changes_something).collect()
}

const FIRST_OPERATION_POLL: Duration = Duration::from_millis(5);

/// A workload that is under way.
struct Workload<'a> {
    scope: &'a Scope,
    load: &'a Load,
    /// Which run of the attempt it is, counted from 0.
    number: u64,
    /// When the run began, since the attempt began.
    began: Duration,
    /// Set when the schedule is over.
    over: Cell<bool>,
    operations: RefCell<Vec<Operation>>,
    /// The steps of the schedule that began so far; the last of them is under way.
    spans: RefCell<Vec<Span>>,
    /// The figures of the step that is under way.
    window: RefCell<Option<Window>>,
    resources: RefCell<Resources>,
    counts: Counts,
    telling: Telling,
    /// When each client began the operation that it is in.
    running: Vec<Cell<Option<Duration>>>,
    resolving: Resolving,
}

impl<'a> Workload<'a> {
    fn new(scope: &'a Scope, load: &'a Load, began: Duration, resolving: Resolving) -> Self {
        Self {
            scope,
            load,
            number: scope.begin_run(),
            began,
            over: Cell::new(false),
            operations: RefCell::default(),
            spans: RefCell::default(),
            window: RefCell::default(),
            resources: RefCell::new(Resources::new()),
            counts: Counts::new(scope.metrics()),
            telling: Telling::new(scope.journal()),
            running: vec![Cell::new(None); load.clients as usize],
            resolving,
        }
    }

    /// One client: operation after operation until the schedule is over.
    async fn client<T, E: Into<TestError>>(
        &self,
        id: u32,
        operation: &impl AsyncFn(Client) -> Result<T, E>,
    ) {
        let seed = self.scope.seed();
        let operations = self.load.operations;
        for ordinal in 0..operations.unwrap_or(u64::MAX) {
            if self.is_over() {
                break;
            }
            let client = Client::new(seed, self.number, id, ordinal);
            if let Some(jitter) = self.load.jitter {
                tokio::time::sleep(client.wait(jitter)).await;
                if self.is_over() {
                    break;
                }
            }
            let began = self.scope.journal().elapsed();
            self.running[id as usize].set(Some(began));
            let name = OperationId { run: self.number, client: id, ordinal };
            let answer = as_operation(name, operation(client)).await.map_err(Into::into);
            self.running[id as usize].set(None);
            let outcome = self.conclude(name, began, answer.err());
            let mut pause = self.load.think_time;
            if outcome != Outcome::Ok {
                pause = pause.max(self.load.pause_after_failure);
            }
            if pause.is_zero() {
                // An operation that never waits would otherwise keep the schedule from running.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Whether no client begins another operation, unless it has a number of them to make.
    fn is_over(&self) -> bool {
        self.over.get() && self.load.operations.is_none()
    }

    /// Waits until the clients have come to their end, as long as there is a point in it.
    async fn settle<F: Future + Unpin>(&self, mut clients: F) {
        let settle = self.load.settle;
        loop {
            let before = self.operations.borrow().len();
            if tokio::time::timeout(settle, &mut clients).await.is_ok() {
                return;
            }
            let stands_still = self.operations.borrow().len() == before;
            if self.load.operations.is_none() || stands_still {
                return self.give_up(settle);
            }
        }
    }

    /// Records an operation that ended just now, and says what it came to.
    fn conclude(&self, id: OperationId, began: Duration, error: Option<TestError>) -> Outcome {
        let ended = self.scope.journal().elapsed();
        let mut operation = Operation::new(id.client, began, ended, Outcome::Ok);
        if let Some(error) = error {
            self.counts.count_error(&*error);
            operation.outcome = Outcome::of_error(&*error);
            operation.sqlstate = sqlstate(&*error);
            operation.error = Some(with_sources(&*error));
        }
        let outcome = operation.outcome;
        self.resolving.ended(id, self.operations.borrow().len(), outcome);
        self.record(operation);
        outcome
    }

    /// Injects and clears the faults of the schedule, step after step, and says when it was over.
    async fn direct(&self, schedule: &Schedule) -> Result<Duration, RunError> {
        let mut active = Vec::new();
        for (index, step) in schedule.steps().iter().enumerate() {
            self.scope.journal().record(EventKind::PhaseStarted { phase: step.to_string() });
            self.settle_gauges();
            // The same lock or setting cannot be had twice.
            let links = clear_sabotage(active).await.map_err(|error| failed(step, &error))?;
            let mut begun = Vec::new();
            for planned in step.faults() {
                begun.push(planned.begin().await.map_err(|error| failed(step, &error))?);
            }
            // Those of the last step end only now, so that nothing slips through between two steps.
            drop(links);
            active = begun;
            self.begin_span(step);
            self.pass(step, schedule.steps().get(index + 1)).await;
            if index == 0 && step.is_calm() {
                self.await_first_operation().await;
                self.check_steady_state()?;
            }
        }
        // Before its faults end: they ended with the schedule, and not before.
        let over = self.scope.journal().elapsed();
        self.settle_gauges();
        self.end_span(over);
        let last = schedule.steps().last();
        let cleared = clear_sabotage(active).await;
        self.over.set(true);
        match (cleared, last) {
            (Err(error), Some(step)) => Err(failed(step, &error)),
            _ => Ok(over),
        }
    }

    /// Lets the time of a step pass.
    async fn pass(&self, step: &Step, next: Option<&Step>) {
        let is_calm = step.is_calm() && self.scope.faults().iter().all(|fault| !fault.is_active());
        self.resolving.ask(!is_calm);
        let lead = next.filter(|next| is_calm && !next.is_calm()).map_or(Duration::ZERO, |_| LEAD);
        let lead = lead.min(step.duration());
        tokio::time::sleep(step.duration() - lead).await;
        if !lead.is_zero() {
            self.resolving.ask(true);
            tokio::time::sleep(lead).await;
        }
    }

    /// Notes that a step is under way, its faults in effect.
    fn begin_span(&self, step: &Step) {
        let now = self.scope.journal().elapsed();
        self.end_span(now);
        let mut spans = self.spans.borrow_mut();
        let kind = match step.is_calm() {
            false => PhaseKind::Fault,
            true if spans.iter().any(|span| span.kind == PhaseKind::Fault) => PhaseKind::After,
            true => PhaseKind::Calm,
        };
        // What was done before the first step was in effect is part of it.
        let began = if spans.is_empty() { self.began } else { now };
        spans.push(Span { name: step.to_string(), kind, began, ended: now, ..Span::default() });
        *self.window.borrow_mut() = Some(self.scope.metrics().open_window());
    }

    /// Takes what gauges showed in the step that is ending. Its faults are about to go and those of the
    /// next one to come, which is no state of either.
    fn settle_gauges(&self) {
        if let Some(window) = self.window.borrow_mut().as_mut() {
            let metrics = self.scope.metrics();
            self.resources.borrow_mut().end_phase(metrics);
            metrics.settle_gauges(window);
        }
    }

    fn end_span(&self, now: Duration) {
        if let Some(span) = self.spans.borrow_mut().last_mut() {
            span.ended = now;
            self.telling.flush();
            let metrics = self.scope.metrics();
            if let Some(window) = self.window.take() {
                span.saw(metrics.close(window));
                #[cfg(feature = "metrics")]
                metrics.export();
            }
        }
    }

    /// Makes of the operations what is asked of a run, and writes it to the journal.
    fn conclude_run(
        &self,
        disturbances: Vec<Disturbance>,
        signals: Vec<SignalGiven>,
        ended: Duration,
    ) -> Run {
        self.telling.flush();
        let operations = self.operations.take();
        let journal = self.scope.journal();
        let recoveries = recoveries(&disturbances, &operations, ended);
        for recovery in &recoveries {
            journal.record(EventKind::Recovery {
                fault: recovery.fault,
                first_success: recovery.first_success.map(nanos),
                steady: recovery.time.map(nanos),
            });
        }
        let phases = phases(&self.spans.take(), &operations, journal);
        for phase in &phases {
            journal.record(EventKind::PhaseMeasured {
                phase: phase.figures.name().to_owned(),
                kind: phase.kind,
                began: nanos(phase.began),
                ended: nanos(phase.ended),
                figures: phase.figures.measured().clone(),
                counters: phase.counters.clone(),
                gauges: phase.gauges.clone(),
            });
        }
        let observed = Observed {
            disturbances: &disturbances,
            operations: &operations,
            signals: &signals,
            steady_state: self.load.steady_state,
            began: self.began,
            ended,
            journal,
        };
        let impacts = impacts(&observed);
        for impact in &impacts {
            journal.record(impact.event());
        }
        let length = ended.saturating_sub(self.began);
        let completes = |it: &&Operation| it.outcome == Outcome::Ok && it.ended < ended;
        let completed = operations.iter().filter(completes).count() as u64;
        let overall = Figures::of("the run".to_owned(), journal, &operations, length, completed);
        Run {
            operations,
            recoveries,
            overall,
            phases,
            impacts,
            disturbances,
            signals,
            began: self.began,
            ended,
            journal: journal.clone(),
        }
    }

    /// Waits until an operation has ended, because a slow machine may need longer than the calm to
    /// open the first connections.
    async fn await_first_operation(&self) {
        let first = async {
            while self.operations.borrow().is_empty() {
                tokio::time::sleep(FIRST_OPERATION_POLL).await;
            }
        };
        // Whether there was one is for the check of the steady state to say.
        let _elapsed = tokio::time::timeout(self.load.settle, first).await;
    }

    /// A fault in a system that did not work before proves nothing.
    fn check_steady_state(&self) -> Result<(), RunError> {
        let watched = self.scope.journal().elapsed() - self.began;
        let operations = self.operations.borrow();
        let total = operations.len();
        let ok = operations.iter().filter(|operation| operation.outcome == Outcome::Ok).count();
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let share = ok as f64 / total as f64;
        if total > 0 && share >= self.load.steady_state.get() {
            return Ok(());
        }
        let first_error = operations.iter().find_map(|operation| operation.error.clone());
        Err(RunError::NoSteadyState { ok, total, watched, first_error })
    }

    /// Records the operations that did not end, whose futures are about to be dropped.
    fn give_up(&self, waited: Duration) {
        let ended = self.scope.journal().elapsed();
        for (id, running) in self.running.iter().enumerate() {
            if let Some(began) = running.take() {
                let error = match self.load.operations {
                    None => format!("still running {} after the schedule", Display(waited)),
                    Some(_) => format!("still running when none had ended for {}", Display(waited)),
                };
                let client = u32::try_from(id).unwrap_or(u32::MAX);
                let operation = Operation::new(client, began, ended, Outcome::Unknown);
                self.record(Operation { error: Some(error), ..operation });
            }
        }
    }

    fn record(&self, operation: Operation) {
        self.counts.count(&operation);
        self.telling.tell(&operation);
        self.operations.borrow_mut().push(operation);
    }
}
