//! Two tests of one name are refused although the compiler drops their test functions.

use chaos_harness::prelude::*;

#[chaos_test]
async fn twin(_cx: Chaos) {}

#[chaos_test]
async fn twin(_cx: Chaos) {}

fn main() {}
