#[chaos_test(retires = 3)]
async fn misspelt(cx: Chaos) {}

#[chaos_test(retry = 3, deadline = "3s", serial, Flaky, colour)]
async fn named_as_elsewhere(cx: Chaos) {}

#[chaos_test(ignore = "slow", should_panic)]
async fn attributes_of_their_own(cx: Chaos) {}

#[chaos_test("retries", 3, , !flaky)]
async fn no_names(cx: Chaos) {}
