//! What `#[chaos_test(cases = 64)]` expands to.

use chaos_core::property::proptest::arbitrary::{Arbitrary, any};
use chaos_core::property::{Operation, Plan};
use chaos_core::{Chaos, TestError};

/// Tries the property that the function under the attribute is.
pub async fn try_cases<Op: Operation + Arbitrary>(
    cx: Chaos,
    cases: u32,
    workers: u32,
    body: impl AsyncFn(Chaos, Plan<Op>) -> Result<(), TestError>,
) -> Result<(), TestError> {
    cx.property(any::<Op>()).cases(cases).workers(workers).run(body).await?;
    Ok(())
}
