#[chaos_test(retries = 1, retries = 2)]
async fn repeated(cx: Chaos) {}

#[chaos_test(flaky, very_flaky, may_fail, must_pass)]
async fn contradictory(cx: Chaos) {}

#[chaos_test(very_flaky, flaky(reason = "the network"), must_pass, may_fail, exclusive, exclusive)]
async fn contradictory_the_other_way_round(cx: Chaos) {}
