#[::core::prelude::v1::test]
fn alone() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_alone)
}
static __chaos_test_alone: ::chaos_harness::__private::TestCase = {
    async fn alone(plan: Plan<Op>) -> TestResult {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_alone
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "alone",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 7340469266797561u64,
        options: ::chaos_harness::__private::Options {
            cases: ::core::option::Option::Some(64u32),
            ..::chaos_harness::__private::Options::DEFAULT
        },
        run: |__cx| ::std::boxed::Box::pin(
            ::chaos_harness::__private::try_cases(
                __cx,
                64u32,
                1u32,
                async |__cx: ::chaos_harness::__private::Chaos, __plan: Plan<Op>| {
                    ::chaos_harness::__private::ReturnedByTest::into_result(
                        alone(__plan).await,
                    )
                },
            ),
        ),
    }
};
#[::core::prelude::v1::test]
fn between_fixtures() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_between_fixtures)
}
static __chaos_test_between_fixtures: ::chaos_harness::__private::TestCase = {
    async fn between_fixtures(cx: Chaos, plan: property::Plan<Op>, bank: Bank) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_between_fixtures
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "between_fixtures",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 3930136018613061u64,
        options: ::chaos_harness::__private::Options {
            cases: ::core::option::Option::Some(8u32),
            timeout: ::core::option::Option::Some(
                ::core::time::Duration::new(120u64, 0u32),
            ),
            ..::chaos_harness::__private::Options::DEFAULT
        },
        run: |__cx| ::std::boxed::Box::pin(
            ::chaos_harness::__private::try_cases(
                __cx,
                8u32,
                4u32,
                async |
                    __cx: ::chaos_harness::__private::Chaos,
                    __plan: property::Plan<Op>|
                {
                    let __fixture_0 = <Chaos as ::chaos_harness::__private::FixtureOfTest>::set_up(
                            &__cx,
                        )
                        .await
                        .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                            "Chaos",
                            error,
                        ))?;
                    let __fixture_2 = <Bank as ::chaos_harness::__private::FixtureOfTest>::set_up(
                            &__cx,
                        )
                        .await
                        .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                            "Bank",
                            error,
                        ))?;
                    ::chaos_harness::__private::ReturnedByTest::into_result(
                        between_fixtures(__fixture_0, __plan, __fixture_2).await,
                    )
                },
            ),
        ),
    }
};
