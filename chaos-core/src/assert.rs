//! Assertions inside the code under test: what always holds, what has to happen at least once.
//!
//! A test checks from outside whether the system kept its promises. These macros check it inside the
//! code, where a promise is seen best, and are judged at the end of the test:
//!
//! | macro | fails the test if |
//! |---|---|
//! | [`always!`](crate::always) | the condition did not hold once |
//! | [`unreachable!`](crate::unreachable) | it was reached |
//! | [`sometimes!`](crate::sometimes) | it was evaluated, and held in no attempt at the test in this run |
//! | [`reachable!`](crate::reachable) | a test says [`must_reach`](crate::Chaos::must_reach), and no attempt reached it |
//!
//! None of them panics or returns early: the code goes on, and the test fails at its end. A `sometimes!`
//! that never held is a failure of the test's design: it did not provoke what it was to check.
//!
//! ```
//! use chaos_core::assert::{always, sometimes};
//!
//! fn apply(balance: i64, amount: i64, attempt: u32) -> i64 {
//!     sometimes!(attempt > 1, "a transfer is tried again");
//!     let after = balance - amount;
//!     always!(after >= 0, "no balance is negative", "{balance} - {amount} = {after}");
//!     after
//! }
//! # assert_eq!(apply(10, 4, 1), 6);
//! ```
//!
//! Outside of a test they cost one load of an atomic, and the condition is not evaluated. They work on
//! any task and any thread. On the threads of the attempt's own runtime the attempt is known; another
//! thread belongs to the attempt that is running when the thread first reaches an assertion, and to no
//! later one. Where a process runs several tests at once, as under libtest, only the thread that began
//! to watch is known.
//!
//! The standard library's `unreachable!` panics, and keeps its name, so the prelude has this one only as
//! `assert::unreachable!`.

use std::fmt;

use serde::{Deserialize, Serialize};

mod watch;

pub use self::watch::AssertionWatch;
#[doc(hidden)]
pub use self::watch::{is_watched, observe};
pub use crate::{always, reachable, sometimes, unreachable};

/// What an assertion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AssertionKind {
    /// It holds whenever it is evaluated.
    Always,
    /// It holds at least once.
    Sometimes,
    /// It is reached at least once.
    Reachable,
    /// It is never reached.
    Unreachable,
}

impl fmt::Display for AssertionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always!",
            Self::Sometimes => "sometimes!",
            Self::Reachable => "reachable!",
            Self::Unreachable => "unreachable!",
        })
    }
}

/// What came of the assertions of one kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Assertion {
    /// What it says.
    pub kind: AssertionKind,
    /// Its name.
    pub name: String,
    /// How often it was reached.
    pub reached: u64,
    /// How often its condition held. Of those without a condition: as often as it was reached.
    pub held: u64,
    /// Where it is, as `file:line:column`; where it was violated, if it was. Absent of one that was
    /// expected and never reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What it said of itself when it was violated first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

impl Assertion {
    /// One that is expected.
    pub(crate) fn expected(name: String) -> Self {
        let kind = AssertionKind::Reachable;
        Self { kind, name, reached: 0, held: 0, location: None, details: None }
    }

    /// Whether it did not hold although it always has to.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        match self.kind {
            AssertionKind::Always => self.held < self.reached,
            AssertionKind::Unreachable => self.reached > 0,
            _ => false,
        }
    }

    /// Whether it has to come about, and did not.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self.kind {
            AssertionKind::Sometimes | AssertionKind::Reachable => self.held == 0,
            _ => false,
        }
    }
}

/// One sentence about what is wrong with it, or how it fared.
impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, reached, held, details, .. } = self;
        match kind {
            AssertionKind::Always => {
                write!(f, "{kind} `{name}` did not hold {} of {reached} times", reached - held)
            }
            AssertionKind::Sometimes => write!(f, "{kind} `{name}` held {held} of {reached} times"),
            AssertionKind::Reachable | AssertionKind::Unreachable => {
                write!(f, "{kind} `{name}` was reached {reached} times")
            }
        }?;
        details.as_ref().map_or(Ok(()), |details| write!(f, "; the first time: {details}"))
    }
}

/// Says that a condition always holds here: `always!(condition, "name", "details {}", ..)`.
///
/// The details are those of `format!`, and are made only when it does not hold. The test fails at its
/// end when it did not hold once. See [`assert`](crate::assert).
#[macro_export]
macro_rules! always {
    ($condition:expr, $name:expr $(, $($details:tt)*)?) => {
        if $crate::assert::is_watched() {
            let holds: bool = $condition;
            let details = || -> ::std::string::String {
                ::std::string::String::new() $(+ &::std::format!($($details)*))?
            };
            $crate::assert::observe($crate::assert::AssertionKind::Always, $name, holds, details);
        }
    };
}

/// Says that a condition holds here at least once in a test: `sometimes!(condition, "name")`.
///
/// The test fails when it was evaluated in an attempt, and held in none of this run: then it did not
/// bring about what it is for. See [`assert`](crate::assert).
#[macro_export]
macro_rules! sometimes {
    ($condition:expr, $name:expr $(,)?) => {
        if $crate::assert::is_watched() {
            let holds: bool = $condition;
            let none = ::std::string::String::new;
            $crate::assert::observe($crate::assert::AssertionKind::Sometimes, $name, holds, none);
        }
    };
}

/// Says that this place is worth reaching: `reachable!("name")`.
///
/// A test that has to reach it says so: [`Chaos::must_reach`](crate::Chaos::must_reach).
/// See [`assert`](crate::assert).
#[macro_export]
macro_rules! reachable {
    ($name:expr $(,)?) => {
        if $crate::assert::is_watched() {
            let none = ::std::string::String::new;
            $crate::assert::observe($crate::assert::AssertionKind::Reachable, $name, true, none);
        }
    };
}

/// Says that this place is never reached: `assert::unreachable!("name", "details {}", ..)`.
///
/// The test fails at its end when it was reached once. Unlike that of the standard library it does not
/// panic. See [`assert`](crate::assert).
#[macro_export]
macro_rules! unreachable {
    ($name:expr $(, $($details:tt)*)?) => {
        if $crate::assert::is_watched() {
            let details = || -> ::std::string::String {
                ::std::string::String::new() $(+ &::std::format!($($details)*))?
            };
            $crate::assert::observe(
                $crate::assert::AssertionKind::Unreachable,
                $name,
                false,
                details,
            );
        }
    };
}
