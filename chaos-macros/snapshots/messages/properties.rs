#[chaos_test(cases = 64)]
async fn without_a_plan(cx: Chaos) {}

#[chaos_test(workers = 4)]
async fn without_cases(cx: Chaos, plan: Plan<Op>) {}

#[chaos_test(cases = 64)]
async fn two_plans(cx: Chaos, one: Plan<Op>, two: property::Plan<Other>) {}

#[chaos_test(cases = 0, workers = 0)]
async fn of_nothing(cx: Chaos, plan: Plan<Op>) {}
