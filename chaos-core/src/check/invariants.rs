//! Promises that services make, each as a [`Checker`](super::Checker).
//!
//! Which one fits which promise, and when each of them is vacuous, stands in `docs/checking.md`.
//!
//! Each reads operations by their names, in the forms that the workloads of Jepsen use; another
//! name is said by `.operation("..")`. Those that can be judged by the database alone, or whose last
//! read can be, take a query: `.sql("SELECT ..")`.

mod atomic;
mod cache;
mod causal_reverse;
mod conserved;
mod converges;
mod counter;
mod deadline;
mod durable;
mod effects;
mod errors;
mod fifo;
mod gapless;
mod lease;
mod long_fork;
mod outbox;
mod predicate;
mod queue;
mod retry;
mod sessions;
mod set_full;
#[cfg(test)]
pub(super) mod testing;
mod unique;
mod updates;

pub use self::atomic::{Atomic, atomic};
pub use self::cache::{CacheCoherent, cache_coherent};
pub use self::causal_reverse::{CausalReverse, causal_reverse};
pub use self::conserved::{Conserved, conserved};
pub use self::converges::{Converges, converges};
pub use self::counter::{CounterBounds, counter_bounds};
pub use self::deadline::{Deadline, deadline};
pub use self::durable::{AckedDurable, acked_durable};
pub use self::effects::{Effects, at_least_once, at_most_once, exactly_once, no_phantom_write};
pub use self::errors::{ErrorMapped, error_mapped};
pub use self::fifo::{Fifo, fifo};
pub use self::gapless::{Gapless, gapless};
pub use self::lease::{Lease, lease};
pub use self::long_fork::{LongFork, long_fork};
pub use self::outbox::{OutboxDelivered, outbox_delivered};
pub use self::predicate::{G2Predicate, g2_predicate};
pub use self::queue::{QueueTotal, queue_total};
pub use self::retry::{BoundedRetry, bounded_retry};
pub use self::sessions::{
    Monotonic, monotonic, monotonic_writes, read_your_writes, writes_follow_reads,
};
pub use self::set_full::{SetFull, set_full};
pub use self::unique::{Unique, unique};
pub use self::updates::{NoLostUpdate, no_lost_update};
