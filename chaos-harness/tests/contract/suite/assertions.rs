//! Tests whose code says what always holds, and what has to come about.

use chaos_harness::prelude::*;

#[chaos_test]
async fn what_always_holds_does_not() {
    // On a task of the runtime, on a thread of its own, and on one that blocks.
    tokio::spawn(async { always!(1 + 1 == 3, "sums are right", "1 + 1 = {}", 1 + 1) })
        .await
        .unwrap();
    std::thread::spawn(|| always!(true, "sums are right")).join().unwrap();
    let reached = || assert::unreachable!("nobody comes here");
    tokio::task::spawn_blocking(reached).await.unwrap();
}

#[chaos_test(retries = 1)]
async fn what_sometimes_holds_never_does() {
    sometimes!(false, "a retry is seen");
    reachable!("this is");
}

/// It holds in the second attempt, which needs no more.
#[chaos_test(retries = 2)]
async fn what_sometimes_holds_does_on_a_retry() {
    let marker = super::scratch("held");
    sometimes!(marker.exists(), "the marker is there");
    std::fs::write(marker, "").unwrap();
}

#[chaos_test]
async fn what_has_to_be_reached_is_not(cx: Chaos) {
    cx.must_reach("the fallback");
    cx.must_reach("the ordinary way");
    reachable!("the ordinary way");
}
