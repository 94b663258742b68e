#[chaos_test(exclusive = true)]
async fn with_a_value(cx: Chaos) {}

#[chaos_test(must_pass = false)]
async fn switched_off(cx: Chaos) {}

#[chaos_test(may_fail("sometimes"))]
async fn with_a_list(cx: Chaos) {}

#[chaos_test(flaky = true)]
async fn flaky_with_a_value(cx: Chaos) {}

#[chaos_test(very_flaky = 0.3)]
async fn very_flaky_with_a_rate(cx: Chaos) {}
