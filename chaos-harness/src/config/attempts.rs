//! `[attempts]`: how long an attempt may take, how many there are, and their seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// How long an attempt may be allowed to take. Longer times would overflow the clocks that they are
/// added to, and nobody waits a year.
pub(crate) const TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(365 * 24 * 60 * 60);

/// How long may be waited before the first retry.
pub(crate) const BACKOFFS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(30);

/// As many retries as the attribute takes.
pub(crate) const MOST_RETRIES: u32 = 100;

/// The settings of attempts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attempts {
    /// How long an attempt may take.
    pub(crate) timeout: Option<Located<Duration>>,
    /// How many more attempts a failed test gets.
    pub(crate) retries: Option<Located<u64>>,
    /// Which failures get another attempt.
    pub(crate) only_retry: Option<Located<String>>,
    /// How long to wait before the first retry.
    pub(crate) backoff: Option<Located<Duration>>,
    /// How many attempts have to pass.
    pub(crate) min_passes: Option<Located<u64>>,
    /// Whether a retry forgives a violated check.
    pub(crate) forgive_violations: Option<Located<bool>>,
    /// The seed of the first attempt.
    pub(crate) seed: Option<Located<u64>>,
}

impl Section for Attempts {
    const NAME: &'static str = "attempts";

    fn read(table: &mut Table<'_>) -> Self {
        Self {
            timeout: table.duration("timeout", TIMEOUTS),
            retries: table.count("retries", 0..=u64::from(MOST_RETRIES)),
            only_retry: table.text("only-retry"),
            backoff: table.duration("backoff", BACKOFFS),
            min_passes: table.count("min-passes", 1..=u64::from(MOST_RETRIES) + 1),
            forgive_violations: table.flag("forgive-violations"),
            seed: table.count("seed", 0..=u64::MAX),
        }
    }
}
