//! `#[chaos_test]` on functions of every shape, in a file whose harness is libtest.
//!
//! The lints below would stop the build if an expansion needed a licence that users do not give.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, unused_qualifications, unreachable_pub)]
#![deny(nonstandard_style, let_underscore_drop, missing_debug_implementations)]
#![deny(clippy::all, clippy::pedantic)]
#![allow(
    clippy::ignore_without_reason,
    clippy::non_minimal_cfg,
    clippy::unused_async,
    reason = "what is tested here is that these work"
)]

use std::fmt;
use std::time::Duration;

use chaos_harness::core::journal::Journal;
use chaos_harness::core::seed::Seed;
use chaos_harness::prelude::*;
use chaos_harness::registry::{self, Declared, Flakiness, Gate, Options, ShouldPanic, TestCase};
use chaos_harness::{Fixture, FixtureError};

/// A fixture that remembers for which attempt it was set up.
#[derive(Debug)]
struct Ledger {
    seed: Seed,
}

impl Fixture for Ledger {
    async fn set_up(cx: &Chaos) -> TestResult<Self> {
        tokio::task::yield_now().await;
        Ok(Self { seed: cx.seed() })
    }
}

/// A fixture that cannot be set up.
#[derive(Debug)]
struct Absent<T>(std::marker::PhantomData<T>);

impl<T> Fixture for Absent<T> {
    async fn set_up(_cx: &Chaos) -> TestResult<Self> {
        Err("there is none".into())
    }
}

/// An error that can be shown and is nothing else.
struct Shown(&'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[chaos_test]
fn nothing_at_all() {}

/// Money is kept.
///
///   * Always.
#[chaos_test(retries = 3, flaky(reason = "the network", expected_rate = 0.1))]
async fn documented(_cx: Chaos) -> TestResult {
    Ok(())
}

#[chaos_test(
    timeout = "1.5s",
    domain = "network",
    may_fail,
    seed = 0xFFFF_FFFF_FFFF_FFFF,
    requires(root, redis),
    exclusive,
    very_flaky
)]
async fn every_option() {
    tokio::task::yield_now().await;
}

#[chaos_test]
#[ignore = "it fails, so that its error can be seen below"]
async fn fixtures(mut a: Ledger, Ledger { seed }: Ledger, _: Chaos) -> Result<(), Shown> {
    a.seed = Seed(a.seed.0 + 1);
    tokio::task::yield_now().await;
    if a.seed.0 == seed.0 + 1 { Err(Shown("as it should be")) } else { Ok(()) }
}

#[chaos_test]
#[ignore = "it fails, so that its error can be seen below"]
async fn fixture_fails(_cx: Chaos, _absent: Absent<Vec<u8>>) {
    unreachable!("it has no fixture");
}

#[chaos_test]
#[ignore = "it fails, so that its error can be seen below"]
fn returns_text(cx: Chaos) -> Result<(), String> {
    Err(format!("seed {}", cx.seed().0))
}

#[chaos_test]
#[ignore = "slow"]
fn ignored_with_a_reason() {}

#[chaos_test]
#[ignore]
fn ignored() {}

#[chaos_test]
#[should_panic(expected = "out of money")]
async fn panics(_cx: Chaos) -> TestResult {
    panic!("out of money, again");
}

#[chaos_test]
#[cfg_attr(all(), ignore = "here", should_panic)]
#[cfg_attr(any(), doc = "never seen")]
fn conditional_attributes() {
    panic!("as it should");
}

#[chaos_test]
#[cfg_attr(any(), ignore = "elsewhere", should_panic)]
#[doc = include_str!("text/description.txt")]
#[allow(non_snake_case, clippy::missing_panics_doc)]
pub async fn Oddly_Named(#[cfg(any())] _gone: Missing, #[cfg(all())] cx: Chaos) {
    assert!(cx.seed() == cx.seed(), "a parameter that is configured in is there");
}

#[chaos_test]
#[cfg(any())]
fn configured_out(cx: DoesNotExist) -> DoesNotExist {
    does_not_exist()
}

#[cfg(any())]
#[chaos_test(nonsense)]
fn configured_out_above() {}

#[chaos_test]
fn r#try() {}

#[chaos_test]
#[expect(unused_variables)]
fn expects_a_lint(cx: Chaos) {}

#[doc = concat!("Written by", " a macro.")]
#[chaos_test]
fn documented_by_a_macro() {}

/// Registers a test under a name, with a body, of a type and with options that the caller chooses.
macro_rules! made_by_a_macro {
    ($name:ident, $fixture:ty, $retries:literal, $reason:literal, $body:block) => {
        #[chaos_test(retries = $retries, domain = $reason)]
        #[ignore = $reason]
        #[doc = $reason]
        async fn $name(_fixture: $fixture) $body
    };
}

made_by_a_macro!(from_a_macro, Ledger, 7, "made", { tokio::task::yield_now().await });

mod bank {
    //! A module, in which names lead elsewhere.

    use super::{Chaos, TestResult, chaos_test};

    // What an expansion must not stumble over.
    #[allow(dead_code)]
    mod std {}
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    mod chaos_harness {}
    #[allow(dead_code)]
    type Box = ();
    #[allow(dead_code)]
    type Option = ();

    pub(super) mod r#final {
        use super::super::*;

        #[chaos_test]
        async fn deep(_: Ledger) {
            super::helper().await;
        }
    }

    async fn helper() {
        tokio::task::yield_now().await;
    }

    #[chaos_test]
    async fn transfers(cx: Chaos) -> TestResult {
        helper().await;
        drop(cx);
        Ok(())
    }
}

/// The path of the harness where a crate exports it under another name.
mod reexport {
    pub(super) use ::chaos_harness as broken_things;
}

#[chaos_test(crate = crate::reexport::broken_things)]
fn through_a_reexport(_: Chaos) {}

/// The test of this name; there has to be exactly one.
fn case(name: &str) -> &'static TestCase {
    let cases: Vec<_> = registry::all().into_iter().filter(|case| case.name() == name).collect();
    assert_eq!(cases.len(), 1, "tests of the name {name}: {cases:#?}");
    cases[0]
}

/// Runs the test of this name, as the harness would.
async fn run(name: &str) -> TestResult {
    (case(name).run)(Chaos::new(Seed(1), Journal::in_memory())).await
}

#[test]
fn every_test_is_registered_under_its_path_without_the_crate() {
    let names: Vec<_> = registry::all().into_iter().map(TestCase::name).collect();
    let mut expected = [
        "Oddly_Named",
        "bank::final::deep",
        "bank::transfers",
        "conditional_attributes",
        "documented",
        "documented_by_a_macro",
        "every_option",
        "expects_a_lint",
        "fixture_fails",
        "fixtures",
        "from_a_macro",
        "ignored",
        "ignored_with_a_reason",
        "nested_in_a_function",
        "nothing_at_all",
        "panics",
        "returns_text",
        "through_a_reexport",
        "try",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_test_knows_the_place_of_its_name() {
    let documented = case("documented");
    let source = include_str!("chaos_test_attribute.rs");
    let at = source.lines().nth(documented.line as usize - 1).expect("a line of this file");
    assert_eq!(&at[documented.column as usize - 1..][.."documented".len()], "documented");
    assert_eq!(documented.file, file!());
    assert_eq!(documented.module, module_path!());
    assert_eq!(case("try").column, 4, "the column of `r#try`");
}

#[test]
fn the_documentation_is_the_description() {
    assert_eq!(case("documented").description, "Money is kept.\n\n  * Always.");
    assert_eq!(case("documented_by_a_macro").description, "Written by a macro.");
    assert_eq!(case("from_a_macro").description, "made");
    assert_eq!(case("Oddly_Named").description, "A description in a file of its own.");
    assert_eq!(case("nothing_at_all").description, "");
}

/// The options as text, for want of a comparison.
fn text(options: &Options) -> String {
    format!("{options:?}")
}

#[test]
fn options_reach_the_registry() {
    let explained = Flakiness { reason: Some("the network"), expected_rate: Some(0.1) };
    let expected = Options { retries: 3, declared: Declared::Flaky(explained), ..Options::DEFAULT };
    assert_eq!(text(&case("documented").options), text(&expected));

    let expected = Options {
        timeout: Some(Duration::from_millis(1500)),
        domain: Some("network"),
        gate: Gate::MayFail,
        seed: Some(u64::MAX),
        requires: &["root", "redis"],
        exclusive: true,
        declared: Declared::VeryFlaky(Flakiness::UNEXPLAINED),
        ..Options::DEFAULT
    };
    assert_eq!(text(&case("every_option").options), text(&expected));

    let expected =
        Options { retries: 7, domain: Some("made"), ignore: Some("made"), ..Options::DEFAULT };
    assert_eq!(text(&case("from_a_macro").options), text(&expected));
    assert_eq!(text(&case("nothing_at_all").options), text(&Options::DEFAULT));
}

#[test]
fn ignore_and_should_panic_become_options_where_their_condition_holds() {
    assert_eq!(case("ignored_with_a_reason").options.ignore, Some("slow"));
    assert_eq!(case("ignored").options.ignore, Some(""));
    let expected = ShouldPanic { expected: Some("out of money") };
    assert_eq!(case("panics").options.should_panic, Some(expected));

    let holds = case("conditional_attributes");
    assert_eq!(holds.options.ignore, Some("here"));
    assert_eq!(holds.options.should_panic, Some(ShouldPanic { expected: None }));
    assert_eq!(text(&case("Oddly_Named").options), text(&Options::DEFAULT));
}

#[tokio::test]
async fn what_a_test_returns_is_its_result() {
    run("nothing_at_all").await.expect("it returns nothing");
    run("documented").await.expect("it returns `Ok`");
    run("Oddly_Named").await.expect("it returns nothing");
    run("bank::final::deep").await.expect("it returns nothing");
    run("bank::transfers").await.expect("it returns `Ok`");
    run("through_a_reexport").await.expect("it returns nothing");
    run("from_a_macro").await.expect("it returns nothing");
    let error = run("returns_text").await.expect_err("it returns a text");
    assert_eq!(error.to_string(), "seed 1");
}

#[tokio::test]
async fn fixtures_are_selected_by_type_and_set_up_with_the_context() {
    let error = run("fixtures").await.expect_err("it ends with an error");
    assert_eq!(error.to_string(), "as it should be");
    assert!(!error.is::<FixtureError>(), "this is the test's own error");
}

#[tokio::test]
async fn a_fixture_that_cannot_be_set_up_is_told_from_a_test_that_fails() {
    let error = run("fixture_fails").await.expect_err("its fixture fails");
    assert_eq!(error.to_string(), "the fixture `Absent<Vec<u8>>`: there is none");
    let error = error.downcast::<FixtureError>().expect("it is the fixture's error");
    assert_eq!(error.fixture, "Absent<Vec<u8>>");
    assert_eq!(error.source.to_string(), "there is none");
}

#[tokio::test]
#[should_panic(expected = "out of money, again")]
async fn a_panic_comes_out_of_the_future() {
    drop(run("panics").await);
}

#[test]
#[expect(unnameable_test_items, reason = "libtest cannot run what is in a function; we can")]
fn a_function_can_hold_a_test() {
    #[chaos_test]
    fn nested_in_a_function() {}

    assert_eq!(case("nested_in_a_function").function, "nested_in_a_function");
}
