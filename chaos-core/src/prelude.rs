//! Everything that a test usually needs: `use chaos_core::prelude::*;`

pub use crate::chaos::{Chaos, Fixture};
pub use crate::client::Client;
pub use crate::delay::Delay;
pub use crate::error::{TestError, TestResult};
pub use crate::fault::{
    Fault, bandwidth, cut, latency, limit, refuse, reset, slice, slow_close, stall,
};
pub use crate::link::{Link, Target};
pub use crate::load::Load;
pub use crate::outcome::Outcome;
pub use crate::postgres::Postgres;
pub use crate::schedule::Schedule;
pub use crate::trigger::{every_nth, first, nth};
pub use crate::units::{ByteUnits, DurationUnits, PercentUnits};
