//! Carrying an interleaving through.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::FuturesUnordered;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::InterleavingError;
use super::interleaving::{Action, Interleaving, Step};
use super::report::{InterleavingReport, Reading, StepOutcome, StepReport};
use super::waits::Waits;
use crate::error::{TestError, with_sources};
use crate::outcome::sqlstate;

/// How often the server is asked who waits for whom, while steps run.
const PERIOD: Duration = Duration::from_millis(2);

struct Session {
    name: String,
    client: Arc<Client>,
    process: i32,
    /// The step that it is at.
    busy: Option<usize>,
}

struct Engine<'a> {
    admin: Client,
    sessions: Vec<Session>,
    running: FuturesUnordered<LocalBoxFuture<'a, (usize, StepOutcome)>>,
    reports: Vec<StepReport>,
    patience: Duration,
}

pub(super) async fn run(
    interleaving: Interleaving<'_>,
) -> Result<InterleavingReport, InterleavingError> {
    let Interleaving { postgres, setup, sessions, steps, patience } = interleaving;
    check(&sessions.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), &steps)?;
    let admin = postgres.admin().await?;
    if !setup.is_empty() {
        let client = postgres.connect().await?;
        for sql in &setup {
            let done = client.batch_execute(sql).await;
            done.map_err(InterleavingError::sql(format!("prepare: {sql}")))?;
        }
    }
    let mut opened = Vec::new();
    for (name, level) in sessions {
        let client = postgres.connect().await?;
        let begun = client.query_one("SELECT pg_backend_pid()", &[]).await;
        let row = begun.map_err(InterleavingError::sql(format!("open session {name}")))?;
        let begun = client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await;
        begun.map_err(InterleavingError::sql(format!("begin the transaction of {name}")))?;
        let (client, process) = (Arc::new(client), row.get(0));
        opened.push(Session { name, client, process, busy: None });
    }
    let (running, reports) = (FuturesUnordered::new(), Vec::new());
    let mut engine = Engine { admin, sessions: opened, running, reports, patience };
    for step in steps {
        engine.begin(step).await?;
    }
    engine.end().await?;
    Ok(InterleavingReport { steps: engine.reports })
}

fn check(sessions: &[String], steps: &[Step<'_>]) -> Result<(), InterleavingError> {
    let mut names = BTreeSet::new();
    if let Some(session) = sessions.iter().find(|name| !names.insert(name.as_str())) {
        return Err(InterleavingError::DuplicateSession { session: session.clone() });
    }
    for (index, step) in steps.iter().enumerate() {
        if !names.contains(step.session.as_str()) {
            let (step, session) = (index + 1, step.session.clone());
            return Err(InterleavingError::UnknownSession {
                step,
                session,
                known: sessions.to_vec(),
            });
        }
    }
    Ok(())
}

impl<'a> Engine<'a> {
    /// Begins a step, and waits until everything is at rest again.
    async fn begin(&mut self, step: Step<'a>) -> Result<(), InterleavingError> {
        let number = self.reports.len() + 1;
        let Step { session: name, what, action, must_block } = step;
        let of_step = |session: &&mut Session| session.name == name;
        let session = self.sessions.iter_mut().find(of_step).expect("its name was checked");
        if let Some(at) = session.busy {
            // Everything is at rest, so nothing but a step of another session would release it.
            let StepReport { what, blocked_by, .. } = &self.reports[at - 1];
            let (what, waits_for) = (what.clone(), blocked_by.clone());
            return Err(InterleavingError::Waiting {
                step: number,
                session: name,
                what,
                waits_for,
            });
        }
        session.busy = Some(number);
        let (client, process) = (Arc::clone(&session.client), session.process);
        self.reports.push(StepReport {
            step: number,
            session: name.clone(),
            what: what.clone(),
            blocked_by: Vec::new(),
            released_by: None,
            // Replaced when it ends, which it does before anybody sees the report.
            outcome: StepOutcome::Done(Reading::default()),
        });
        let future: LocalBoxFuture<'a, StepOutcome> = match action {
            Action::Sql => Box::pin(async move { statement(&client, &what).await }),
            Action::Call(call) => Box::pin(async move { outcome_of(call(client).await) }),
            Action::Commit => {
                let failed = is_aborted(&self.admin, process).await?;
                Box::pin(async move {
                    match statement(&client, &what).await {
                        // The server answers with success to this, and carries out a rollback.
                        StepOutcome::Done(_) if failed => StepOutcome::RolledBack,
                        outcome => outcome,
                    }
                })
            }
        };
        self.running.push(Box::pin(async move { (number, future.await) }));
        self.rest(number).await?;
        let report = &self.reports[number - 1];
        if must_block && report.blocked_by.is_empty() {
            let (step, session, what) = (number, name, report.what.clone());
            let outcome = report.outcome.clone();
            return Err(InterleavingError::DidNotBlock { step, session, what, outcome });
        }
        Ok(())
    }

    /// Waits until every step that runs has ended, or waits for a session that has nothing to do.
    async fn rest(&mut self, current: usize) -> Result<(), InterleavingError> {
        let begun = Instant::now();
        while !self.running.is_empty() {
            let next = {
                let ended = pin!(self.running.next());
                let period = pin!(tokio::time::sleep(PERIOD));
                match select(ended, period).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(_) => None,
                }
            };
            if let Some((number, outcome)) = next {
                self.ended(number, current, outcome);
                continue;
            }
            let busy: Vec<_> = self.sessions.iter().filter(|s| s.busy.is_some()).collect();
            let processes = || busy.iter().map(|session| session.process);
            let waits = Waits::among(&self.admin, processes()).await?;
            let is_busy = |process| processes().any(|busy| busy == process);
            let restless = busy.iter().find(|s| !waits.is_at_rest(s.process, is_busy));
            let restless = restless.map(|session| (session.busy, session.process));
            let Some((number, process)) = restless else {
                let blocked: Vec<_> = busy
                    .iter()
                    .filter_map(|s| Some((s.busy?, self.names(&waits, s.process))))
                    .collect();
                for (number, names) in blocked {
                    let report = &mut self.reports[number - 1];
                    if report.blocked_by.is_empty() {
                        report.blocked_by = names;
                    }
                }
                return Ok(());
            };
            if begun.elapsed() > self.patience {
                let number = number.unwrap_or(current);
                let StepReport { session, what, .. } = &self.reports[number - 1];
                return Err(InterleavingError::TooLong {
                    step: number,
                    session: session.clone(),
                    what: what.clone(),
                    waits_for: self.names(&waits, process),
                    patience: self.patience,
                });
            }
        }
        Ok(())
    }

    fn ended(&mut self, number: usize, current: usize, outcome: StepOutcome) {
        let report = &mut self.reports[number - 1];
        report.outcome = outcome;
        if !report.blocked_by.is_empty() && current > number {
            report.released_by = Some(current);
        }
        for session in &mut self.sessions {
            if session.busy == Some(number) {
                session.busy = None;
            }
        }
    }

    /// Whom a process waits for, in words.
    fn names(&self, waits: &Waits, process: i32) -> Vec<String> {
        let name = |process: i32| match self.sessions.iter().find(|s| s.process == process) {
            Some(session) => session.name.clone(),
            None if process == 0 => "a prepared transaction".to_owned(),
            None => format!("process {process}"),
        };
        waits.of(process).map(name).collect()
    }

    /// Rolls back what is open, so that whoever still waits comes to an end.
    async fn end(&mut self) -> Result<(), InterleavingError> {
        loop {
            for session in self.sessions.iter().filter(|session| session.busy.is_none()) {
                // A session that was lost has nothing open.
                session.client.batch_execute("ROLLBACK").await.ok();
            }
            if self.running.is_empty() {
                return Ok(());
            }
            let before = self.running.len();
            self.rest(0).await?;
            if self.running.len() == before {
                let session = self.sessions.iter().find(|session| session.busy.is_some());
                let step = session.and_then(|session| session.busy).unwrap_or(1);
                let StepReport { session, what, blocked_by, .. } = self.reports[step - 1].clone();
                let waits_for = blocked_by;
                return Err(InterleavingError::Waiting { step, session, what, waits_for });
            }
        }
    }
}

/// Whether the transaction of a session has failed.
async fn is_aborted(admin: &Client, process: i32) -> Result<bool, InterleavingError> {
    let sql = "SELECT state FROM pg_stat_activity WHERE pid = $1";
    loop {
        let row = admin.query_opt(sql, &[&process]).await;
        let row = row.map_err(InterleavingError::sql("look at a session"))?;
        let state: Option<String> = row.and_then(|row| row.get(0));
        match state.as_deref() {
            // The client hears of an error a moment before the session is done with it.
            Some("active") => tokio::time::sleep(PERIOD).await,
            state => return Ok(state == Some("idle in transaction (aborted)")),
        }
    }
}

async fn statement(client: &Client, sql: &str) -> StepOutcome {
    let messages = client.simple_query(sql).await;
    outcome_of(messages.map(reading).map_err(Into::into))
}

fn reading(messages: Vec<SimpleQueryMessage>) -> Reading {
    let mut reading = Reading::default();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|column| row.get(column).map(str::to_owned));
                reading.rows.push(values.collect());
            }
            SimpleQueryMessage::CommandComplete(affected) => reading.affected = affected,
            _ => {}
        }
    }
    reading
}

fn outcome_of(result: Result<Reading, TestError>) -> StepOutcome {
    match result {
        Ok(reading) => StepOutcome::Done(reading),
        Err(error) => StepOutcome::Failed {
            sqlstate: sqlstate(error.as_ref()),
            message: with_sources(error.as_ref()),
        },
    }
}
