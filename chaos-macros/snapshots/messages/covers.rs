#[chaos_test(covers = "N1")]
async fn a_text(cx: Chaos) {}

#[chaos_test(covers = ["N1", N2])]
async fn a_name(cx: Chaos) {}

#[chaos_test(covers = [])]
async fn nothing(cx: Chaos) {}

#[chaos_test(covers = ["N1", "N1"])]
async fn twice(cx: Chaos) {}

#[chaos_test(covers("N1"))]
async fn parentheses(cx: Chaos) {}
