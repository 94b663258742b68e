//! What a test can be given is said where the type of the parameter stands.

use chaos_harness::prelude::*;

struct Ledger;

#[chaos_test]
async fn no_fixture(_cx: Chaos, _ledger: Ledger) -> TestResult {
    Ok(())
}

#[chaos_test]
async fn no_such_type(_cx: Chaos, _ledger: Leger) {}

fn main() {}
