//! Running a scenario once for each point at which it can break.
//!
//! A scenario is run without faults first, and every message of the protocol that passes the link is
//! recorded. Then it is run again once for each of those messages and each [`Mode`]: the connection is
//! reset before the server gets `COMMIT`, reset after the server has committed and before the client
//! is told, and so on. After each run the exploration checks:
//!
//! * your own **check**, which gets the [`Outcome`] of the operation;
//! * the **follow-up**: the next operation on the same pool works, and gets a session that is in no
//!   transaction and has its settings; no connection is missing, no session is left busy;
//! * **convergence**: once the caller has repeated an operation that failed, the tables hold what
//!   they hold after a run without faults.
//!
//! [`cut_points`] are messages. [`cancellation_points`] are the polls of the operation's future: it
//! is dropped after its first, second, third poll.
//!
//! ```no_run
//! use chaos_core::prelude::*;
//! # struct Ledger;
//! # impl Ledger {
//! #     async fn open(_: deadpool_postgres::Pool) -> TestResult<Self> { Ok(Self) }
//! #     async fn transfer_once(&self, _: i64, _: i32, _: i32, _: i64) -> TestResult { Ok(()) }
//! #     async fn has_applied(&self, _: i64) -> TestResult<bool> { Ok(true) }
//! # }
//! # const KEY: i64 = 7;
//!
//! async fn a_transfer_is_made_once_wherever_the_connection_breaks(cx: Chaos) -> TestResult {
//!     cx.explore(cut_points())
//!         .setup(async |pg| Ledger::open(pg.pool(1)?).await)
//!         .run(async |ledger| ledger.transfer_once(KEY, 1, 2, 50).await)
//!         .check(async |ledger, outcome| {
//!             Ok(outcome.agrees_with(ledger.has_applied(KEY).await?)?)
//!         })
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! # How it is run
//!
//! Every worker has a database of its own behind a link of its own, in which the scenario is set up
//! once. Between two runs the tables get the content back that they had after the set-up, and the pools
//! that [`Postgres::pool`] built are emptied, so that every run opens new connections and its messages
//! have the same numbers. What the set-up returned lives on, as a service does.
//!
//! All workers run on the task of the caller, so the closures may borrow what they need.

use std::fmt;
use std::future::IntoFuture;
use std::rc::Rc;
use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::chaos::Chaos;
use crate::error::{TestError, TestResult};
use crate::outcome::Outcome;
use crate::postgres::{Omitted, Postgres};
use crate::replay::{self, Asked};
use crate::scope::Scope;

mod baseline;
mod campaign;
mod error;
mod finding;
mod mode;
mod plan;
mod report;
mod strike;
mod token;
mod trace;
mod worker;

pub use self::error::ExploreError;
pub use self::finding::{Finding, FindingKind};
pub use self::mode::{InvalidMode, Mode};
pub use self::report::{Explored, Point};
pub use self::token::{InvalidToken, ReplayToken};
use self::worker::Scenario;

/// How many workers there are unless it is said otherwise.
const WORKERS: usize = 4;

/// How long an operation may take under a fault unless it is said otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// At which messages something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Granularity {
    /// At every message.
    Message,
    /// At two messages of each request: the request, and the answer that says that it was carried
    /// out. What happens at the others is the same nearly always.
    #[default]
    Statement,
    /// At the requests that begin and end a transaction, or are one, and their answers.
    Transaction,
}

/// The messages of the protocol at which something can happen. Made by [`cut_points`].
#[derive(Debug, Clone)]
#[must_use = "points do nothing until they are explored: `cx.explore(cut_points())`"]
pub struct CutPoints {
    granularity: Granularity,
    modes: Vec<Mode>,
    depth: u32,
}

/// The polls after which an operation can be dropped. Made by [`cancellation_points`].
#[derive(Debug, Clone)]
#[must_use = "points do nothing until they are explored: `cx.explore(cancellation_points())`"]
pub struct CancellationPoints {
    _private: (),
}

/// The messages of the protocol: what can be cut there is cut, two messages for each statement,
/// unless something else is said.
///
/// ```
/// use chaos_core::explore::{Granularity, Mode, cut_points};
///
/// let every_message = cut_points()
///     .granularity(Granularity::Message)
///     .modes([Mode::Reset, Mode::Torn, Mode::Cancel]);
/// let twice = cut_points().modes([Mode::Reset]).depth(2);
/// ```
pub fn cut_points() -> CutPoints {
    CutPoints { granularity: Granularity::default(), modes: Mode::usual(), depth: 1 }
}

/// The polls of the operation's future, after each of which it is dropped, until it comes to its end
/// before: as a timeout, a `select!` or a server does whose client has gone.
///
/// It works for any operation. How often a future is polled depends on the scheduler, so that the
/// n-th poll of two runs may be at two places; [`Mode::Cancel`] of [`cut_points`] has places that do
/// not move.
pub fn cancellation_points() -> CancellationPoints {
    CancellationPoints { _private: () }
}

impl CutPoints {
    /// At which messages something is tried, instead of at those of [`Granularity::Statement`].
    pub fn granularity(mut self, granularity: Granularity) -> Self {
        self.granularity = granularity;
        self
    }

    /// What is tried there, instead of [`Mode::usual`].
    pub fn modes(mut self, modes: impl IntoIterator<Item = Mode>) -> Self {
        self.modes = modes.into_iter().collect();
        self
    }

    /// How many faults there are in one run: 1, or 2 to have a second fault of the same mode strike
    /// behind the first, in what the operation and its caller do to recover from it.
    ///
    /// # Panics
    ///
    /// When it is neither.
    #[track_caller]
    pub fn depth(mut self, depth: u32) -> Self {
        assert!((1..=2).contains(&depth), "a run has 1 or 2 faults; `depth({depth})` is not tried");
        self.depth = depth;
        self
    }
}

/// Points of any kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Points {
    /// Messages.
    Cut(CutPoints),
    /// Polls.
    Cancellation(CancellationPoints),
}

impl From<CutPoints> for Points {
    fn from(points: CutPoints) -> Self {
        Self::Cut(points)
    }
}

impl From<CancellationPoints> for Points {
    fn from(points: CancellationPoints) -> Self {
        Self::Cancellation(points)
    }
}

impl Chaos {
    /// Explores a scenario: runs it once for each point at which it can break, and checks each time
    /// what it leaves behind. See [`explore`](crate::explore).
    pub fn explore(&self, points: impl Into<Points>) -> Explore {
        Explore {
            scope: self.scope().clone(),
            options: Options {
                points: points.into(),
                workers: WORKERS,
                most: None,
                patience: PATIENCE,
                retries: true,
                omitted: Omitted::default(),
                replay: None,
                checks_determinism: false,
            },
        }
    }
}

/// How a scenario is explored.
#[derive(Debug)]
struct Options {
    points: Points,
    workers: usize,
    most: Option<usize>,
    patience: Duration,
    retries: bool,
    omitted: Omitted,
    replay: Option<ReplayToken>,
    checks_determinism: bool,
}

impl Options {
    /// The point that is to be tried alone in the exploration with this number.
    fn replay(&self, number: u64) -> Result<Option<ReplayToken>, InvalidToken> {
        let given = match replay::asked() {
            Some(Asked::Point(token)) => Some(token.parse::<ReplayToken>()?),
            Some(Asked::Case(_)) | None => None,
        };
        let token = self.replay.clone().or(given);
        Ok(token.filter(|token| token.exploration == number))
    }
}

/// An exploration that needs its scenario. Made by [`Chaos::explore`].
#[derive(Debug)]
#[must_use = "nothing is explored until the exploration has a scenario and is awaited"]
pub struct Explore {
    scope: Scope,
    options: Options,
}

impl Explore {
    /// How many workers run the scenario at the same time, each in a database of its own: 4 unless
    /// it is said otherwise.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn workers(mut self, workers: usize) -> Self {
        assert!(workers > 0, "an exploration needs a worker; leave `workers` out for {WORKERS}");
        self.options.workers = workers;
        self
    }

    /// Tries at most so many points: a sample that is the same in every run.
    pub fn at_most(mut self, points: usize) -> Self {
        self.options.most = Some(points);
        self
    }

    /// How long the operation may take under a fault, its own retries included, before it is taken
    /// to hang: 10 s unless it is said otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// Has nobody repeat an operation that failed. What the tables hold is then compared after
    /// operations only that succeeded in spite of the fault.
    ///
    /// For an operation that callers must not repeat when they do not know what it came to.
    pub fn without_retry(mut self) -> Self {
        self.options.retries = false;
        self
    }

    /// Leaves a table out when it is compared what the tables hold: `audit_log`, or
    /// `public.audit_log` as SQL would write it.
    pub fn without_table(mut self, table: impl Into<String>) -> Self {
        self.options.omitted.table(table.into());
        self
    }

    /// Leaves a column out, of every table that has it, when it is compared what the tables hold.
    ///
    /// Columns whose values come from a sequence, and those that differ between two runs without
    /// faults, are left out by themselves.
    pub fn without_column(mut self, column: impl Into<String>) -> Self {
        self.options.omitted.column(column.into());
        self
    }

    /// Tries this point alone, as `CHAOS_REPLAY` does.
    pub fn replay(mut self, token: ReplayToken) -> Self {
        self.options.replay = Some(token);
        self
    }

    /// Only runs the scenario twice without faults, and compares every message to the letter, as
    /// `--check-determinism` of the harness does.
    pub fn check_determinism(mut self) -> Self {
        self.options.checks_determinism = true;
        self
    }

    /// How the scenario is set up in a database of its own: the tables and what they hold, and
    /// whatever the operation needs, such as a service with its pool.
    pub fn setup<'a, S: 'a>(
        self,
        set_up: impl AsyncFn(Postgres) -> TestResult<S> + 'a,
    ) -> Prepared<'a, S> {
        let set_up = Rc::new(set_up);
        let set_up = move |pg: Postgres| -> LocalBoxFuture<'a, TestResult<S>> {
            let set_up = Rc::clone(&set_up);
            Box::pin(async move { set_up(pg).await })
        };
        Prepared { explore: self, set_up: Box::new(set_up) }
    }
}

/// An exploration that needs its operation. Made by [`Explore::setup`].
#[must_use = "nothing is explored until the exploration has an operation and is awaited"]
pub struct Prepared<'a, S> {
    explore: Explore,
    set_up: worker::SetUp<'a, S>,
}

impl<'a, S: 'a> Prepared<'a, S> {
    /// What is run at each point. An error of it is no failure of the test: its [`Outcome`] is
    /// derived by [`Outcome::of_error`] and judged.
    pub fn run<T, E>(self, operation: impl AsyncFn(&S) -> Result<T, E> + 'a) -> Exploration<'a, S>
    where
        E: Into<TestError>,
    {
        let operation = Rc::new(operation);
        let operation = move |state: Rc<S>| -> LocalBoxFuture<'a, Result<(), TestError>> {
            let operation = Rc::clone(&operation);
            Box::pin(async move { operation(&state).await.map(drop).map_err(Into::into) })
        };
        let Explore { scope, options } = self.explore;
        let scenario = Scenario {
            set_up: self.set_up,
            operation: Box::new(operation),
            check: None,
            patience: options.patience,
            retries: options.retries,
        };
        Exploration { scope, options, scenario }
    }
}

/// An exploration, which is made when this is awaited.
#[must_use = "nothing is explored until this is awaited"]
pub struct Exploration<'a, S> {
    scope: Scope,
    options: Options,
    scenario: Scenario<'a, S>,
}

impl<'a, S: 'a> Exploration<'a, S> {
    /// What ought to hold after each run, given what the operation came to, before anybody repeats
    /// it. By then the fault is over, and the server at rest.
    pub fn check(mut self, check: impl AsyncFn(&S, Outcome) -> TestResult + 'a) -> Self {
        let check = Rc::new(check);
        let check = move |state: Rc<S>, outcome| -> LocalBoxFuture<'a, TestResult> {
            let check = Rc::clone(&check);
            Box::pin(async move { check(&state, outcome).await })
        };
        self.scenario.check = Some(Box::new(check));
        self
    }
}

impl<'a, S: 'a> IntoFuture for Exploration<'a, S> {
    type Output = Result<Explored, ExploreError>;
    type IntoFuture = LocalBoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { campaign::explore(&self.scope, self.options, &self.scenario).await })
    }
}

impl<S> fmt::Debug for Prepared<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("explore", &self.explore).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Exploration<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration").field("options", &self.options).finish_non_exhaustive()
    }
}
