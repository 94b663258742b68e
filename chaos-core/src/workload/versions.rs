//! Versions of keys, which only grow.

use std::ops::RangeInclusive;

use serde_json::json;

use super::{Worker, Workload};
use crate::check::{Checker, monotonic};
use crate::error::{TestError, TestResult};

/// Versions of keys, which only grow; made by [`versions`].
#[derive(Debug, Clone)]
pub struct Versions<B, R> {
    bump: B,
    read: R,
    keys: RangeInclusive<i64>,
}

/// Changes of a key, each of which returns the version that it made, and reads of a key's version.
/// No two changes make the same version, and nobody sees an older version than before.
///
/// The keys are 1 to 2 unless [`keys`](Versions::keys) says otherwise, and exist beforehand.
pub fn versions<B, R, E, F>(bump: B, read: R) -> Versions<B, R>
where
    B: AsyncFn(i64) -> Result<i64, E>,
    R: AsyncFn(i64) -> Result<i64, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Versions { bump, read, keys: 1..=2 }
}

impl<B, R> Versions<B, R> {
    /// The keys. Default: 1 to 2. The fewer there are, the more changes meet.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn keys(mut self, keys: RangeInclusive<i64>) -> Self {
        assert!(!keys.is_empty(), "versions need at least one key");
        self.keys = keys;
        self
    }

    async fn read_key<F>(&self, worker: &mut Worker, key: i64) -> TestResult
    where
        R: AsyncFn(i64) -> Result<i64, F>,
        F: Into<TestError>,
    {
        let result = |version: &i64| json!([key, version]);
        worker.call("read", json!([key, null]), (self.read)(key), result).await.map(drop)
    }
}

impl<B, R, E, F> Workload for Versions<B, R>
where
    B: AsyncFn(i64) -> Result<i64, E>,
    R: AsyncFn(i64) -> Result<i64, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "versions"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let key = worker.client().pick(self.keys.clone());
        if worker.client().pick(1..=3) == 1 {
            return self.read_key(worker, key).await;
        }
        let result = |version: &i64| json!([key, version]);
        worker.call("write", json!([key, null]), (self.bump)(key), result).await.map(drop)
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        for key in self.keys.clone() {
            self.read_key(worker, key).await?;
        }
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        todo!()
    }
}
