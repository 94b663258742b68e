//! `[load]`: how the load of tests is fitted to the machine.

use std::ops::RangeInclusive;

use super::document::Located;
use super::sections::Section;
use super::table::Table;

/// What a load may be multiplied with.
pub(crate) const MULTIPLIERS: RangeInclusive<f64> = 0.01..=100.0;

/// How many connections a pool may have: as many as a server of PostgreSQL may be set to.
pub(crate) const POOL_SIZES: RangeInclusive<u64> = 1..=262_143;

/// The settings of loads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Loads {
    /// What `cx.load(..)` multiplies numbers of clients with.
    pub(crate) multiplier: Option<Located<f64>>,
    /// What `cx.timeout(..)` multiplies times with.
    pub(crate) timeout_multiplier: Option<Located<f64>>,
    /// What `cx.pool_size(..)` answers, whatever it is asked for.
    pub(crate) pool_size: Option<Located<u64>>,
}

impl Section for Loads {
    const NAME: &'static str = "load";

    fn read(table: &mut Table<'_>) -> Self {
        Self {
            multiplier: table.number("multiplier", MULTIPLIERS),
            timeout_multiplier: table.number("timeout-multiplier", MULTIPLIERS),
            pool_size: table.count("pool-size", POOL_SIZES),
        }
    }
}
