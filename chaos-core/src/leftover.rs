//! What a test must not leave behind, and the checks for it at the end.
//!
//! A connection that was never returned, or a transaction that was left open, does no harm in the test
//! that leaves it, but later, to whoever needs the connection or the locked row. So every test is
//! checked for these at its end, on a connection that no fault reaches. Targets register the checks; the
//! harness makes a failure of what they find.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// What can be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Leftover {
    /// A connection that was taken from its pool and not returned.
    Connection,
    /// A transaction that was left open: its session is idle in it, or it came back to the pool with
    /// it.
    OpenTransaction,
    /// An advisory lock that an idle session holds.
    Lock,
    /// A prepared transaction that was neither committed nor rolled back. It holds its locks even
    /// when the server is started again.
    PreparedTransaction,
    /// A connection that was held longer than the bound of its
    /// [`ChaosPool`](crate::postgres::ChaosPool).
    LongHold,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "a leaked connection",
            Self::OpenTransaction => "an open transaction",
            Self::Lock => "a lock",
            Self::PreparedTransaction => "a prepared transaction",
            Self::LongHold => "a connection held too long",
        })
    }
}

/// Something that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftBehind {
    /// What.
    pub what: Leftover,
    /// In which database.
    pub database: String,
    /// Everything that is known of it, in words for a person.
    pub message: String,
    /// The process of the server that serves the session, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<i32>,
    /// Where the connection was taken from its pool, as `file:line:column`, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl LeftBehind {
    pub(crate) fn new(what: Leftover, database: &str, message: impl Into<String>) -> Self {
        let database = database.to_owned();
        Self { what, database, message: message.into(), process: None, place: None }
    }

    pub(crate) fn of(mut self, process: Option<i32>) -> Self {
        self.process = process;
        self
    }

    pub(crate) fn at(mut self, place: Option<String>) -> Self {
        self.place = place;
        self
    }
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

/// What a look at everything that a test has used came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftovers {
    /// What was left behind and is not allowed.
    pub left: Vec<LeftBehind>,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
}

impl Leftovers {
    /// Whether nothing was left behind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn add(&mut self, other: Self) {
        for found in other.left {
            if !self.left.contains(&found) {
                self.left.push(found);
            }
        }
        self.notes.extend(other.notes);
    }
}

/// One line for each.
impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, found) in self.left.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{found}")?;
        }
        Ok(())
    }
}

pub(crate) type Looking<'check> = Pin<Box<dyn Future<Output = Leftovers> + Send + 'check>>;

/// Looks for what was left behind in one target.
pub(crate) trait EndCheck: fmt::Debug + Send + Sync {
    /// Looks, and waits for a moment for what may be about to go away.
    fn look(&self) -> Looking<'_>;

    /// Whether the test has let the target go.
    fn is_let_go(&self) -> bool;
}

/// How many targets are kept that the test has let go; the others are looked at when the next one is
/// opened.
const KEPT: usize = 4;

/// The checks of one attempt.
#[derive(Debug, Default)]
pub(crate) struct EndChecks {
    checks: Mutex<Vec<Arc<dyn EndCheck>>>,
    found: Mutex<Leftovers>,
    keeps: AtomicBool,
    is_off: AtomicBool,
}

impl EndChecks {
    /// Keeps targets from now on until [`look`](Self::look), even if the test lets them go.
    pub(crate) fn keep(&self) {
        self.keeps.store(true, Ordering::Relaxed);
    }

    pub(crate) fn turn_off(&self) {
        self.is_off.store(true, Ordering::Relaxed);
        self.checks.lock().clear();
    }

    /// Whether a new target is to be kept by its check, so that there is something to look at when
    /// the test has let it go.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed) && !self.is_off.load(Ordering::Relaxed)
    }

    /// Adds the check of a new target, and looks at old ones if there are too many.
    pub(crate) async fn add(&self, check: Arc<dyn EndCheck>) {
        if self.is_off.load(Ordering::Relaxed) {
            return;
        }
        let surplus = {
            let mut checks = self.checks.lock();
            checks.push(check);
            let mut count = checks.iter().filter(|check| check.is_let_go()).count();
            let surplus: Vec<_> = checks
                .iter()
                .filter(|check| {
                    let is_surplus = count > KEPT && check.is_let_go();
                    count -= usize::from(is_surplus);
                    is_surplus
                })
                .cloned()
                .collect();
            checks.retain(|check| !surplus.iter().any(|it| Arc::ptr_eq(it, check)));
            surplus
        };
        for check in surplus {
            let found = check.look().await;
            self.found.lock().add(found);
        }
    }

    /// Looks at all targets for the last time, and lets them go.
    pub(crate) async fn finish(&self) -> Leftovers {
        let found = self.look().await;
        self.turn_off();
        found
    }

    /// Looks at all targets.
    pub(crate) async fn look(&self) -> Leftovers {
        let checks = self.checks.lock().clone();
        let looks = futures::future::join_all(checks.iter().map(|check| check.look())).await;
        let mut found = self.found.lock().clone();
        looks.into_iter().for_each(|it| found.add(it));
        found
    }
}
