//! A mistake in the body is reported once, and where it is.

use chaos_harness::prelude::*;

#[chaos_test]
async fn mistaken(cx: Chaos) -> TestResult {
    let seed: String = cx.seed();
    cx.postgress().await?;
}

fn main() {}
