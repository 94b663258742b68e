//! The spans and events of the code under test, kept around a failure; and our faults among them.
//!
//! What the code under test tells through the [`tracing`](https://docs.rs/tracing) crate is written
//! beside the journal as it happens, with the journal's times, so that it is still there when the
//! process is killed a moment later. Of it the latest is kept: two files of at most 1 MiB each take
//! turns ([`RING_BYTES`]), whatever the test writes and for however long.
//!
//! The harness keeps traces during every attempt, and of one that passed it removes them. What it
//! takes is a subscriber. Where the code under test sets none, the harness does
//! ([`install`]); a subscriber of its own gets one layer more:
//!
//! ```
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let subscriber = tracing_subscriber::registry().with(chaos_core::trace::layer());
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("attempt-1.jsonl");
//! # let journal = chaos_core::journal::Journal::create(&path)?;
//! let keeping = chaos_core::trace::keep(&journal)?; // the harness does this
//! tracing::subscriber::with_default(subscriber, || {
//!     let _transfer = tracing::info_span!("transfer", from = 1).entered();
//!     tracing::warn!(target: "bank", attempt = 2, "tried again");
//! });
//! drop(keeping);
//! let kept = chaos_core::trace::read(&path);
//! assert_eq!(kept[1].to_string(), "WARN bank: transfer{from=1}: tried again attempt=2");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! In the other direction every fault is a span of its own, `fault` with the target
//! [`FAULT_TARGET`], from its injection to its end, and an event at either. So the tracing backend of
//! the code under test shows the faults beside what they did. They are not among what is kept, because
//! the journal has them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
pub use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

mod fault;
mod layer;
mod line;
mod ring;

pub use self::fault::FAULT_TARGET;
pub(crate) use self::fault::FaultSpan;
pub use self::layer::TraceLayer;
pub use self::line::{TraceKind, TraceLine};
use self::ring::Ring;
use crate::journal::{self, Journal};

/// How many bytes of traces are kept at most, over both files. At least half of that is there once so
/// much was written.
pub const RING_BYTES: u64 = 2 * 1024 * 1024;

/// Where traces go just now. There is one attempt at a time in a process.
static CURRENT: RwLock<Option<Arc<Kept>>> = RwLock::new(None);

/// Whether they go anywhere, for those who hurry.
static IS_KEPT: AtomicBool = AtomicBool::new(false);

/// The traces of an attempt.
#[derive(Debug)]
struct Kept {
    journal: Journal,
    ring: Ring,
}

/// Where traces go just now, if anywhere.
fn current() -> Option<Arc<Kept>> {
    if IS_KEPT.load(Ordering::Relaxed) { CURRENT.read().clone() } else { None }
}

/// Traces are kept until this is dropped.
#[derive(Debug)]
#[must_use = "traces are kept until this is dropped"]
pub struct Keeping(());

impl Drop for Keeping {
    fn drop(&mut self) {
        IS_KEPT.store(false, Ordering::Relaxed);
        *CURRENT.write() = None;
    }
}

/// Keeps what comes to any [`layer`] of this process from now on, beside this journal and with its
/// times. It takes the place of what was kept before.
///
/// # Errors
///
/// When the journal is not written to a file, or a file cannot be made beside it.
pub fn keep(journal: &Journal) -> io::Result<Keeping> {
    let path = journal.path().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the journal is not written to a file")
    })?;
    let ring = Ring::create(ring::beside(path), RING_BYTES / 2)?;
    *CURRENT.write() = Some(Arc::new(Kept { journal: journal.clone(), ring }));
    IS_KEPT.store(true, Ordering::Relaxed);
    Ok(Keeping(()))
}

/// A layer for a subscriber, by which its spans and events are kept while [`keep`] says so; otherwise
/// it costs next to nothing.
///
/// All that reaches it is kept, so filter before it:
/// `layer().with_filter(LevelFilter::INFO)`.
#[must_use]
pub fn layer() -> TraceLayer {
    TraceLayer::new()
}

/// Makes a subscriber that only keeps, up to this level, the one of the whole process, unless it has
/// one already; says whether it did.
pub fn install(level: LevelFilter) -> bool {
    let subscriber = tracing_subscriber::registry().with(level).with(layer());
    tracing::subscriber::set_global_default(subscriber).is_ok()
}

/// What was kept beside the journal at this path, in order; nothing if there is nothing. A line that
/// was torn, because the process was killed as it was written, is left out.
#[must_use]
pub fn read(journal: &Path) -> Vec<TraceLine> {
    let read = |path| journal::read::<TraceLine>(path).map_or_else(|_| Vec::new(), |it| it.records);
    let mut lines: Vec<TraceLine> = ring::beside(journal).iter().flat_map(|it| read(it)).collect();
    // Threads may write in another order than they looked at the clock.
    lines.sort_by_key(|line| line.at);
    lines
}

/// Removes what was kept beside the journal at this path, if anything was.
pub fn remove(journal: &Path) {
    for path in ring::beside(journal) {
        // What cannot be removed goes with the directory of the run.
        let _removed = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;
