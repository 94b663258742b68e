//! A load that is raised until the contention that a test is about was really observed.
//!
//! Whether clients meet at all depends on the machine: eight of them may never wait for one another on
//! a fast one. A test that needs them to says how much of it, and what it observed; it is run with more
//! and more clients until that is enough. Where the bound is reached without it, the machine cannot
//! produce the contention, which is no failure of what is tested: the attempt ends as
//! [`Verdict::Environment`](crate::verdict::Verdict::Environment).
//!
//! ```no_run
//! # use chaos_core::prelude::*;
//! # async fn transfer() -> Result<(), tokio_postgres::Error> { Ok(()) }
//! # async fn test(cx: Chaos) -> TestResult {
//! let pg = cx.postgres().await?;
//! let crowd = cx
//!     .contention(5.percent())            // of all operations are to fail by a conflict
//!     .from(4)
//!     .up_to(128)
//!     .until(async |clients| {
//!         let plan = Schedule::new().hold(1.secs(), &pg, latency(5.ms()));
//!         let run = cx.run(plan, clients, async |_| transfer().await).await?;
//!         let operations = run.operations();
//!         let failed = operations.iter().filter(|it| it.outcome == Outcome::Failed);
//!         Ok(Observed::of(failed.count(), operations.len()))
//!     })
//!     .await?;
//! cx.note(format!("{} clients were enough", crowd.clients));
//! # Ok(()) }
//! ```

use std::time::{Duration, Instant};

use crate::chaos::Chaos;
use crate::duration::{Display, rounded};
use crate::error::TestError;
use crate::probability::Probability;

/// Contention that is to be reached: see [`Chaos::contention`].
#[derive(Debug)]
#[must_use = "nothing happens before `until(..)` is awaited"]
pub struct Contention<'a> {
    cx: &'a Chaos,
    wanted: Probability,
    from: u32,
    up_to: u32,
    within: Duration,
}

/// How much contention a step met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed(f64);

impl Observed {
    /// So many of all operations met it. Of no operations at all none did.
    #[must_use]
    pub fn of(contended: usize, all: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = if all == 0 { 0.0 } else { contended as f64 / all as f64 };
        Self(share.min(1.0))
    }
}

impl From<bool> for Observed {
    /// It was met, or not at all.
    fn from(met: bool) -> Self {
        Self(if met { 1.0 } else { 0.0 })
    }
}

impl From<Probability> for Observed {
    fn from(share: Probability) -> Self {
        Self(share.get())
    }
}

/// The load that was enough.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Crowd {
    /// How many clients it took.
    pub clients: u32,
    /// Which share of the operations met the contention.
    pub observed: f64,
    /// How many steps it took, this one included.
    pub steps: u32,
}

/// The contention was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentionError {
    /// Not even with the greatest load, or not in time. It says something of the machine, and nothing
    /// of what is tested.
    #[error(
        "this machine did not produce the contention that the test needs: wanted of {}, seen at \
         most of {} with {clients} clients, in {steps} steps and {}",
        percent(wanted.get()),
        percent(*most),
        Display(rounded(*took))
    )]
    OutOfReach {
        /// Which share of operations was to meet it.
        wanted: Probability,
        /// The greatest share that did.
        most: f64,
        /// The greatest number of clients that was tried.
        clients: u32,
        /// How many steps were made.
        steps: u32,
        /// How long they took.
        took: Duration,
    },
    /// A step failed by itself.
    #[error("failed to observe the contention among {clients} clients")]
    Step {
        /// With how many clients.
        clients: u32,
        /// How.
        source: TestError,
    },
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

impl<'a> Contention<'a> {
    pub(crate) fn new(cx: &'a Chaos, wanted: Probability) -> Self {
        Self { cx, wanted, from: 4, up_to: 256, within: Duration::from_secs(60) }
    }

    /// How many clients the first step has, stated for the reference machine. Default: 4.
    pub fn from(mut self, clients: u32) -> Self {
        self.from = clients;
        self
    }

    /// How many clients a step may have, stated for the reference machine. Default: 256.
    pub fn up_to(mut self, clients: u32) -> Self {
        self.up_to = clients;
        self
    }

    /// For how long a further step may begin, stated for the reference machine. Default: a minute.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Makes one step after the other, each with twice as many clients as the one before, until one
    /// observes as much contention as is wanted.
    ///
    /// # Errors
    ///
    /// [`OutOfReach`](ContentionError::OutOfReach) when the last step that may be made did not, and
    /// [`Step`](ContentionError::Step) with the error of a step.
    pub async fn until<O: Into<Observed>>(
        self,
        mut step: impl AsyncFnMut(u32) -> Result<O, TestError>,
    ) -> Result<Crowd, ContentionError> {
        let began = Instant::now();
        let sizing = self.cx.sizing();
        let within = sizing.timeout(self.within);
        let up_to = sizing.clients(self.up_to).max(1);
        let mut clients = sizing.clients(self.from).clamp(1, up_to);
        let mut most = 0.0_f64;
        for steps in 1.. {
            let observed = step(clients).await;
            let Observed(share) =
                observed.map_err(|source| ContentionError::Step { clients, source })?.into();
            most = most.max(share);
            self.cx.note(format!("contention of {} among {clients} clients", percent(share)));
            if share > 0.0 && share >= self.wanted.get() {
                return Ok(Crowd { clients, observed: share, steps });
            }
            let took = began.elapsed();
            if clients >= up_to || took >= within {
                let wanted = self.wanted;
                return Err(ContentionError::OutOfReach { wanted, most, clients, steps, took });
            }
            clients = clients.saturating_mul(2).min(up_to);
        }
        unreachable!("the last step returns")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::prelude::*;
    use crate::seed::Seed;
    use crate::sizing::Sizing;

    fn cx(load_multiplier: f64) -> Chaos {
        let sizing = Sizing { load_multiplier, ..Sizing::EXACT };
        Chaos::new(Seed(1), Journal::in_memory()).with_sizing(sizing)
    }

    #[tokio::test]
    async fn the_load_is_raised_until_the_contention_shows() {
        let (cx, mut tried) = (cx(1.0), Vec::new());
        let step = async |clients| {
            tried.push(clients);
            Ok(Observed::of(usize::from(clients > 20), 10))
        };
        let crowd = cx.contention(10.percent()).from(4).up_to(40).until(step).await.unwrap();
        assert_eq!(tried, [4, 8, 16, 32]);
        assert_eq!((crowd.clients, crowd.steps, crowd.observed), (32, 4, 0.1));
    }

    #[tokio::test]
    async fn what_the_machine_cannot_produce_is_told_after_the_last_step() {
        let (cx, mut tried) = (cx(0.5), Vec::new());
        let step = async |clients| {
            tried.push(clients);
            Ok(Observed::of(1, 100))
        };
        let error = cx.contention(5.percent()).from(8).up_to(40).until(step).await.unwrap_err();
        assert_eq!(tried, [4, 8, 16, 20], "it is stated for the reference machine");
        let text = error.to_string();
        assert!(
            text.contains("of 5.0 %, seen at most of 1.0 % with 20 clients, in 4 steps"),
            "{text}"
        );
        let at_once = cx.contention(5.percent()).within(Duration::ZERO);
        let error = at_once.until(async |_| Ok(false)).await.unwrap_err();
        assert!(matches!(error, ContentionError::OutOfReach { steps: 1, .. }), "{error}");
    }

    #[tokio::test]
    async fn no_contention_is_never_enough_and_a_step_that_fails_says_so() {
        let cx = cx(1.0);
        let none = cx.contention(Probability::NEVER).up_to(4).until(async |_| Ok(false)).await;
        assert!(none.is_err());
        let step = async |_| Err::<bool, TestError>("no answer".into());
        let error = cx.contention(1.percent()).until(step).await.unwrap_err();
        assert_eq!(crate::error::with_sources(&error).matches("no answer").count(), 1);
        assert!(matches!(error, ContentionError::Step { clients: 4, .. }));
    }
}
