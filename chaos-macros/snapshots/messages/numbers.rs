#[chaos_test(retries)]
async fn without_a_value(cx: Chaos) {}

#[chaos_test(retries =, seed =)]
async fn without_a_value_behind_the_sign(cx: Chaos) {}

#[chaos_test(retries(3), seed { 3 })]
async fn in_parentheses(cx: Chaos) {}

#[chaos_test(retries = -1, seed = -1)]
async fn negative(cx: Chaos) {}

#[chaos_test(retries = 101, seed = 18446744073709551616)]
async fn too_large(cx: Chaos) {}

#[chaos_test(retries = 99999999999999999999)]
async fn larger_than_the_type(cx: Chaos) {}

#[chaos_test(retries = 1.5, seed = 1e3)]
async fn fractions(cx: Chaos) {}

#[chaos_test(retries = "3", seed = true)]
async fn of_another_type(cx: Chaos) {}

#[chaos_test(retries = 3u8, seed = 7_i64)]
async fn with_a_suffix(cx: Chaos) {}

#[chaos_test(retries = RETRIES, seed = 6 * 7)]
async fn not_literal(cx: Chaos) {}

#[chaos_test(retries: 3)]
async fn with_a_colon(cx: Chaos) {}
