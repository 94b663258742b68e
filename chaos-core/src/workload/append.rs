//! Transactions over lists.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::transactions::Model;
use crate::check::{Checker, isolation};
use crate::error::{TestError, TestResult};

/// One step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reads the list of this key.
    Read(i64),
    /// Appends an element to the list of this key. No element is appended twice.
    Append(i64, i64),
}

/// Transactions over lists; made by [`append`].
#[derive(Debug, Clone)]
pub struct Append<T> {
    model: Model,
    transaction: T,
    keys: RangeInclusive<i64>,
    steps: RangeInclusive<u8>,
}

/// Transactions of a few steps each, which read lists and append to them: a transaction takes the
/// steps in their order, and returns the lists that it read in the order of its reads. They have to be
/// isolated from each other as `model` promises; see [`transactions`](crate::check::transactions).
///
/// A list may be a column of text that is appended to, or rows that are read in the order of their
/// insertion into that list. The keys are 1 to 4, and a transaction has 1 to 4 steps, unless
/// [`keys`](Append::keys) and [`steps`](Append::steps) say otherwise.
pub fn append<T, E>(model: Model, transaction: T) -> Append<T>
where
    T: AsyncFn(Vec<Step>) -> Result<Vec<Vec<i64>>, E>,
    E: Into<TestError>,
{
    Append { model, transaction, keys: 1..=4, steps: 1..=4 }
}

impl<T> Append<T> {
    /// The keys. Default: 1 to 4. The fewer there are, the more transactions meet.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn keys(mut self, keys: RangeInclusive<i64>) -> Self {
        assert!(!keys.is_empty(), "lists need at least one key");
        self.keys = keys;
        self
    }

    /// How many steps a transaction has. Default: 1 to 4.
    ///
    /// # Panics
    ///
    /// When the range is empty or begins at 0.
    #[must_use]
    #[track_caller]
    pub fn steps(mut self, steps: RangeInclusive<u8>) -> Self {
        assert!(*steps.start() > 0 && !steps.is_empty(), "a transaction has at least one step");
        self.steps = steps;
        self
    }

    async fn run<E>(&self, worker: &mut Worker, steps: Vec<Step>) -> TestResult
    where
        T: AsyncFn(Vec<Step>) -> Result<Vec<Vec<i64>>, E>,
        E: Into<TestError>,
    {
        let call = async {
            let lists = (self.transaction)(steps.clone()).await.map_err(Into::into)?;
            let reads = steps.iter().filter(|step| matches!(step, Step::Read(_))).count();
            if lists.len() == reads {
                return Ok(lists);
            }
            let found = lists.len();
            Err(TestError::from(format!(
                "the transaction returned {found} lists for {reads} reads; it has to return one for \
                 each read, in their order"
            )))
        };
        let result = |lists: &Vec<Vec<i64>>| micro_operations(&steps, lists);
        worker.call("txn", micro_operations(&steps, &[]), call, result).await.map(drop)
    }
}

/// An element of its own for each step of each transaction: the number of the step below that of the
/// operation, which has 28 bits left.
fn element(key: i64, ordinal: u8) -> i64 {
    const OPERATION: i64 = (1 << 36) - 1;
    (key & !OPERATION) | ((key << 8) & OPERATION) | i64::from(ordinal)
}

/// The steps as histories have them, with the lists that were read as far as they are known.
fn micro_operations(steps: &[Step], lists: &[Vec<i64>]) -> Value {
    let mut lists = lists.iter();
    let step = |step: &Step| match *step {
        Step::Read(key) => json!(["r", key, lists.next()]),
        Step::Append(key, element) => json!(["append", key, element]),
    };
    Value::Array(steps.iter().map(step).collect())
}

impl<T, E> Workload for Append<T>
where
    T: AsyncFn(Vec<Step>) -> Result<Vec<Vec<i64>>, E>,
    E: Into<TestError>,
{
    fn name(&self) -> &str {
        "append"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let client = worker.client();
        let step = |ordinal: u8| {
            let key = client.pick(self.keys.clone());
            if client.pick(1..=2) == 1 {
                Step::Read(key)
            } else {
                Step::Append(key, element(worker.key(), ordinal))
            }
        };
        let steps = (0..client.pick(self.steps.clone())).map(step).collect();
        self.run(worker, steps).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        for key in self.keys.clone() {
            self.run(worker, vec![Step::Read(key)]).await?;
        }
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(isolation(self.model))
    }
}
