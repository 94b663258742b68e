//! Versions of keys, which only grow.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::overlap::Overlap;
use super::{Worker, Workload};
use crate::check::{CheckError, Checker, Evidence, Report, Violation, monotonic, per_key};
use crate::error::{TestError, TestResult};

/// Versions of keys, which only grow; made by [`versions`].
#[derive(Debug, Clone)]
pub struct Versions<B, R> {
    bump: B,
    read: R,
    keys: RangeInclusive<i64>,
}

/// Changes of a key, each of which returns the version that it made, and reads of a key's version.
/// One operation in three is a read. No two changes make the same version, and nobody sees an older version than before.
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
        if worker.is_its_turn(3) {
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
        Box::new(crate::all_of![per_key(monotonic().in_real_time()), MadeOnce, Overlap])
    }
}

/// Asks that no version of a key is made by two changes.
struct MadeOnce;

impl Checker for MadeOnce {
    fn name(&self) -> String {
        "a version is made once".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut made: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let operations = evidence.operations()?;
        for change in operations.iter().filter(|operation| operation.f == "write") {
            if let Some(Value::Array(pair)) = change.result {
                let [key, version] = pair.as_slice() else { continue };
                let version = format!("version {version} of key {key}");
                made.entry(version).or_default().push(change.invoked);
            }
        }
        let mut report = Report::of(self.name());
        report.count("versions", made.len() as u64);
        if made.is_empty() {
            report.vacuous("no change was acknowledged");
        }
        for (version, changes) in made.into_iter().filter(|(_, changes)| changes.len() > 1) {
            let explanation = format!("{} changes made it", changes.len());
            report.violated(Violation::new(explanation).of_key(version).at(changes));
        }
        Ok(report)
    }
}
