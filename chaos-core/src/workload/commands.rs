//! Commands that are sent again under their key.

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::{Checker, exactly_once};
use crate::error::{TestError, TestResult};
use crate::outcome::Outcome;

/// Commands that are sent again under their key; made by [`commands`].
#[derive(Debug, Clone)]
pub struct Commands<S, A> {
    send: S,
    applied: A,
    attempts: u32,
}

/// Commands with a key each, which their client sends again under the same key while it has no
/// answer; and the keys of all effects at the end, as often as each took effect. A command that
/// was acknowledged takes effect once, one that was turned down never, and any other at most once.
///
/// It is sent up to three times unless [`attempts`](Commands::attempts) says otherwise.
pub fn commands<S, A, E, F>(send: S, applied: A) -> Commands<S, A>
where
    S: AsyncFn(i64) -> Result<(), E>,
    A: AsyncFn() -> Result<Vec<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Commands { send, applied, attempts: 3 }
}

impl<S, A> Commands<S, A> {
    /// How often a command is sent at the most while it has no answer. Default: 3.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[must_use]
    #[track_caller]
    pub fn attempts(mut self, attempts: u32) -> Self {
        assert!(attempts > 0, "a command is sent at least once");
        self.attempts = attempts;
        self
    }
}

impl<S, A, E, F> Workload for Commands<S, A>
where
    S: AsyncFn(i64) -> Result<(), E>,
    A: AsyncFn() -> Result<Vec<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "commands"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let key = worker.key();
        let mut sent = 0;
        loop {
            let answer = worker.call("apply", json!(key), (self.send)(key), |()| json!(key)).await;
            sent += 1;
            match answer {
                Err(error)
                    if sent < self.attempts && Outcome::of_error(&*error) != Outcome::Failed => {}
                answer => return answer,
            }
        }
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        let call = (self.applied)();
        worker.call("effects", Value::Null, call, |keys| json!(keys)).await.map(drop)
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(exactly_once())
    }
}
