//! The tests of this binary, as `#[chaos_test]` registers them.
//!
//! The attribute expands to one `static` of [`TestCase`] and hands it to `inventory`, which collects
//! them before `main`. The order of registration is not specified, so tests are sorted by name.

use std::pin::Pin;
use std::time::Duration;

use chaos_core::{Chaos, TestError};

/// What a test does: set its parameters up, run, and convert what it returned.
pub type TestFuture = Pin<Box<dyn Future<Output = Result<(), TestError>>>>;

/// One test, as the attribute describes it.
#[derive(Debug)]
pub struct TestCase {
    /// `module_path!()`, the name of the crate included.
    pub module: &'static str,
    /// The name of the function, without `r#`.
    pub function: &'static str,
    /// The file, as `file!()` gives it.
    pub file: &'static str,
    /// The line of the function's name.
    pub line: u32,
    /// The column of the function's name.
    pub column: u32,
    /// The documentation of the function: the risk that the test covers.
    pub description: &'static str,
    /// What its history recognises it by: a hash of its tokens and of the options that an attempt depends
    /// on. A change begins new evidence. 0 for a test that has none.
    pub fingerprint: u64,
    /// The options of the attribute.
    pub options: Options,
    /// Runs it.
    pub run: fn(Chaos) -> TestFuture,
}

impl TestCase {
    /// The name by which `cargo test`, nextest and IDEs know the test: `module::function`, without
    /// the name of the crate, and without the `r#` of raw identifiers.
    #[must_use]
    pub fn name(&self) -> String {
        // Of the function, the raw form is gone already.
        match self.module.split_once("::") {
            Some((_, module)) => format!("{}::{}", module.replace("r#", ""), self.function),
            None => self.function.to_owned(),
        }
    }
}

/// The options of the attribute, and the attributes of the test beside it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many more attempts a failed test gets.
    pub retries: u32,
    /// Which failures get another attempt: a regular expression of their messages, or SQLSTATEs; absent
    /// for all.
    pub only_retry: Option<&'static str>,
    /// How long to wait before the first retry; doubled for each further one.
    pub backoff: Option<Duration>,
    /// How many attempts have to pass.
    pub min_passes: u32,
    /// On how many cases a property is tried; absent for a test that is none.
    pub cases: Option<u32>,
    /// How flaky the test says it is.
    pub declared: Declared,
    /// How long an attempt may take; absent for the default.
    pub timeout: Option<Duration>,
    /// The domain that the test belongs to, for reports and gates.
    pub domain: Option<&'static str>,
    /// Whether a failure fails the run.
    pub gate: Gate,
    /// The seed of the first attempt; absent for a random one.
    pub seed: Option<u64>,
    /// What the machine must have, or else the test is skipped.
    pub requires: &'static [&'static str],
    /// Whether the test runs alone.
    pub exclusive: bool,
    /// The ids of the requirements that the test covers.
    pub covers: &'static [&'static str],
    /// `#[ignore]`, with its reason.
    pub ignore: Option<&'static str>,
    /// `#[should_panic]`.
    pub should_panic: Option<ShouldPanic>,
}

impl Options {
    /// What an attribute without options means.
    pub const DEFAULT: Self = Self {
        retries: 0,
        only_retry: None,
        backoff: None,
        min_passes: 1,
        cases: None,
        declared: Declared::Stable,
        timeout: None,
        domain: None,
        gate: Gate::MustPass,
        seed: None,
        requires: &[],
        exclusive: false,
        covers: &[],
        ignore: None,
        should_panic: None,
    };
}

/// How flaky a test says it is. It is compared with what is measured, and changes no statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Declared {
    /// It fails on at most 5 % of first attempts.
    Stable,
    /// It fails on 5 to 20 % of first attempts.
    Flaky(Flakiness),
    /// It fails on 20 to 50 % of first attempts.
    VeryFlaky(Flakiness),
}

/// What a test says of its flakiness.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flakiness {
    /// Why it is flaky.
    pub reason: Option<&'static str>,
    /// Which share of its first attempts fails, between 0 and 1.
    pub expected_rate: Option<f64>,
}

impl Flakiness {
    /// Nothing but that it is.
    pub const UNEXPLAINED: Self = Self { reason: None, expected_rate: None };
}

/// Whether a failure of the test fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It does.
    MustPass,
    /// It is reported, and the run goes on to pass.
    MayFail,
}

/// `#[should_panic]`: the test passes if it panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShouldPanic {
    /// What the message of the panic must contain.
    pub expected: Option<&'static str>,
}

inventory::collect!(&'static TestCase);

/// All tests of this binary, sorted by name.
#[must_use]
pub fn all() -> Vec<&'static TestCase> {
    let mut cases: Vec<_> = inventory::iter::<&'static TestCase>.into_iter().copied().collect();
    cases.sort_by_cached_key(|case| case.name());
    cases
}

/// The test of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TestCase> {
    inventory::iter::<&'static TestCase>.into_iter().copied().find(|case| case.name() == name)
}
