//! `[gates]`: what a run as a whole has to come to, beside each test.

use std::ops::RangeInclusive;
use std::time::Duration;

use chaos_core::probability::Probability;

use super::binaries::Binaries;
use super::document::Located;
use super::sections::Section;
use super::table::Table;

const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

/// The gates.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Gates {
    /// Those of all tests together.
    pub(crate) all: Limits,
    /// Those of the tests of one domain, by its name.
    pub(crate) domains: Vec<Located<(String, Limits, Binaries)>>,
}

/// What tests have to come to together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Limits {
    /// At least this share of the tests that were judged has passed.
    pub(crate) pass_rate: Option<Located<Probability>>,
    /// At most this share of the tests is flaky, very flaky or broken by its history.
    pub(crate) flaky: Option<Located<Probability>>,
    /// No fault took longer to recover from.
    pub(crate) recovery: Option<Located<Duration>>,
    /// At most this many tests had a fault that touched nothing, or did not bring about what they are
    /// for.
    pub(crate) vacuous: Option<Located<u64>>,
    /// Whether a test may be flaky by its history without saying so.
    pub(crate) undeclared_flaky: Option<Located<bool>>,
    /// At most this many baselines became slower.
    pub(crate) baseline_regressions: Option<Located<u64>>,
}

impl Limits {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            pass_rate: table.share("pass-rate"),
            flaky: table.share("flaky"),
            recovery: table.duration("recovery", TIMES),
            vacuous: table.count("vacuous", 0..=1_000_000),
            undeclared_flaky: table.flag("undeclared-flaky"),
            baseline_regressions: table.count("baseline-regressions", 0..=1_000_000),
        }
    }
}

impl Section for Gates {
    const NAME: &'static str = "gates";

    fn read(table: &mut Table<'_>) -> Self {
        Self {
            all: Limits::read(table),
            domains: table.named_tables("domains", |name, table| {
                (name.to_owned(), Limits::read(table), Binaries::read(table))
            }),
        }
    }
}
