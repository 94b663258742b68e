//! The `#[chaos_test]` attribute. Depend on `chaos-harness`, which re-exports it; see [`macro@chaos_test`]
//! for its options.
//!
//! # Map of the code
//!
//! * `options` reads the options of the attribute, with `option_entry`, `option_name`, `literal`,
//!   `flakiness`, `duration` and `requirement` for their parts. A wrong option is noted in `errors`
//!   and left at its default, so that all mistakes are reported at once.
//! * `function` reads the function up to its body, which is passed on unparsed; `attributes`,
//!   `test_attribute` and `description` handle the attributes above it.
//! * `fingerprint` identifies the test in its history; `expansion` writes the output.
//!
//! Everything works on `proc_macro2`, so the tests need no compiler: `snapshots/messages` has every
//! message at its place, `snapshots/expansions` every form of test and its expansion.

mod attributes;
mod compact;
mod description;
mod duration;
mod errors;
mod expansion;
mod fingerprint;
mod flakiness;
mod function;
mod literal;
mod option_entry;
mod option_name;
mod options;
mod requirement;
mod suggestion;
mod test_attribute;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use quote::ToTokens;

/// Registers a function as a chaos test.
///
/// ```
/// use chaos_harness::prelude::*;
///
/// /// Money is neither made nor lost while the connection is slow.
/// #[chaos_test(retries = 3, timeout = "30s", domain = "network")]
/// async fn transfers_conserve_money(cx: Chaos) -> TestResult {
///     let pg = cx.postgres().await?;
///     // ...
///     Ok(())
/// }
/// ```
///
/// In a test file with `harness = false`, `chaos_harness::main!()` finds and runs the test. The attribute
/// also makes an ordinary `#[test]` function of the same name, so that editors offer to run it, and so
/// that it runs among the unit tests of `src/`, and where `harness = false` was forgotten.
///
/// # The function
///
/// It is an `async fn` or a `fn`, and returns nothing, `TestResult`, or any `Result<(), E>` whose error
/// implements `Display`. Its documentation is the test's description in reports: say which
/// risk it covers.
///
/// The *type* of each parameter selects what the test is given: `Chaos`, or any type that
/// implements `Fixture`. Parameters come by value and are set up one after another; if the set-up of one
/// fails, the attempt fails as `fixture` and the body does not run.
///
/// ```
/// use chaos_harness::prelude::*;
///
/// /// An account that exists before the test begins.
/// struct Account {
///     number: u64,
/// }
///
/// impl Fixture for Account {
///     async fn set_up(cx: &Chaos) -> TestResult<Self> {
///         Ok(Self { number: cx.seed().0 })
///     }
/// }
///
/// #[chaos_test]
/// fn accounts_have_numbers(account: Account, _cx: Chaos) -> Result<(), String> {
///     if account.number == 0 { Err("an account has no number".to_owned()) } else { Ok(()) }
/// }
/// ```
///
/// The function cannot be generic, a method, `const`, `unsafe` or `extern`. One test cannot call
/// another, because its name belongs to the `#[test]` function: put shared code into a function.
///
/// # Options
///
/// All are optional, their values are literals, and their order does not matter.
///
/// | option | default | meaning |
/// |---|---|---|
/// | `retries = 3` | 0 | how many further attempts a failed test gets, 0 to 100; so `3` means up to four attempts |
/// | `only_retry = "40001\|40P01"` | every failure | which failures are retried: SQLSTATEs, or a regular expression of the kind of failure and its message, such as `"^timed out"` |
/// | `backoff = "100ms"` | none | the pause before the first retry; doubled for each further one, up to 30 s, and shortened by up to a half at random |
/// | `cases = 64` | no property | on how many cases a property is tried, 1 to 1000000; the test takes the plan of a case: see *Properties* |
/// | `workers = 4` | 1 | with `cases`: up to how many workers carry out the operations of a plan at once |
/// | `flaky` | not flaky | declares that 5 % to 20 % of first attempts fail; changes no verdict and no statistics, but is compared with what is measured |
/// | `very_flaky` | not flaky | the same for 20 % to 50 % |
/// | `timeout = "30s"` | the harness's | how long one attempt may take, more than zero, in `us`, `ms`, `s`, `m` or `h` |
/// | `domain = "network"` | none | the domain under which reports and gates count the test |
/// | `must_pass` | the default | a failure fails the run |
/// | `may_fail` | | a failure is reported, and the run can pass |
/// | `seed = 42` | random | the seed of the first attempt, 0 to 2⁶⁴ - 1; `CHAOS_SEED` overrides it |
/// | `requires(root, redis, packet_faults)` | nothing | what the machine must have, or else the test is skipped with the reason: `root` (the superuser), `redis` (the server's program), `packet_faults` (a kernel that lets packets be broken) |
/// | `covers = ["N1", "T6"]` | nothing | the ids of the requirements that the test covers, for `--chaos-coverage` |
/// | `exclusive` | | no other test runs at the same time |
/// | `crate = path` | `::chaos_harness` | where chaos-harness is, for a crate that re-exports it or has renamed it |
///
/// `flaky(..)` and `very_flaky(..)` take these parts, all optional:
///
/// * `reason = ".."`, a text;
/// * `expected_rate = 0.1`, the share of first attempts that fail, within the band (0.05 to 0.20, or
///   0.20 to 0.50); it is compared with what is measured;
/// * what counts as a pass: `passes_once`, which is the default, or `min_passes = 2`, the number of
///   attempts that have to pass.
///
/// ```
/// use chaos_harness::prelude::*;
///
/// #[chaos_test(
///     retries = 2,
///     flaky(reason = "the primary may be elected twice", expected_rate = 0.1),
///     timeout = "1.5m",
///     may_fail,
///     requires(redis),
///     exclusive,
/// )]
/// async fn the_cache_follows_the_primary(cx: Chaos) -> TestResult {
///     // ...
///     Ok(())
/// }
/// ```
///
/// # Properties
///
/// A test with `cases` takes a `Plan` of operations, and is called for each run of a case, with new
/// fixtures each time: see `chaos_harness::property`. The type of the operations implements proptest's
/// `Arbitrary` and serde's `Serialize` and `Deserialize`: an enum of yours, or a tuple.
///
/// ```
/// use chaos_harness::prelude::*;
///
/// /// Whatever is doubled is twice as much, whatever message the connection dies at.
/// #[chaos_test(cases = 64)]
/// async fn numbers_are_doubled(cx: Chaos, plan: Plan<(i32, bool)>) -> TestResult {
///     let pg = cx.postgres().await?;
///     let pool = pg.pool(plan.pool_size())?;
///     plan.run(&pg, async |(number, _)| -> TestResult {
///         let row = pool.get().await?.query_one("SELECT 2 * $1::bigint", &[&i64::from(number)]).await?;
///         cx.check("doubled", row.get::<_, i64>(0), 2 * i64::from(number))
///     })
///     .await?;
///     Ok(())
/// }
/// ```
///
/// Its `timeout` is for all cases together; the time in which a failing case is made smaller
/// (`CHAOS_SHRINK_SECS`) comes on top. One run of a case may take a quarter of that sum.
///
/// # In a crate that re-exports chaos-harness
///
/// The option `crate` says where it is:
///
/// ```
/// mod testing {
///     pub use chaos_harness as chaos;
/// }
///
/// use testing::chaos::prelude::*;
///
/// # mod tests {
/// # use super::*;
/// #[chaos_test(crate = crate::testing::chaos)]
/// fn nothing_is_named_in_the_manifest() {}
/// # }
/// # fn main() {}
/// ```
///
/// # Attributes beside it
///
/// * `#[ignore]` and `#[ignore = "reason"]` work as they do for `#[test]`.
/// * `#[should_panic]` and `#[should_panic(expected = "text")]` too, and the test may return a
///   `Result`: an `Err` is not a panic, so the test fails with it.
/// * `#[cfg(..)]` removes the test, and `#[cfg_attr(..)]` may hold any of these attributes.
/// * Everything else stays on the function.
///
/// Other test attributes (`#[test]`, `#[tokio::test]`, `#[rstest]`, ..) below or above it are an error,
/// because they would run the test a second time. A plain `#[test]` *above* it cannot be detected: with
/// `harness = false` the compiler removes it together with the test first.
#[proc_macro_attribute]
pub fn chaos_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(options.into(), item.into()).into_token_stream().into()
}
