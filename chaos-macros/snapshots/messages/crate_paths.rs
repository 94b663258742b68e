#[chaos_test(crate)]
async fn without_a_value(cx: Chaos) {}

#[chaos_test(crate = "my_crate::chaos_harness")]
async fn in_quotes(cx: Chaos) {}

#[chaos_test(crate = my_crate::<chaos>)]
async fn no_path(cx: Chaos) {}
