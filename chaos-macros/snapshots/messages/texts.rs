#[chaos_test(domain)]
async fn without_a_value(cx: Chaos) {}

#[chaos_test(domain = "")]
async fn empty(cx: Chaos) {}

#[chaos_test(domain = "  ")]
async fn blank(cx: Chaos) {}

#[chaos_test(domain = network)]
async fn without_quotes(cx: Chaos) {}

#[chaos_test(domain = 7)]
async fn a_number(cx: Chaos) {}

#[chaos_test(domain("network"))]
async fn in_parentheses(cx: Chaos) {}
