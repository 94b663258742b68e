//! `[watch]`: from when on the machine is to blame for a failure, and what is done about it.

use std::time::Duration;

use chaos_core::probability::Probability;

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// As many attempts more may be made of a test whose attempts the machine could not carry.
pub(crate) const MOST_RETRIES: u64 = 10;

/// The settings of the resource watch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Watch {
    /// Whether failures are excused at all.
    pub(crate) enabled: Option<Located<bool>>,
    /// How many more attempts are made of a test whose attempts the machine could not carry.
    pub(crate) retries: Option<Located<u64>>,
    /// How long the machine is given to become quiet before each of them.
    pub(crate) quiet_within: Option<Located<Duration>>,
    pub(crate) scheduling_delay: Option<Located<Duration>>,
    pub(crate) starved: Option<Located<Probability>>,
    pub(crate) steal: Option<Located<Probability>>,
    pub(crate) throttled: Option<Located<Probability>>,
    pub(crate) memory_stalled: Option<Located<Probability>>,
    pub(crate) memory_available: Option<Located<Probability>>,
    pub(crate) descriptors: Option<Located<Probability>>,
}

impl Section for Watch {
    const NAME: &'static str = "watch";

    fn read(table: &mut Table<'_>) -> Self {
        let (millisecond, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
        Self {
            enabled: table.flag("enabled"),
            retries: table.count("retries", 0..=MOST_RETRIES),
            quiet_within: table.duration("quiet-within", Duration::ZERO..=hour),
            scheduling_delay: table.duration("scheduling-delay", millisecond..=hour),
            starved: table.share("starved"),
            steal: table.share("steal"),
            throttled: table.share("throttled"),
            memory_stalled: table.share("memory-stalled"),
            memory_available: table.share("memory-available"),
            descriptors: table.share("descriptors"),
        }
    }
}
