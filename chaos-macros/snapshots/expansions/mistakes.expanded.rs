::core::compile_error! {
    "unknown option `retires`; did you mean `retries`?\nthe options are `retries = 3`, `only_retry = \"40001\"`, `backoff = \"100ms\"`, `cases = 64`, `workers = 4`, `flaky`, `very_flaky`, `timeout = \"30s\"`, `domain = \"network\"`, `must_pass`, `may_fail`, `seed = 42`, `requires(root, redis)`, `exclusive`, `covers = [\"N1\"]`, `crate = path::to::chaos_harness`"
}
::core::compile_error! {
    "`#[tokio::test]` would run this test a second time, without its faults; remove it: `#[chaos_test]` registers the test itself, and runs `async fn` and `fn` alike"
}
#[::core::prelude::v1::test]
fn wrong_options_leave_the_test() {
    ::chaos_harness::__private::run_under_libtest(
        &__chaos_test_wrong_options_leave_the_test,
    )
}
static __chaos_test_wrong_options_leave_the_test: ::chaos_harness::__private::TestCase = {
    async fn wrong_options_leave_the_test(cx: Chaos) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_wrong_options_leave_the_test
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "wrong_options_leave_the_test",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 1532083048063479u64,
        options: ::chaos_harness::__private::Options {
            seed: ::core::option::Option::Some(42u64),
            ..::chaos_harness::__private::Options::DEFAULT
        },
        run: |__cx| ::std::boxed::Box::pin(async move {
            let __fixture_0 = <Chaos as ::chaos_harness::__private::FixtureOfTest>::set_up(
                    &__cx,
                )
                .await
                .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                    "Chaos",
                    error,
                ))?;
            ::chaos_harness::__private::ReturnedByTest::into_result(
                wrong_options_leave_the_test(__fixture_0).await,
            )
        }),
    }
};
::core::compile_error! {
    "a chaos test cannot have generic parameters; the harness would not know what to put in their place"
}
#[allow(dead_code)]
async fn a_wrong_shape_leaves_the_function<T>(cx: Chaos) {}
