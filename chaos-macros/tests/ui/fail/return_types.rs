//! What a test may return is said where its return type stands.

use chaos_harness::prelude::*;

struct Silent;

#[chaos_test]
async fn a_number(_cx: Chaos) -> u32 {
    7
}

#[chaos_test]
fn a_result_of_something() -> Result<u32, String> {
    Ok(7)
}

#[chaos_test]
async fn an_error_without_words() -> Result<(), Silent> {
    Err(Silent)
}

fn main() {}
