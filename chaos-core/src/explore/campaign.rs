//! All runs of an exploration, by all of its workers.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::baseline::{Baseline, baseline};
use super::error::ExploreError;
use super::mode::Mode;
use super::plan::{Plan, Trial};
use super::report::{Explored, Point};
use super::token::ReplayToken;
use super::worker::{Observed, Scenario, Worker};
use super::{CutPoints, Options, Points};
use crate::event::{EventKind, SkippedPoints};
use crate::journal::Journal;
use crate::postgres::{Postgres, ServerOptions};
use crate::scope::Scope;

/// How many runs are worth another worker, whose database takes as long as some of them.
const WORTH_A_WORKER: usize = 8;

/// How many workers have a server of their own at the most.
const SERVERS: usize = 2;

/// Explores a scenario.
pub(super) async fn explore<S>(
    scope: &Scope,
    options: Options,
    scenario: &Scenario<'_, S>,
) -> Result<Explored, ExploreError> {
    let began = Instant::now();
    let checks_determinism = options.checks_determinism || scope.checks_determinism();
    let number = scope.begin_exploration();
    let replay = options.replay(number)?;
    // What hundreds of runs do is told by one event each; one run alone is told like any other.
    let quiet = Scope::new(scope.seed(), Journal::nowhere());
    let stage = if replay.is_some() { scope.clone() } else { quiet };
    let leader = Worker::open(Postgres::shared(&stage).await?, scenario).await?;
    let (leader, baseline) = baseline(leader, &options, checks_determinism).await?;
    let mut campaign = Campaign {
        number,
        journal: scope.journal().clone(),
        scope: stage,
        scenario,
        workers: options.workers,
        crew: vec![leader],
        baseline,
        points: Vec::new(),
        skipped: Vec::new(),
    };
    campaign.announce();
    if !checks_determinism {
        match &replay {
            Some(token) => campaign.replay(token).await?,
            None => campaign.all(&options).await?,
        }
    }
    campaign.conclude(began, checks_determinism)
}

/// The runs of an exploration.
struct Campaign<'s, 'a, S> {
    number: u64,
    /// The journal of the attempt.
    journal: Journal,
    /// What databases and links are opened in.
    scope: Scope,
    scenario: &'s Scenario<'a, S>,
    /// How many workers there are at the most.
    workers: usize,
    crew: Vec<Worker<'s, 'a, S>>,
    baseline: Baseline,
    points: Vec<Point>,
    skipped: Vec<SkippedPoints>,
}

impl<'s, 'a, S> Campaign<'s, 'a, S> {
    fn announce(&self) {
        let trace = &self.baseline.trace;
        self.journal.record(EventKind::ExplorationStarted {
            exploration: self.number,
            messages: trace.messages.len() as u64,
            connections: trace.connections(),
        });
    }

    async fn all(&mut self, options: &Options) -> Result<(), ExploreError> {
        match &options.points {
            Points::Cut(points) => self.cut(points, options.most).await,
            Points::Cancellation(_) => {
                let work = self.work(Work::polls(options.most));
                self.carry_out(&work, usize::MAX).await?;
                if work.is_polling.get() {
                    let why = "the polls behind the last one of `at_most`";
                    self.skipped.push(SkippedPoints::new(1, why));
                }
                self.take(work)
            }
        }
    }

    async fn cut(&mut self, points: &CutPoints, most: Option<usize>) -> Result<(), ExploreError> {
        let mut plan = Plan::single(&self.baseline.trace, points);
        if let Some(most) = most {
            plan.sample(most);
        }
        self.skipped.append(&mut plan.skipped);
        let beyond = points.modes.iter().find(|mode| !matches!(mode, Mode::Error(_)));
        let beyond = beyond.into_iter().flat_map(|mode| {
            let last = self.baseline.trace.last_places();
            last.into_iter().filter_map(|last| Trial::beyond(last, *mode))
        });
        let beyond: Vec<_> = if most.is_none() { beyond.collect() } else { Vec::new() };
        let tried = plan.trials.len();
        let singles = plan.trials.clone();
        self.try_all(plan.trials.into_iter().chain(beyond), &points.modes).await?;
        if points.depth < 2 {
            return Ok(());
        }
        // Where one fault breaks a promise, a second one has nothing to add.
        let sound = self.points.iter().filter(|point| point.is_met() && !point.is_violated());
        let sound: Vec<_> = sound.map(|point| point.token.strikes.clone()).collect();
        let firsts = singles.into_iter().filter(|trial| sound.contains(&trial.strikes));
        let work = self.work(Work::recordings(firsts));
        let size = work.len();
        self.carry_out(&work, size).await?;
        let recorded = work.recorded.into_inner();
        let mut plan = Plan::default();
        for (first, trace) in &recorded {
            plan.trials.extend(Plan::second(first, trace, points).trials);
        }
        if let Some(most) = most {
            plan.sample(most.saturating_sub(tried));
        }
        self.skipped.append(&mut plan.skipped);
        self.try_all(plan.trials.into_iter(), &[]).await
    }

    /// Tries all of these, those that take a server of one's own behind the others.
    async fn try_all(
        &mut self,
        trials: impl Iterator<Item = Trial>,
        modes: &[Mode],
    ) -> Result<(), ExploreError> {
        let (killing, others): (Vec<_>, Vec<_>) = trials.partition(Trial::takes_a_server);
        let work = self.work(Work::trials(others, modes));
        let size = work.len();
        self.carry_out(&work, size).await?;
        self.take(work)?;
        if killing.is_empty() {
            return Ok(());
        }
        let shared = std::mem::take(&mut self.crew);
        let work = self.work(Work::trials(killing, &[]));
        let servers = self.workers.min(SERVERS).min(work.len());
        for _ in 0..servers {
            let pg = Postgres::own(&self.scope, ServerOptions::new()).await?;
            self.crew.push(self.prepared(pg).await?);
        }
        let (workers, size) = (std::mem::replace(&mut self.workers, servers), work.len());
        self.carry_out(&work, size).await?;
        self.workers = workers;
        self.crew = shared;
        self.take(work)
    }

    async fn replay(&mut self, token: &ReplayToken) -> Result<(), ExploreError> {
        let trial = Trial::replayed(token, &self.baseline.trace);
        self.try_all(std::iter::once(trial), &[]).await?;
        if self.points.iter().any(Point::is_met) {
            return Ok(());
        }
        Err(ExploreError::NotMet { token: token.to_string() })
    }

    /// Work that is told in the journal of the attempt.
    fn work(&self, work: Work) -> Work {
        Work { told: Some((self.journal.clone(), self.number)), ..work }
    }

    /// Has the crew do all of the work, and takes on more workers if there is enough of it.
    async fn carry_out(&mut self, work: &Work, size: usize) -> Result<(), ExploreError> {
        let wanted = self.workers.min(size.div_ceil(WORTH_A_WORKER)).max(1);
        let crew = std::mem::take(&mut self.crew);
        let more = wanted.saturating_sub(crew.len());
        let this = &*self;
        let present = crew.into_iter().map(Some);
        let members = present.chain(std::iter::repeat_with(|| None).take(more));
        let mut working: FuturesUnordered<_> = members
            .map(|member| async move {
                let mut member = match member {
                    Some(member) => member,
                    None => this.prepared(Postgres::shared(&this.scope).await?).await?,
                };
                work.carry_out(&mut member).await?;
                Ok::<_, ExploreError>(member)
            })
            .collect();
        let mut crew = Vec::new();
        while let Some(member) = working.next().await {
            crew.push(member?);
        }
        drop(working);
        self.crew = crew;
        Ok(())
    }

    /// A worker that has the scenario set up and knows what is right.
    async fn prepared(&self, pg: Postgres) -> Result<Worker<'s, 'a, S>, ExploreError> {
        let mut worker = Worker::open(pg, self.scenario).await?;
        worker.judge_without(&self.baseline.omitted).await?;
        worker.rehearse().await?;
        Ok(worker)
    }

    /// Takes over what was found.
    fn take(&mut self, work: Work) -> Result<(), ExploreError> {
        let mut done = work.done.into_inner();
        done.sort_by_key(|(index, ..)| *index);
        for (_, trial, observed) in done {
            let token = ReplayToken { exploration: self.number, strikes: trial.strikes };
            let Observed { outcome, findings } = observed;
            self.points.push(Point { token, words: trial.words, outcome, findings });
        }
        Ok(())
    }

    fn conclude(self, began: Instant, only_compared: bool) -> Result<Explored, ExploreError> {
        let explored = Explored {
            points: self.points,
            skipped: self.skipped,
            messages: self.baseline.trace.messages.len(),
            connections: self.baseline.trace.connections(),
            workers: self.workers,
            took: began.elapsed(),
            not_compared: self.baseline.omitted.reasons().collect(),
        };
        let (tried, violated) = (explored.met(), explored.violated().count());
        self.journal.record(EventKind::ExplorationEnded {
            exploration: self.number,
            tried: tried as u64,
            violated: violated as u64,
            not_met: (explored.points.len() - tried) as u64,
            skipped: explored.skipped.clone(),
        });
        let message = format!("exploration {}: {}", self.number, explored.coverage());
        self.journal.record(EventKind::Note { message });
        if violated > 0 {
            return Err(ExploreError::Violated(Box::new(explored)));
        }
        if tried == 0 && !only_compared {
            let why = match explored.skipped.first() {
                _ if !explored.points.is_empty() => "no fault was met".to_owned(),
                Some(SkippedPoints { why, .. }) => why.clone(),
                None => "there is none; does `modes` name one, and does the operation ever wait?"
                    .to_owned(),
            };
            return Err(ExploreError::NothingTried { why });
        }
        Ok(explored)
    }
}

/// What the workers share.
struct Work {
    jobs: RefCell<VecDeque<(usize, Job)>>,
    next: Cell<usize>,
    /// The next poll, while polls are tried.
    is_polling: Cell<bool>,
    most: usize,
    /// What is tried at messages that turn up behind the last one.
    modes: Vec<Mode>,
    /// Where each run is told, and of which exploration.
    told: Option<(Journal, u64)>,
    done: RefCell<Vec<(usize, Trial, Observed)>>,
    recorded: RefCell<Vec<(Trial, super::trace::Trace)>>,
}

enum Job {
    Try(Trial),
    Record(Trial),
}

impl Work {
    fn new(jobs: impl IntoIterator<Item = Job>) -> Self {
        let jobs: VecDeque<_> = jobs.into_iter().enumerate().collect();
        Self {
            next: Cell::new(jobs.len()),
            jobs: RefCell::new(jobs),
            is_polling: Cell::new(false),
            most: usize::MAX,
            modes: Vec::new(),
            told: None,
            done: RefCell::default(),
            recorded: RefCell::default(),
        }
    }

    fn trials(trials: impl IntoIterator<Item = Trial>, modes: &[Mode]) -> Self {
        Self { modes: modes.to_vec(), ..Self::new(trials.into_iter().map(Job::Try)) }
    }

    fn recordings(trials: impl IntoIterator<Item = Trial>) -> Self {
        Self::new(trials.into_iter().map(Job::Record))
    }

    fn polls(most: Option<usize>) -> Self {
        let most = most.unwrap_or(usize::MAX);
        Self { is_polling: Cell::new(true), most, ..Self::new([]) }
    }

    fn len(&self) -> usize {
        self.jobs.borrow().len()
    }

    async fn carry_out<S>(&self, worker: &mut Worker<'_, '_, S>) -> Result<(), ExploreError> {
        while let Some((index, job)) = self.next() {
            match job {
                Job::Try(trial) => {
                    let observed = worker.attempt(&trial).await?;
                    self.note(index, trial, observed);
                }
                Job::Record(trial) => {
                    let trace = worker.record(&trial).await?;
                    self.recorded.borrow_mut().push((trial, trace));
                }
            }
        }
        Ok(())
    }

    fn next(&self) -> Option<(usize, Job)> {
        if let Some(job) = self.jobs.borrow_mut().pop_front() {
            return Some(job);
        }
        let index = self.next.get();
        if !self.is_polling.get() || index >= self.most {
            return None;
        }
        self.next.set(index + 1);
        let nth = NonZeroU64::MIN.saturating_add(index as u64);
        Some((index, Job::Try(Trial::poll(nth))))
    }

    fn note(&self, index: usize, trial: Trial, observed: Observed) {
        let is_met = observed.outcome.is_some();
        if !is_met && self.is_polling.get() {
            // It came to its end before: so it does for all that follow.
            self.is_polling.set(false);
            return;
        }
        if trial.is_beyond && !is_met {
            return;
        }
        if trial.is_beyond {
            self.follow(&trial);
        }
        self.tell(&trial, &observed);
        self.done.borrow_mut().push((index, trial, observed));
    }

    fn tell(&self, trial: &Trial, observed: &Observed) {
        let Some((journal, exploration)) = &self.told else { return };
        let (exploration, strikes) = (*exploration, trial.strikes.clone());
        journal.record(EventKind::PointTried {
            exploration,
            token: ReplayToken { exploration, strikes }.to_string(),
            point: trial.words.clone(),
            outcome: observed.outcome,
            findings: observed.findings.iter().map(|finding| finding.words.clone()).collect(),
        });
    }

    /// There are more messages than were recorded: goes on behind them.
    fn follow(&self, met: &Trial) {
        let Some(strike) = met.strikes.first() else { return };
        let others = self.modes.iter().filter(|mode| **mode != strike.mode);
        let others = others.filter(|mode| !matches!(mode, Mode::Error(_)));
        let others = others.filter_map(|mode| Trial::at_unknown(strike.place, *mode));
        let next = Trial::beyond(strike.place, strike.mode);
        for trial in others.chain(next) {
            let index = self.next.get();
            self.next.set(index + 1);
            self.jobs.borrow_mut().push_back((index, Job::Try(trial)));
        }
    }
}
