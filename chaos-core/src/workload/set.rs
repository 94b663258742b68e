//! Elements that are added, and looked for at the end.

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::{Checker, acked_durable};
use crate::error::{TestError, TestResult};

/// Elements that are added, and looked for at the end; made by [`set`].
#[derive(Debug, Clone)]
pub struct Set<A, R> {
    add: A,
    read: R,
}

/// Additions of elements that all differ, and one read of everything at the end. What was acknowledged
/// has to be there, and nothing that was never added, was added once and came twice, or was turned down.
pub fn set<A, R, E, F>(add: A, read: R) -> Set<A, R>
where
    A: AsyncFn(i64) -> Result<(), E>,
    R: AsyncFn() -> Result<Vec<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Set { add, read }
}

impl<A, R, E, F> Workload for Set<A, R>
where
    A: AsyncFn(i64) -> Result<(), E>,
    R: AsyncFn() -> Result<Vec<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "set"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let element = worker.key();
        worker.call("add", json!(element), (self.add)(element), |()| json!(element)).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        let call = (self.read)();
        worker.call("read", Value::Null, call, |elements| json!(elements)).await.map(drop)
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(acked_durable())
    }
}
