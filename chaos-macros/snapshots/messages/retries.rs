#[chaos_test(retries = 2, only_retry = 40001)]
async fn sqlstate_without_quotes(cx: Chaos) {}

#[chaos_test(retries = 2, only_retry)]
async fn no_failures(cx: Chaos) {}

#[chaos_test(retries = 2, backoff = "0s")]
async fn no_pause(cx: Chaos) {}

#[chaos_test(retries = 2, backoff = 100)]
async fn no_unit(cx: Chaos) {}

#[chaos_test(retries = 2, retry_on = "40001")]
async fn another_name(cx: Chaos) {}

#[chaos_test(retries = 2, flaky(min_passes = 0))]
async fn no_pass(cx: Chaos) {}

#[chaos_test(retries = 2, flaky(min_passes = "two"))]
async fn no_number(cx: Chaos) {}

#[chaos_test(retries = 2, flaky(min_passes = 4))]
async fn more_passes_than_attempts(cx: Chaos) {}

#[chaos_test(retries = 2, flaky(passes_once, min_passes = 2))]
async fn two_numbers_of_passes() {}

#[chaos_test(retries = 2, flaky(passes_once = 2))]
async fn a_number_for_once() {}
