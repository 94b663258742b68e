//! A number that is added to.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::overlap::Overlap;
use super::{Worker, Workload};
use crate::check::{Checker, counter_bounds};
use crate::error::{TestError, TestResult};

/// A number that is added to; made by [`counter`].
#[derive(Debug, Clone)]
pub struct Counter<A, R> {
    add: A,
    read: R,
    amounts: RangeInclusive<i64>,
}

/// Additions to a number that is 0 at first, and reads of it, one operation in four. A read has to lie between what was surely
/// added before it began and what may have been added until it ended, so that an addition which is
/// lost or made twice is seen at the end.
pub fn counter<A, R, E, F>(add: A, read: R) -> Counter<A, R>
where
    A: AsyncFn(i64) -> Result<(), E>,
    R: AsyncFn() -> Result<i64, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Counter { add, read, amounts: 1..=5 }
}

impl<A, R> Counter<A, R> {
    /// How much is added at once. Default: 1 to 5.
    ///
    /// # Panics
    ///
    /// When the range is empty, or begins below 1.
    #[must_use]
    #[track_caller]
    pub fn amounts(mut self, amounts: RangeInclusive<i64>) -> Self {
        let (least, most) = (*amounts.start(), *amounts.end());
        assert!(1 <= least && least <= most, "cannot add amounts of {least} to {most}");
        self.amounts = amounts;
        self
    }
}

impl<A, R, E, F> Workload for Counter<A, R>
where
    A: AsyncFn(i64) -> Result<(), E>,
    R: AsyncFn() -> Result<i64, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "counter"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        if worker.is_its_turn(4) {
            return self.conclude(worker).await;
        }
        let amount = worker.client().pick(self.amounts.clone());
        worker.call("add", json!(amount), (self.add)(amount), |()| json!(amount)).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        worker.call("read", Value::Null, (self.read)(), |number| json!(number)).await.map(drop)
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(crate::all_of![counter_bounds(), Overlap])
    }
}
