#[cfg_attr(windows, cfg(feature = "windows"))]
#[cfg_attr(windows, ignore = "needs signals")]
#[cfg_attr(all(unix, feature = "slow"), ignore)]
#[::core::prelude::v1::test]
fn conditional() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_conditional)
}
#[cfg_attr(windows, cfg(feature = "windows"))]
static __chaos_test_conditional: ::chaos_harness::__private::TestCase = {
    #[cfg_attr(unix, inline)]
    async fn conditional(cx: Chaos) {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_conditional
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "conditional",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: "",
        fingerprint: 8470472051443482u64,
        options: ::chaos_harness::__private::Options {
            ignore: if ::core::cfg!(windows) {
                ::core::option::Option::Some("needs signals")
            } else {
                if ::core::cfg!(all(unix, feature = "slow")) {
                    ::core::option::Option::Some("")
                } else {
                    ::core::option::Option::None
                }
            },
            should_panic: if ::core::cfg!(windows) {
                ::core::option::Option::Some(::chaos_harness::__private::ShouldPanic {
                    expected: ::core::option::Option::None,
                })
            } else {
                ::core::option::Option::None
            },
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
                conditional(__fixture_0).await,
            )
        }),
    }
};
#[doc = include_str!("risk.md")]
#[ignore]
#[::core::prelude::v1::test]
fn documented_elsewhere() {
    ::chaos_harness::__private::run_under_libtest(&__chaos_test_documented_elsewhere)
}
static __chaos_test_documented_elsewhere: ::chaos_harness::__private::TestCase = {
    #[doc = include_str!("risk.md")]
    fn documented_elsewhere() {}
    ::chaos_harness::__private::inventory::submit! {
        & __chaos_test_documented_elsewhere
    }
    ::chaos_harness::__private::TestCase {
        module: ::core::module_path!(),
        function: "documented_elsewhere",
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
        description: ::core::concat!(include_str!("risk.md"), "\n").trim_ascii(),
        fingerprint: 2706557649106119u64,
        options: ::chaos_harness::__private::Options {
            ignore: ::core::option::Option::Some(""),
            should_panic: ::core::option::Option::Some(::chaos_harness::__private::ShouldPanic {
                expected: ::core::option::Option::None,
            }),
            ..::chaos_harness::__private::Options::DEFAULT
        },
        run: |__cx| ::std::boxed::Box::pin(async move {
            ::chaos_harness::__private::ReturnedByTest::into_result(
                documented_elsewhere(),
            )
        }),
    }
};
