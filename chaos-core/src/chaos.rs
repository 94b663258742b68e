//! What a test is given.

use std::fmt;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::assert::{Assertion, AssertionWatch};
use crate::check::{CheckFailed, Checker, Evidence, Finding, Report};
use crate::client::Client;
use crate::error::{Error, TestError, TestResult};
use crate::event::EventKind;
use crate::history::History;
use crate::journal::Journal;
use crate::link::{Link, Upstream};
use crate::load::Load;
use crate::metrics::Metrics;
use crate::postgres::{Postgres, ServerOptions};
use crate::run::{Run, RunError};
use crate::schedule::Schedule;
use crate::scope::{Scope, TestOfScope};
use crate::seed::Seed;
use crate::sizing::Sizing;
use crate::workload::{WorkError, Worked, Workload};

mod leftovers;
mod sizes;

/// What a test is given: it opens targets, runs workloads and makes checks. Clones are the same context.
#[derive(Debug, Clone)]
pub struct Chaos {
    inner: Arc<Inner>,
    sizing: Sizing,
}

#[derive(Debug)]
struct Inner {
    scope: Scope,
}

impl Chaos {
    /// A context with this seed, whose events go to `journal`.
    ///
    /// The harness makes one for every attempt; make one yourself to use the library in an ordinary
    /// `#[tokio::test]` or in a benchmark.
    #[must_use]
    pub fn new(seed: Seed, journal: Journal) -> Self {
        Self::in_scope(Scope::new(seed, journal))
    }

    /// The context of this scope.
    pub(crate) fn in_scope(scope: Scope) -> Self {
        Self { inner: Arc::new(Inner { scope }), sizing: Sizing::EXACT }
    }

    /// For harnesses, before the test runs: its name, which its files are named after, and its deadline.
    pub fn name_test(&self, name: impl Into<String>, deadline: Option<Instant>) {
        self.scope().set_test(TestOfScope { name: name.into(), deadline });
    }

    /// For harnesses: notes that the test function has ended, in whichever way.
    pub fn test_ended(&self) {
        self.scope().journal().record(EventKind::TestEnded);
    }

    /// What everything in this attempt shares.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.inner.scope
    }

    /// The seed of this attempt.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.inner.scope.seed()
    }

    /// The metrics of the attempt, for the test's own counters, gauges, timings and signals: see
    /// [`metrics`](crate::metrics).
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.scope().metrics()
    }

    /// A new database on the server that all tests share, behind a link of its own. The link is named
    /// `postgres`, the second one `postgres-2`.
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be found or started.
    pub async fn postgres(&self) -> Result<Postgres, Error> {
        Postgres::shared(self.scope()).await
    }

    /// A database on a server of the test's own, behind a link of its own. The processes of the server
    /// can be killed, stopped and paused: see [`Postgres::server`].
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be found or started.
    pub async fn postgres_server(&self) -> Result<Postgres, Error> {
        self.postgres_server_with(ServerOptions::new()).await
    }

    /// A database on a server of the test's own, with these options.
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be found or started, or refuses a setting; the error has its message.
    pub async fn postgres_server_with(&self, options: ServerOptions) -> Result<Postgres, Error> {
        Postgres::own(self.scope(), options).await
    }

    /// A link to any TCP service. Reports use `name`; if another link of the attempt has that name, a
    /// number is added: `name-2`.
    ///
    /// # Errors
    ///
    /// When the link cannot listen on a port.
    pub async fn link(&self, name: &str, upstream: SocketAddr) -> Result<Link, Error> {
        Ok(Link::tcp(self.scope(), name, Upstream::Tcp(upstream))?)
    }

    /// Runs `operation` over and over, on all clients of `load` at once, while the faults of
    /// `schedule` come and go.
    ///
    /// Everything runs on the caller's own task, so the operation may borrow what it needs. An
    /// operation that fails is not a failure of the test: its [`Outcome`](crate::outcome::Outcome) is
    /// recorded, and the bounds that you put on the returned [`Run`] decide.
    ///
    /// # Errors
    ///
    /// When the schedule begins calm and the system is not in its steady state at the end of that
    /// step; when there is no client; when the schedule takes no time and the load does not say how
    /// many operations to make.
    pub async fn run<T, E: Into<TestError>>(
        &self,
        schedule: Schedule,
        load: impl Into<Load>,
        operation: impl AsyncFn(Client) -> Result<T, E>,
    ) -> Result<Run, RunError> {
        crate::run::run(self.scope(), &schedule, &load.into(), operation).await
    }

    /// Runs a workload: all clients of `load` make its operations while the faults of `schedule` come and
    /// go, and at the end the final state is read. Nothing is judged before [`Worked::judge`].
    ///
    /// With a [number of operations](Load::operations), the schedule may be empty:
    /// `cx.work(Schedule::new(), Load::clients(8).operations(100), workload)`.
    ///
    /// The history of the operations is written beside the journal of the attempt.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run); when the workload cannot begin; when the final state cannot be read
    /// within the time that the load allows to [settle](Load::settle); when the history cannot be
    /// written.
    pub async fn work<W: Workload>(
        &self,
        schedule: Schedule,
        load: impl Into<Load>,
        workload: W,
    ) -> Result<Worked, WorkError> {
        crate::workload::work(self, &schedule, &load.into(), workload).await
    }

    /// Checks that `found` equals `expected`, and records the result under `name`.
    ///
    /// # Errors
    ///
    /// When they differ.
    #[track_caller]
    pub fn check<A, B>(&self, name: &str, found: A, expected: B) -> TestResult
    where
        A: PartialEq<B> + fmt::Debug,
        B: fmt::Debug,
    {
        let passed = found == expected;
        let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
        self.record_check(name, passed, Some((found.clone(), expected.clone())));
        self.conclude(name, passed, || Finding::Differs { found, expected })
    }

    /// Checks that a condition holds, and records the result under `name`.
    ///
    /// # Errors
    ///
    /// When it does not.
    #[track_caller]
    pub fn check_that(&self, name: &str, holds: bool) -> TestResult {
        self.record_check(name, holds, None);
        self.conclude(name, holds, || Finding::False)
    }

    /// Judges a history by a checker, and records its report.
    ///
    /// ```
    /// # use chaos_core::{Chaos, TestResult};
    /// use chaos_core::check::conserved;
    /// use chaos_core::history::History;
    ///
    /// # fn example(cx: &Chaos, history: &History) -> TestResult {
    /// cx.judge(&conserved(10_000), history)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Unless the answer is *valid*. An unknown answer fails the test too, because it proves nothing:
    /// give the checker a greater budget, put the promise to the test, or say
    /// [`may_be_vacuous`](Checker::may_be_vacuous). Also when the checker cannot work with the
    /// history.
    #[track_caller]
    pub fn judge(&self, checker: &impl Checker, history: &History) -> TestResult<Report> {
        let report = checker.check(&Evidence::new(history))?;
        self.scope().journal().record(EventKind::Judged { report: report.clone() });
        Ok(report.into_result()?)
    }

    fn record_check(&self, name: &str, passed: bool, values: Option<(String, String)>) {
        let (found, expected) = values.unzip();
        let name = name.to_owned();
        self.scope().journal().record(EventKind::Check { name, passed, found, expected });
    }

    #[track_caller]
    fn conclude(&self, name: &str, passed: bool, finding: impl FnOnce() -> Finding) -> TestResult {
        if passed {
            return Ok(());
        }
        let (name, location) = (name.to_owned(), Location::caller());
        Err(CheckFailed { name, finding: finding(), location }.into())
    }

    /// Demands that at least one attempt at the test in this run reaches the `reachable!` of this name, or
    /// a `sometimes!` of this name that holds: see [`assert`](crate::assert).
    pub fn must_reach(&self, name: impl Into<String>) {
        let assertion = Assertion::expected(name.into());
        self.scope().journal().record(EventKind::Assertion { assertion });
    }

    /// For harnesses, and tests without one: collects the results of assertions in the code, until the
    /// returned watch is finished.
    ///
    /// ```
    /// use chaos_core::prelude::*;
    /// use chaos_core::{journal::Journal, seed::Seed};
    ///
    /// let cx = Chaos::new(Seed(1), Journal::in_memory());
    /// let watch = cx.watch_assertions();
    /// always!(2 + 2 == 4, "sums are right");
    /// assert!(watch.finish().iter().all(|assertion| !assertion.is_violated()));
    /// ```
    pub fn watch_assertions(&self) -> AssertionWatch {
        AssertionWatch::begin(self.scope().journal())
    }

    /// Lets explorations only compare runs without faults, as `--check-determinism` does.
    pub fn only_check_determinism(&self) {
        self.scope().only_check_determinism();
    }

    /// Names what the test does from here on, for the live view and the report.
    pub fn phase(&self, name: impl Into<String>) {
        self.scope().journal().record(EventKind::PhaseStarted { phase: name.into() });
    }

    /// Leaves a note in the report.
    pub fn note(&self, message: impl Into<String>) {
        self.scope().journal().record(EventKind::Note { message: message.into() });
    }
}

/// A parameter of a test: its type selects what is set up for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a chaos test",
    label = "this type is no fixture",
    note = "take `Chaos`, or implement `chaos_harness::Fixture` for `{Self}`"
)]
pub trait Fixture: Sized {
    /// Sets the fixture up for one attempt.
    fn set_up(cx: &Chaos) -> impl Future<Output = Result<Self, TestError>>;
}

impl Fixture for Chaos {
    async fn set_up(cx: &Chaos) -> Result<Self, TestError> {
        Ok(cx.clone())
    }
}
