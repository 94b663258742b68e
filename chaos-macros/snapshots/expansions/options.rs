#[chaos_test(retries = 3, flaky)]
async fn some(cx: Chaos) {}

#[chaos_test(
    retries = 0,
    very_flaky(reason = "the network", expected_rate = 0.5),
    timeout = "1.5s",
    domain = "network",
    must_pass,
    seed = 0xFF,
    requires(root, redis),
    exclusive,
    crate = crate::reexport::chaos_harness,
)]
async fn all(cx: Chaos) {}

#[chaos_test(may_fail, flaky(expected_rate = 0.05))]
async fn others(cx: Chaos) {}
