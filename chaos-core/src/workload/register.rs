//! Values under keys, which are read and written.

use std::ops::RangeInclusive;

use serde_json::json;

use super::{Worker, Workload};
use crate::check::Checker;
use crate::check::linearizability::{self, Linearizability};
use crate::error::{TestError, TestResult};

/// Values under keys, which are read and written; made by [`register`].
#[derive(Debug, Clone)]
pub struct Register<R, W> {
    read: R,
    write: W,
    keys: RangeInclusive<i64>,
    initial: Option<i64>,
}

/// Reads of a key (`None` while it has no value), and writes of a key and a value that is never written
/// twice. Each key has to be linearizable: whoever begins to read after a write has ended sees it,
/// or a later one.
///
/// The keys are 1 to 3 unless [`keys`](Register::keys) says otherwise.
pub fn register<R, W, E, F>(read: R, write: W) -> Register<R, W>
where
    R: AsyncFn(i64) -> Result<Option<i64>, E>,
    W: AsyncFn(i64, i64) -> Result<(), F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Register { read, write, keys: 1..=3, initial: None }
}

impl<R, W> Register<R, W> {
    /// The keys. Default: 1 to 3. The fewer there are, the more operations meet.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn keys(mut self, keys: RangeInclusive<i64>) -> Self {
        assert!(!keys.is_empty(), "a register needs at least one key");
        self.keys = keys;
        self
    }

    /// Has every key hold this value before the clients begin: it is written, and recorded.
    #[must_use]
    pub const fn initially(mut self, value: i64) -> Self {
        self.initial = Some(value);
        self
    }

    async fn read_key<E, F>(&self, worker: &mut Worker, key: i64) -> TestResult
    where
        R: AsyncFn(i64) -> Result<Option<i64>, E>,
        W: AsyncFn(i64, i64) -> Result<(), F>,
        E: Into<TestError>,
        F: Into<TestError>,
    {
        let result = |value: &Option<i64>| json!([key, value]);
        worker.call("read", json!([key, null]), (self.read)(key), result).await.map(drop)
    }

    async fn write_key<E, F>(&self, worker: &mut Worker, key: i64, value: i64) -> TestResult
    where
        R: AsyncFn(i64) -> Result<Option<i64>, E>,
        W: AsyncFn(i64, i64) -> Result<(), F>,
        E: Into<TestError>,
        F: Into<TestError>,
    {
        let argument = json!([key, value]);
        let call = (self.write)(key, value);
        worker.call("write", argument.clone(), call, |()| argument).await
    }
}

impl<R, W, E, F> Workload for Register<R, W>
where
    R: AsyncFn(i64) -> Result<Option<i64>, E>,
    W: AsyncFn(i64, i64) -> Result<(), F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "register"
    }

    async fn begin(&self, worker: &mut Worker) -> TestResult {
        if let Some(value) = self.initial {
            for key in self.keys.clone() {
                self.write_key(worker, key, value).await?;
            }
        }
        Ok(())
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let key = worker.client().pick(self.keys.clone());
        if worker.client().pick(1..=2) == 1 {
            self.read_key(worker, key).await
        } else {
            self.write_key(worker, key, worker.key()).await
        }
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        for key in self.keys.clone() {
            self.read_key(worker, key).await?;
        }
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(Linearizability::of(linearizability::Register).per_key())
    }
}
