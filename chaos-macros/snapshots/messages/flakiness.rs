#[chaos_test(flaky())]
async fn empty(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = 0.3))]
async fn rate_above_its_band(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = 0.04))]
async fn rate_below_its_band(cx: Chaos) {}

#[chaos_test(very_flaky(expected_rate = 0.51))]
async fn very_high_rate(cx: Chaos) {}

#[chaos_test(very_flaky(expected_rate = 0.1))]
async fn rate_too_low_for_very_flaky(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = 10))]
async fn percentage(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = 10%))]
async fn percentage_with_a_sign(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = -0.1))]
async fn negative(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = "0.1", reason = 7))]
async fn types_exchanged(cx: Chaos) {}

#[chaos_test(flaky(expected_rate = 0.1f32))]
async fn with_a_suffix(cx: Chaos) {}

#[chaos_test(flaky(reason, expected_rate))]
async fn without_values(cx: Chaos) {}

#[chaos_test(flaky(reason = "", reason = "the network"))]
async fn repeated(cx: Chaos) {}

#[chaos_test(flaky(rate = 0.1, reson = "..", colour = "red", "the network"))]
async fn unknown_details(cx: Chaos) {}
