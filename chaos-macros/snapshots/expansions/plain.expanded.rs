#[::core::prelude::v1::test]
fn with_the_context() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_with_the_context)
}
static __chaos_test_with_the_context: ::chaos_harness::__private::TestCase = {
    async fn with_the_context(cx: Chaos) -> TestResult {
        cx.postgres().await?;
        Ok(())
    }
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_with_the_context
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "with_the_context",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 4996042930571086u64,
        options: ::chaos_harness::__private::Options::DEFAULT,
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
                with_the_context(__fixture_0).await,
            )
        }),
    }
};
#[::core::prelude::v1::test]
fn without_anything() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_without_anything)
}
static __chaos_test_without_anything: ::chaos_harness::__private::TestCase = {
    fn without_anything() {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_without_anything
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "without_anything",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 7821902020464740u64,
        options: ::chaos_harness::__private::Options::DEFAULT,
        run: |__cx| ::std::boxed::Box::pin(async move {
            ::chaos_harness::__private::ReturnedByTest::into_result(without_anything())
        }),
    }
};
#[::core::prelude::v1::test]
fn with_fixtures() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_with_fixtures)
}
static __chaos_test_with_fixtures: ::chaos_harness::__private::TestCase = {
    async fn with_fixtures(
        mut cx: Chaos,
        Pair(a, b): Pair<Vec<u8>>,
        _: Ledger,
    ) -> Result<(), String> {
        Ok(())
    }
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_with_fixtures
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "with_fixtures",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 6170241787411186u64,
        options: ::chaos_harness::__private::Options::DEFAULT,
        run: |__cx| ::std::boxed::Box::pin(async move {
            let __fixture_0 = <Chaos as ::chaos_harness::__private::FixtureOfTest>::set_up(
                    &__cx,
                )
                .await
                .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                    "Chaos",
                    error,
                ))?;
            let __fixture_1 = <Pair<
                Vec<u8>,
            > as ::chaos_harness::__private::FixtureOfTest>::set_up(&__cx)
                .await
                .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                    "Pair<Vec<u8>>",
                    error,
                ))?;
            let __fixture_2 = <Ledger as ::chaos_harness::__private::FixtureOfTest>::set_up(
                    &__cx,
                )
                .await
                .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                    "Ledger",
                    error,
                ))?;
            ::chaos_harness::__private::ReturnedByTest::into_result(
                with_fixtures(__fixture_0, __fixture_1, __fixture_2).await,
            )
        }),
    }
};
#[::core::prelude::v1::test]
pub(crate) fn r#try() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_try)
}
static __chaos_test_try: ::chaos_harness::__private::TestCase = {
    async fn r#try(#[cfg(unix)] cx: Chaos) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_try
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "try",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 8888836238755908u64,
        options: ::chaos_harness::__private::Options::DEFAULT,
        run: |__cx| ::std::boxed::Box::pin(async move {
            #[cfg(unix)]
            let __fixture_0 = <Chaos as ::chaos_harness::__private::FixtureOfTest>::set_up(
                    &__cx,
                )
                .await
                .map_err(|error| ::chaos_harness::__private::FixtureError::new(
                    "Chaos",
                    error,
                ))?;
            ::chaos_harness::__private::ReturnedByTest::into_result(
                r#try(#[cfg(unix)] __fixture_0).await,
            )
        }),
    }
};
