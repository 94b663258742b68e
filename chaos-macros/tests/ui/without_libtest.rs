//! Where the harness is not libtest, the compiler drops the test functions. Nothing may be unused
//! for that, and all tests are registered.

#![forbid(unsafe_code, unused, dead_code, unused_imports, missing_docs)]
#![deny(warnings, unused_qualifications, unreachable_pub, rust_2018_idioms)]

use chaos_harness::prelude::*;
use chaos_harness::registry;

mod imported {
    pub(crate) struct Ledger;

    pub(crate) const TOTAL: i64 = 10_000;
}

use imported::{Ledger, TOTAL};

impl Fixture for Ledger {
    async fn set_up(_cx: &Chaos) -> TestResult<Self> {
        Ok(Self)
    }
}

fn used_by_a_test_only() -> i64 {
    TOTAL
}

/// Money is kept.
#[chaos_test(retries = 3, flaky)]
#[ignore = "slow"]
#[should_panic]
async fn money_is_kept(_cx: Chaos, _ledger: Ledger) -> TestResult {
    assert_eq!(used_by_a_test_only(), 0);
    Ok(())
}

#[chaos_test]
pub fn published() {}

fn main() {
    #[chaos_test]
    fn nested() {}

    let names: Vec<_> = registry::all().into_iter().map(registry::TestCase::name).collect();
    assert_eq!(names, ["money_is_kept", "nested", "published"]);
}
