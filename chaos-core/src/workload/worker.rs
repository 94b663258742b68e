//! A client of a workload, whose operations are recorded.

use std::future::Future;

use serde_json::Value;

use crate::client::Client;
use crate::error::{TestError, with_sources};
use crate::history::RecordedProcess;
use crate::outcome::Outcome;

/// A client of a workload for one operation: what it draws from, and what records it.
#[derive(Debug)]
pub struct Worker {
    client: Client,
    process: RecordedProcess,
}

impl Worker {
    pub(super) const fn new(client: Client, process: RecordedProcess) -> Self {
        Self { client, process }
    }

    pub(super) fn into_process(self) -> RecordedProcess {
        self.process
    }

    /// What it draws from.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// A number that no other operation of the attempt has.
    #[must_use]
    pub fn key(&self) -> i64 {
        i64::try_from(self.client.unique()).unwrap_or(i64::MAX)
    }

    /// Whether it is its turn to do what one operation in `every` does. The clients take turns, so that
    /// some of them do it while the others do something else.
    #[must_use]
    pub fn is_its_turn(&self, every: u64) -> bool {
        (self.client.operation() + u64::from(self.client.id())) % every.max(1) == 0
    }

    /// Makes a call to the service and records it as the operation `f` with this argument. `result`
    /// says what is recorded of an answer.
    ///
    /// A call that is dropped before it has an answer is recorded as one of unknown outcome.
    ///
    /// # Errors
    ///
    /// That of the call.
    pub async fn call<T, E: Into<TestError>>(
        &mut self,
        f: &str,
        argument: Value,
        call: impl Future<Output = Result<T, E>>,
        result: impl FnOnce(&T) -> Value,
    ) -> Result<T, TestError> {
        let pending = self.process.invoke(f, argument);
        match call.await {
            Ok(answer) => {
                pending.complete(Outcome::Ok, result(&answer), None);
                Ok(answer)
            }
            Err(error) => {
                let error = error.into();
                let outcome = Outcome::of_error(&*error);
                pending.complete(outcome, Value::Null, Some(with_sources(&*error)));
                Err(error)
            }
        }
    }
}
