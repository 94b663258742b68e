//! One worker: a database of its own, and the scenario in it, run again and again.

use std::collections::BTreeSet;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::LocalBoxFuture;

use super::error::ExploreError;
use super::finding::{Finding, FindingKind};
use super::mode::Mode;
use super::plan::Trial;
use super::strike;
use super::token::{Place, Strike};
use super::trace::Trace;
use crate::error::{TestError, with_sources};
use crate::fault::cut;
use crate::link::{ActiveFault, Target};
use crate::outcome::Outcome;
use crate::postgres::fingerprint::Fingerprint;
use crate::postgres::{CommitWatch, Omitted, Part, Postgres, ServerOptions, SessionState, Stage};
use crate::scope::FaultRecord;
use crate::wire::postgres::Trace as Recording;

/// Sets the scenario up in a database.
pub(super) type SetUp<'a, S> =
    Box<dyn Fn(Postgres) -> LocalBoxFuture<'a, Result<S, TestError>> + 'a>;

/// Runs the operation.
pub(super) type Operation<'a, S> =
    Box<dyn Fn(Rc<S>) -> LocalBoxFuture<'a, Result<(), TestError>> + 'a>;

/// Checks what an operation left behind.
pub(super) type Check<'a, S> =
    Box<dyn Fn(Rc<S>, Outcome) -> LocalBoxFuture<'a, Result<(), TestError>> + 'a>;

/// How long anything may take that meets no fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is run.
pub(super) struct Scenario<'a, S> {
    pub(super) set_up: SetUp<'a, S>,
    pub(super) operation: Operation<'a, S>,
    pub(super) check: Option<Check<'a, S>>,
    /// How long an operation may take under a fault.
    pub(super) patience: Duration,
    /// Whether an operation that failed is repeated.
    pub(super) retries: bool,
}

/// A database with the scenario in it.
pub(super) struct Worker<'s, 'a, S> {
    scenario: &'s Scenario<'a, S>,
    pg: Postgres,
    stage: Stage,
    state: Rc<S>,
    expected: Expected,
    /// What is not compared.
    omitted: Omitted,
    recording: Recording,
    /// What tells the check of an operation whose answer was lost what it came to.
    commits: Option<CommitWatch>,
}

/// What a run without faults leaves behind.
#[derive(Debug, Default)]
struct Expected {
    content: Option<Fingerprint>,
    /// What sessions say of themselves.
    sessions: BTreeSet<String>,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Observed {
    /// What the operation came to; `None` when a fault was not met.
    pub(super) outcome: Option<Outcome>,
    pub(super) findings: Vec<Finding>,
}

/// What the next operations find on the pools.
struct FollowUp {
    /// In what state the sessions are.
    sessions: Vec<String>,
    /// What pools failed with that could not give a connection that works.
    errors: Vec<String>,
}

/// How an operation ended.
#[derive(Debug)]
enum Ended {
    Ok,
    Failed(TestError),
    Cancelled,
    Hung,
}

impl Ended {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Ok => Outcome::Ok,
            Self::Failed(error) => Outcome::of_error(error.as_ref()),
            Self::Cancelled | Self::Hung => Outcome::Unknown,
        }
    }
}

/// A fault that waits for its message, or for a poll.
struct Armed {
    strike: Strike,
    record: Option<Arc<FaultRecord>>,
    active: Option<ActiveFault>,
    /// Whether a poll was reached.
    is_polled: bool,
}

impl Armed {
    fn is_met(&self) -> bool {
        self.is_polled || self.record.as_ref().is_some_and(|record| record.hits() > 0)
    }

    /// Whether somebody has to do something when it is met.
    fn acts(&self) -> bool {
        matches!(self.strike.mode, Mode::Cancel | Mode::ServerKilled)
    }

    async fn until_met(&self) {
        match &self.record {
            Some(record) => record.until_hit().await,
            None => std::future::pending().await,
        }
    }
}

impl<'s, 'a, S> Worker<'s, 'a, S> {
    pub(super) async fn open(
        pg: Postgres,
        scenario: &'s Scenario<'a, S>,
    ) -> Result<Self, ExploreError> {
        let recording = pg.link().trace().cloned().unwrap_or_default();
        let set_up = (scenario.set_up)(pg.clone());
        let state = tokio::time::timeout(PATIENCE, set_up).await;
        let state = state.unwrap_or_else(|_| Err("it did not come to an end within 60s".into()));
        let failed = |source| ExploreError::Baseline { action: "set the scenario up", source };
        let state = Rc::new(state.map_err(failed)?);
        let stage = Stage::set(&pg).await?;
        let expected = Expected::default();
        let omitted = Omitted::default();
        let commits = match scenario.check {
            Some(_) => Some(pg.watch_commits().await?),
            None => None,
        };
        Ok(Self { scenario, pg, stage, state, expected, omitted, recording, commits })
    }

    pub(super) fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    /// What fingerprints are to leave out.
    pub(super) async fn judge_without(&mut self, omitted: &Omitted) -> Result<(), ExploreError> {
        self.omitted = omitted.clone();
        Ok(self.stage.judge_without(omitted).await?)
    }

    /// Runs the scenario without faults, and takes what it leaves behind for what is right.
    pub(super) async fn rehearse(&mut self) -> Result<(Trace, Fingerprint), ExploreError> {
        self.begin().await?;
        let before = self.pg.link().connections().total;
        self.recording.start();
        self.recording.take();
        let ended = self.call(&mut []).await;
        let opened = before + 1..=self.pg.link().connections().total;
        let unsound = |problem: String| ExploreError::Unsound { problem };
        match ended {
            Ended::Ok => {}
            Ended::Failed(source) => {
                return Err(ExploreError::Baseline { action: "run the operation", source });
            }
            Ended::Cancelled | Ended::Hung => {
                return Err(unsound(Finding::hang(self.scenario.patience).words));
            }
        }
        let FollowUp { sessions, errors } = self.follow_up().await?;
        if let Some(error) = errors.first() {
            return Err(unsound(Finding::follow_up(error).words));
        }
        let sessions: BTreeSet<_> = sessions.into_iter().collect();
        let busy = self.stage.settle().await?;
        let trace = Trace::of(opened, self.recording.take());
        self.recording.stop();
        if let Some(session) = busy.first() {
            return Err(unsound(Finding::open_session(session).words));
        }
        if let Some(state) = sessions.iter().find(|state| state.contains("in the midst of")) {
            return Err(unsound(format!("a connection comes back to its pool {state}")));
        }
        if let Some(check) = &self.scenario.check {
            let holds = check(Rc::clone(&self.state), Outcome::Ok).await;
            let failed = |source| ExploreError::Baseline { action: "check the operation", source };
            holds.map_err(failed)?;
        }
        let content = self.stage.fingerprint().await?;
        self.expected = Expected { content: Some(content.clone()), sessions };
        Ok((trace, content))
    }

    /// Runs the scenario with these faults, and judges what it leaves behind.
    pub(super) async fn attempt(&mut self, trial: &Trial) -> Result<Observed, ExploreError> {
        self.begin().await?;
        let before = self.pg.link().connections().total;
        let mut armed = self.arm(&trial.strikes, before);
        let mut ended = self.call(&mut armed).await;
        for _ in 1..trial.strikes.len() {
            // What struck first may strike its recovery as well.
            if matches!(ended, Ended::Ok | Ended::Hung) || armed.iter().all(Armed::is_met) {
                break;
            }
            ended = self.call(&mut armed).await;
        }
        if !trial.is_beyond && !matches!(ended, Ended::Hung) {
            self.await_stragglers(&armed).await;
        }
        let is_met = armed.iter().all(Armed::is_met);
        drop(armed);
        if !is_met {
            return Ok(Observed { outcome: None, findings: Vec::new() });
        }
        let told = ended.outcome();
        let outcome = match &self.commits {
            Some(commits) => commits.resolve(told).await.outcome,
            None => told,
        };
        let mut findings = Vec::new();
        if matches!(ended, Ended::Hung) {
            findings.push(Finding::hang(self.scenario.patience));
        }
        if trial.strikes.iter().any(|strike| strike.mode == Mode::ServerKilled) {
            self.stage.reconnect().await?;
        }
        self.judge(told, outcome, &mut findings).await?;
        if !findings.is_empty() {
            self.clean_up(&findings).await?;
        }
        Ok(Observed { outcome: Some(outcome), findings })
    }

    /// Runs the scenario with a fault, and the operation once more where it failed, to learn which
    /// messages there are behind the fault.
    pub(super) async fn record(&mut self, trial: &Trial) -> Result<Trace, ExploreError> {
        self.begin().await?;
        let before = self.pg.link().connections().total;
        self.recording.start();
        self.recording.take();
        let mut armed = self.arm(&trial.strikes, before);
        let ended = self.call(&mut armed).await;
        if !matches!(ended, Ended::Ok | Ended::Hung) {
            self.call(&mut []).await;
        }
        drop(armed);
        let opened = before + 1..=self.pg.link().connections().total;
        self.ask_pools().await;
        let trace = Trace::of(opened, self.recording.take());
        self.recording.stop();
        self.stage.expel().await?;
        Ok(trace)
    }

    /// Puts everything back to where it was after the set-up.
    async fn begin(&mut self) -> Result<(), ExploreError> {
        for pool in self.pg.pools() {
            pool.close_idle();
        }
        self.stage.restore().await?;
        if let Some(commits) = &self.commits {
            commits.restart().await;
        }
        Ok(())
    }

    fn arm(&self, strikes: &[Strike], before: u64) -> Vec<Armed> {
        let arm = |strike: &Strike| {
            let active = strike::fault(strike, before).map(|fault| self.pg.link().activate(fault));
            let record = active.as_ref().map(|active| Arc::clone(active.record()));
            Armed { strike: *strike, record, active, is_polled: false }
        };
        strikes.iter().map(arm).collect()
    }

    /// Calls the operation, and does what is to be done when faults are met.
    async fn call(&self, armed: &mut [Armed]) -> Ended {
        let operation = (self.scenario.operation)(Rc::clone(&self.state));
        let limit = if armed.is_empty() { PATIENCE } else { self.scenario.patience };
        let Some(first) = armed.iter_mut().find(|it| !it.is_met() && it.acts()) else {
            return ended(tokio::time::timeout(limit, operation).await.ok());
        };
        if let Place::Poll(most) = first.strike.place {
            let polled = tokio::time::timeout(limit, polled(operation, most)).await;
            let Ok(polled) = polled else { return Ended::Hung };
            first.is_polled = polled.is_none();
            return polled.map_or(Ended::Cancelled, |result| ended(Some(result)));
        }
        let mut operation = pin!(tokio::time::timeout(limit, operation));
        tokio::select! {
            result = &mut operation => return ended(result.ok()),
            () = first.until_met() => {}
        }
        if first.strike.mode == Mode::Cancel {
            return Ended::Cancelled;
        }
        let active = first.active.take();
        let (result, ()) = tokio::join!(operation, self.kill_server(active));
        ended(result.ok())
    }

    /// Kills the server while a message is held, and starts it again.
    async fn kill_server(&self, held: Option<ActiveFault>) {
        let Ok(server) = self.pg.server() else { return };
        // What cannot be killed or started is told by whoever connects next.
        server.kill(Part::Server).await.ok();
        // What is held is lost with the server.
        let lost = self.pg.link().activate(cut().may_be_idle().into());
        drop(held);
        drop(lost);
        server.start().await.ok();
    }

    /// Has what an operation left in the queue of its connection meet what waits for it.
    async fn await_stragglers(&self, armed: &[Armed]) {
        let Some(waiting) = armed.iter().find(|it| !it.is_met() && it.record.is_some()) else {
            return;
        };
        tokio::select! {
            () = self.ask_pools() => {}
            () = waiting.until_met() => {}
        }
    }

    async fn ask_pools(&self) {
        for pool in self.pg.pools() {
            // Only what passes on the way counts here.
            pool.follow_up().await.ok();
        }
    }

    /// Asks all pools for their connections, and these for their state.
    async fn follow_up(&self) -> Result<FollowUp, ExploreError> {
        let (mut states, mut errors) = (Vec::new(), Vec::new());
        for pool in self.pg.pools() {
            match pool.follow_up().await {
                Ok(found) => states.extend(found),
                Err(error) => errors.push(error),
            }
        }
        if states.is_empty() {
            return Ok(FollowUp { sessions: Vec::new(), errors });
        }
        // Behind the answers, so that what was still in the queue of a connection is over.
        let locks = self.stage.advisory_locks().await?;
        let with_locks = |state: SessionState| {
            let locks = state.process.and_then(|process| locks.get(&process));
            match locks {
                Some(count) => format!("{}\nwith {count} advisory lock(s)", state.words),
                None => state.words,
            }
        };
        Ok(FollowUp { sessions: states.into_iter().map(with_locks).collect(), errors })
    }

    /// Judges what is left of an operation whose caller was `told` something, and that came to this.
    async fn judge(
        &mut self,
        told: Outcome,
        outcome: Outcome,
        findings: &mut Vec<Finding>,
    ) -> Result<(), ExploreError> {
        let FollowUp { sessions, errors } = self.follow_up().await?;
        findings.extend(errors.iter().map(|error| Finding::follow_up(error)));
        let odd = sessions.iter().filter_map(|it| Finding::session(it, &self.expected.sessions));
        findings.extend(odd);
        for pool in self.pg.pools() {
            let missing = pool.missing().await;
            if missing > 0 {
                findings.push(Finding::missing(missing));
            }
        }
        let state = || Rc::clone(&self.state);
        if let Some(check) = &self.scenario.check {
            self.settle(findings).await?;
            let checking = tokio::time::timeout(PATIENCE, check(state(), outcome)).await;
            match checking {
                Ok(Ok(())) => {}
                Ok(Err(error)) => findings.push(Finding::check(&with_sources(error.as_ref()))),
                Err(_) => findings.push(Finding::check("it did not come to an end within 60s")),
            }
        }
        if told != Outcome::Ok {
            if !self.scenario.retries {
                return Ok(());
            }
            match self.call(&mut []).await {
                Ended::Ok => {}
                Ended::Failed(error) => {
                    findings.push(Finding::retry(&with_sources(error.as_ref())));
                    return Ok(());
                }
                Ended::Cancelled | Ended::Hung => {
                    findings.push(Finding::hang(PATIENCE));
                    return Ok(());
                }
            }
        }
        let (busy, content) = match findings.is_empty() {
            true => self.stage.settled_fingerprint().await?,
            false => (Vec::new(), self.stage.fingerprint().await?),
        };
        findings.extend(busy.iter().map(Finding::open_session));
        let expected = self.expected.content.as_ref();
        findings.extend(expected.and_then(|expected| Finding::divergence(expected, &content)));
        Ok(())
    }

    /// Waits until nothing changes any more.
    async fn settle(&self, findings: &mut Vec<Finding>) -> Result<(), ExploreError> {
        if findings.is_empty() {
            let busy = self.stage.settle().await?;
            findings.extend(busy.iter().map(Finding::open_session));
        }
        Ok(())
    }

    /// Does away with what a run left behind that went wrong.
    async fn clean_up(&mut self, findings: &[Finding]) -> Result<(), ExploreError> {
        self.stage.expel().await?;
        // What the set-up returned may never work again, such as a pool without connections.
        let is_lost = |finding: &Finding| {
            matches!(
                finding.kind,
                FindingKind::Connection
                    | FindingKind::Hang
                    | FindingKind::FollowUp
                    | FindingKind::Retry
            )
        };
        if !findings.iter().any(is_lost) {
            return Ok(());
        }
        let is_own = self.pg.server().is_ok();
        let scope = self.pg.scope().clone();
        let pg = match is_own {
            true => Postgres::own(&scope, ServerOptions::new()).await?,
            false => Postgres::shared(&scope).await?,
        };
        let mut fresh = Self::open(pg, self.scenario).await?;
        fresh.judge_without(&self.omitted).await?;
        fresh.rehearse().await?;
        *self = fresh;
        Ok(())
    }
}

fn ended(result: Option<Result<(), TestError>>) -> Ended {
    match result {
        Some(Ok(())) => Ended::Ok,
        Some(Err(error)) => Ended::Failed(error),
        None => Ended::Hung,
    }
}

/// Polls a future at most so often; `None` when it had not come to its end by then.
async fn polled<T>(future: impl Future<Output = T>, most: NonZeroU64) -> Option<T> {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(move |context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls >= most.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
