#[chaos_test(timeout)]
async fn without_a_value(cx: Chaos) {}

#[chaos_test(timeout = 30)]
async fn without_a_unit(cx: Chaos) {}

#[chaos_test(timeout = 30s)]
async fn without_quotes(cx: Chaos) {}

#[chaos_test(timeout = 1.5)]
async fn a_fraction(cx: Chaos) {}

#[chaos_test(timeout = "30")]
async fn text_without_a_unit(cx: Chaos) {}

#[chaos_test(timeout = "30 days")]
async fn another_unit(cx: Chaos) {}

#[chaos_test(timeout = "-1s")]
async fn negative(cx: Chaos) {}

#[chaos_test(timeout = "0s")]
async fn nothing(cx: Chaos) {}

#[chaos_test(timeout = Duration::from_secs(30))]
async fn an_expression(cx: Chaos) {}
