//! All mistakes of all tests are reported at once, and nothing beside them.

#![deny(warnings)]

use chaos_harness::prelude::*;

use std::time::Duration;

#[chaos_test(retires = 3, flaky(expected_rate = 0.3), timeout = 30, requires(rot))]
#[ignore(slow)]
async fn several(_cx: Chaos) -> TestResult {
    tokio::time::sleep(Duration::ZERO).await;
    Ok(())
}

#[chaos_test(exclusive = true)]
async fn another<T>(_cx: &Chaos) {
    drop(Duration::ZERO);
}

#[chaos_test(cases = 100)]
#[tokio::test]
async fn registered_twice(_cx: Chaos) {}

#[tokio::test]
#[chaos_test]
async fn registered_twice_in_the_other_order(_cx: Chaos) {}

fn main() {}
