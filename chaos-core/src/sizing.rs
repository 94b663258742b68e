//! How what a test asks for is fitted to the machine.
//!
//! A test states loads and times for a machine of 4 cores and 8 GiB that does nothing else.
//! [`Chaos::load`](crate::Chaos::load), [`Chaos::timeout`](crate::Chaos::timeout) and
//! [`Chaos::pool_size`](crate::Chaos::pool_size) answer with what that comes to here. Loads and pools
//! are multiplied with the same number, so that as many clients wait for a connection as there would
//! on the machine that the test was written for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// What the loads, times and pools of a test are multiplied with.
///
/// ```
/// use chaos_core::prelude::*;
/// use chaos_core::sizing::Sizing;
///
/// let half = Sizing { load_multiplier: 0.5, timeout_multiplier: 2.0, ..Sizing::EXACT };
/// assert_eq!(half.clients(100), 50);
/// assert_eq!(half.pool_size(8), 4);
/// assert_eq!(half.timeout(5.secs()), 10.secs());
/// assert_eq!(half.clients(1), 1, "somebody is to do something");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sizing {
    /// What numbers of clients and connections are multiplied with.
    pub load_multiplier: f64,
    /// What times are multiplied with.
    pub timeout_multiplier: f64,
    /// The size of every pool, if it was chosen from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_size: Option<u32>,
}

impl Sizing {
    /// What a test asks for is what it gets.
    pub const EXACT: Self = Self { load_multiplier: 1.0, timeout_multiplier: 1.0, pool_size: None };

    /// What suits a machine.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        Self {
            load_multiplier: machine.load_multiplier(),
            timeout_multiplier: machine.timeout_multiplier(),
            pool_size: None,
        }
    }

    /// How many clients stand for `clients` of the reference machine: at least one.
    #[must_use]
    pub fn clients(&self, clients: u32) -> u32 {
        let scaled = (f64::from(clients) * self.load_multiplier).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the conversion of a float saturates"
        )]
        let scaled = scaled as u32;
        // Nobody was asked for where 0 was asked for, and a run says what is wrong with that.
        scaled.max(clients.min(1))
    }

    /// How long a time of the reference machine may be here.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Duration {
        let scaled = timeout.as_secs_f64() * self.timeout_multiplier;
        Duration::try_from_secs_f64(scaled).unwrap_or(Duration::MAX)
    }

    /// How many connections a pool has that has `size` of them on the reference machine, unless a
    /// size was chosen from outside: at least one.
    #[must_use]
    pub fn pool_size(&self, size: u32) -> u32 {
        self.pool_size.unwrap_or_else(|| self.clients(size).max(1))
    }
}

impl Default for Sizing {
    fn default() -> Self {
        Self::EXACT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_within_what_can_be() {
        let tiny = Sizing { load_multiplier: 0.01, ..Sizing::EXACT };
        assert_eq!((tiny.clients(8), tiny.clients(0), tiny.pool_size(0)), (1, 0, 1));
        let huge = Sizing { load_multiplier: 100.0, timeout_multiplier: 100.0, pool_size: Some(3) };
        assert_eq!((huge.clients(u32::MAX), huge.pool_size(50)), (u32::MAX, 3));
        assert_eq!(huge.timeout(Duration::MAX), Duration::MAX);
        let wait = Duration::from_millis(1_500);
        assert_eq!(Sizing::EXACT.timeout(wait), wait);
    }
}
