//! Identifiers, no two of which may be equal.

use serde::Serialize;
use serde_json::Value;

use super::overlap::Overlap;
use super::{Worker, Workload};
use crate::check::{Checker, unique};
use crate::error::{TestError, TestResult};

/// Identifiers, no two of which may be equal; made by [`unique_ids`].
#[derive(Debug, Clone)]
pub struct UniqueIds<G> {
    generate: G,
}

/// New identifiers, numbers or texts, no two of which may be equal.
pub fn unique_ids<G, T, E>(generate: G) -> UniqueIds<G>
where
    G: AsyncFn() -> Result<T, E>,
    T: Serialize,
    E: Into<TestError>,
{
    UniqueIds { generate }
}

impl<G, T, E> Workload for UniqueIds<G>
where
    G: AsyncFn() -> Result<T, E>,
    T: Serialize,
    E: Into<TestError>,
{
    fn name(&self) -> &str {
        "unique-ids"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        let call = async {
            let id = (self.generate)().await.map_err(Into::into)?;
            // Before it is recorded, as a record of it could not fail.
            serde_json::to_value(id).map_err(TestError::from)
        };
        worker.call("generate", Value::Null, call, Value::clone).await.map(drop)
    }

    /// There is nothing to read: what was handed out is known.
    async fn conclude(&self, _: &mut Worker) -> TestResult {
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(crate::all_of![unique(), Overlap])
    }
}
