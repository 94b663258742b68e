#[::core::prelude::v1::test]
fn some() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_some)
}
static __chaos_test_some: ::chaos_harness::__private::TestCase = {
    async fn some(cx: Chaos) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_some
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "some",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 8930501181277785u64,
        options: ::chaos_harness::__private::Options {
            retries: 3u32,
            declared: ::chaos_harness::__private::Declared::Flaky(::chaos_harness::__private::Flakiness {
                reason: ::core::option::Option::None,
                expected_rate: ::core::option::Option::None,
            }),
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
                some(__fixture_0).await,
            )
        }),
    }
};
#[::core::prelude::v1::test]
fn all() {
    crate::reexport::chaos_harness::__private::run_under_libtest(&__chaos_test_all)
}
static __chaos_test_all: crate::reexport::chaos_harness::__private::TestCase = {
    async fn all(cx: Chaos) {}
    crate::reexport::chaos_harness::__private::inventory::submit! {
        & __chaos_test_all
    }
    crate::reexport::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "all",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 3695179812676478u64,
        options: crate::reexport::chaos_harness::__private::Options {
            retries: 0u32,
            declared: crate::reexport::chaos_harness::__private::Declared::VeryFlaky(crate::reexport::chaos_harness::__private::Flakiness {
                reason: ::core::option::Option::Some("the network"),
                expected_rate: ::core::option::Option::Some(0.5f64),
            }),
            timeout: ::core::option::Option::Some(
                ::core::time::Duration::new(1u64, 500000000u32),
            ),
            domain: ::core::option::Option::Some("network"),
            gate: crate::reexport::chaos_harness::__private::Gate::MustPass,
            seed: ::core::option::Option::Some(255u64),
            requires: &["root", "redis"],
            exclusive: true,
            ..crate::reexport::chaos_harness::__private::Options::DEFAULT
        },
        run: |__cx| ::std::boxed::Box::pin(async move {
            let __fixture_0 = <Chaos as crate::reexport::chaos_harness::__private::FixtureOfTest>::set_up(
                    &__cx,
                )
                .await
                .map_err(|error| crate::reexport::chaos_harness::__private::FixtureError::new(
                    "Chaos",
                    error,
                ))?;
            crate::reexport::chaos_harness::__private::ReturnedByTest::into_result(
                all(__fixture_0).await,
            )
        }),
    }
};
#[::core::prelude::v1::test]
fn others() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_others)
}
static __chaos_test_others: ::chaos_harness::__private::TestCase = {
    async fn others(cx: Chaos) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_others
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "others",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 8930501181277785u64,
        options: ::chaos_harness::__private::Options {
            declared: ::chaos_harness::__private::Declared::Flaky(::chaos_harness::__private::Flakiness {
                reason: ::core::option::Option::None,
                expected_rate: ::core::option::Option::Some(0.05f64),
            }),
            gate: ::chaos_harness::__private::Gate::MayFail,
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
                others(__fixture_0).await,
            )
        }),
    }
};
