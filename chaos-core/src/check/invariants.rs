//! Promises that services make, each as a [`Checker`](super::Checker).
//!
//! Which one fits which promise, and when each of them is vacuous, stands in `docs/checking.md`.
//!
//! Each reads operations by their names, in the forms that the workloads of Jepsen use; another
//! name is said by `.operation("..")`. Those that can be judged by the database alone, or whose last
//! read can be, take a query: `.sql("SELECT ..")`.

mod conserved;
mod counter;
mod durable;
mod effects;
mod sessions;
#[cfg(test)]
pub(super) mod testing;
mod unique;
mod updates;

pub use self::conserved::{Conserved, conserved};
pub use self::counter::{CounterBounds, counter_bounds};
pub use self::durable::{AckedDurable, acked_durable};
pub use self::effects::{Effects, at_least_once, at_most_once, exactly_once, no_phantom_write};
pub use self::sessions::{
    Monotonic, monotonic, monotonic_writes, read_your_writes, writes_follow_reads,
};
pub use self::unique::{Unique, unique};
pub use self::updates::{NoLostUpdate, no_lost_update};
