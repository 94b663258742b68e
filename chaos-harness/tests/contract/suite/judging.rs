//! Tests that say what they cover.

use chaos_harness::prelude::*;

#[chaos_test(covers = ["N1"])]
async fn covers_a_requirement() {}
