//! A method is refused, and stays a method for those who call it.

use chaos_harness::prelude::*;

struct Suite;

impl Suite {
    #[chaos_test]
    async fn method(&self, _cx: Chaos) {}
}

#[chaos_test]
async fn caller(cx: Chaos) {
    Suite.method(cx).await;
}

fn main() {}
