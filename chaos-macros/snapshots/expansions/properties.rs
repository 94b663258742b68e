#[chaos_test(cases = 64)]
async fn alone(plan: Plan<Op>) -> TestResult {}

#[chaos_test(cases = 8, workers = 4, timeout = "2m")]
async fn between_fixtures(cx: Chaos, plan: property::Plan<Op>, bank: Bank) {}
