#[chaos_test(
    retires = 3,
    flaky,
    very_flaky,
    timeout = 30,
    requires(rot),
)]
#[ignore(slow)]
#[tokio::test]
async fn all_at_once<T>(cx: &Chaos) -> TestResult {
    Ok(())
}
