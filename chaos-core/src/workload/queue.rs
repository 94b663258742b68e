//! Jobs that are put in and taken out.

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::{Checker, queue_total};
use crate::error::{TestError, TestResult};

/// Jobs that are put in and taken out; made by [`queue`].
#[derive(Debug, Clone)]
pub struct Queue<P, T> {
    put: P,
    take: T,
}

/// Jobs that are put in, and taken out in any order (`None` when there is none). At the end all that are
/// left are taken out, so that every job whose `put` was acknowledged has come out, once.
///
/// A job whose `take` was not answered may be lost, unless the queue hands it out again; that a queue
/// hands it out again to somebody who did get the first answer is what is looked for.
pub fn queue<P, T, E, F>(put: P, take: T) -> Queue<P, T>
where
    P: AsyncFn(i64) -> Result<(), E>,
    T: AsyncFn() -> Result<Option<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Queue { put, take }
}

impl<P, T> Queue<P, T> {
    async fn take_one<F>(&self, worker: &mut Worker) -> TestResult<Option<i64>>
    where
        T: AsyncFn() -> Result<Option<i64>, F>,
        F: Into<TestError>,
    {
        worker.call("dequeue", Value::Null, (self.take)(), |job| json!(job)).await
    }
}

impl<P, T, E, F> Workload for Queue<P, T>
where
    P: AsyncFn(i64) -> Result<(), E>,
    T: AsyncFn() -> Result<Option<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "queue"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        if worker.client().pick(1..=2) == 1 {
            return self.take_one(worker).await.map(drop);
        }
        let job = worker.key();
        worker.call("enqueue", json!(job), (self.put)(job), |()| json!(job)).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        while self.take_one(worker).await?.is_some() {}
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(queue_total())
    }
}
