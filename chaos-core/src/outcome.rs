//! The outcome of an operation, as its client knows it.
//!
//! A client that loses its connection while a `COMMIT` is on its way does not know whether the server
//! committed. So beside `Ok` and `Failed` there is a third outcome, `Unknown`.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};
use tokio_postgres::error::DbError;

use crate::error::AnyError;

mod cause;
mod rejected;

pub use self::cause::Cause;
pub use self::rejected::Rejected;

/// The outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It certainly took effect.
    Ok,
    /// It certainly took no effect.
    Failed,
    /// It may or may not have taken effect.
    Unknown,
}

/// An operation was reported to have taken effect and has not, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operation {}", match (.told, .took_effect) {
    (Outcome::Failed, true) => "certainly failed, and took effect",
    (_, true) => "took effect",
    (_, false) => "succeeded, and took no effect",
})]
pub struct Contradiction {
    told: Outcome,
    took_effect: bool,
}

impl Outcome {
    /// The outcome of an operation that returned this: [`Ok`](Outcome::Ok), or that of
    /// [`of_error`](Outcome::of_error). The error is a [`TestError`](crate::TestError) or of any error
    /// type.
    ///
    /// ```
    /// use chaos_core::TestResult;
    /// use chaos_core::outcome::{Outcome, Rejected};
    ///
    /// let rejected: Result<(), Rejected> = Err(Rejected::new("not enough on the account"));
    /// assert_eq!(Outcome::of(&rejected), Outcome::Failed);
    /// let lost: TestResult = Err("no answer".into());
    /// assert_eq!(Outcome::of(&lost), Outcome::Unknown);
    /// ```
    #[must_use]
    pub fn of<T>(result: &Result<T, impl AnyError>) -> Self {
        result.as_ref().map_or_else(|error| Self::of_error(error.error()), |_| Self::Ok)
    }

    /// Compares the outcome with what was found: whether the operation `took_effect`. An unknown outcome
    /// agrees with both.
    ///
    /// ```
    /// use chaos_core::outcome::Outcome;
    ///
    /// assert!(Outcome::Ok.agrees_with(true).is_ok());
    /// assert!(Outcome::Unknown.agrees_with(false).is_ok());
    /// let error = Outcome::Failed.agrees_with(true).unwrap_err();
    /// assert_eq!(error.to_string(), "the operation certainly failed, and took effect");
    /// ```
    ///
    /// # Errors
    ///
    /// When they contradict each other.
    pub const fn agrees_with(self, took_effect: bool) -> Result<(), Contradiction> {
        match (self, took_effect) {
            (Self::Ok, false) | (Self::Failed, true) => {
                Err(Contradiction { told: self, took_effect })
            }
            _ => Ok(()),
        }
    }

    /// What an error says about the operation that returned it.
    ///
    /// The error and its sources are searched for errors of `tokio-postgres` and
    /// `deadpool-postgres`. The answer is [`Failed`](Outcome::Failed) only where that is certain:
    ///
    /// * the pool gave no connection, so nothing was sent;
    /// * the error is, or holds, one that the caller has [`Rejected`] itself;
    /// * the connection was refused, or the driver found no unix socket to connect to;
    /// * the server answered with an error, other than one that says that the server or the session
    ///   is going down (SQLSTATE class 57P, class 08, class XX, class 58, and 40003), which it also
    ///   sends about a commit that did take place.
    ///
    /// Everything else is [`Unknown`](Outcome::Unknown).
    ///
    /// An error speaks for one statement or transaction. An operation that commits several times,
    /// or tries again after an answer that it did not get, has to return an error of its own when
    /// an earlier commit may have taken place; any error type that is not named here is taken for
    /// unknown. So are an error of the pool and a socket that is not there inside an error that is
    /// `#[error(transparent)]`, which hides what it holds: give it a message of its own, and the
    /// other as its `#[source]` or `#[from]`.
    #[must_use]
    pub fn of_error(error: &(dyn StdError + 'static)) -> Self {
        for error in chain(error) {
            // A pool passes on a backend's error only from opening a connection.
            if error.is::<deadpool_postgres::PoolError>()
                || error.is::<Rejected>()
                || is_refused_connection(error)
                || is_missing_socket(error)
            {
                return Self::Failed;
            }
            if let Some(answer) = error.downcast_ref::<DbError>() {
                let is_certain = !leaves_a_commit_open(answer.code().code());
                return if is_certain { Self::Failed } else { Self::Unknown };
            }
        }
        Self::Unknown
    }
}

/// The error and its sources.
pub(crate) fn chain<'error>(
    error: &'error (dyn StdError + 'static),
) -> impl Iterator<Item = &'error (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn is_refused_connection(error: &(dyn StdError + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Whether the driver found nothing to connect to. No socket that is connected ever says that.
fn is_missing_socket(error: &(dyn StdError + 'static)) -> bool {
    let source = error.downcast_ref::<tokio_postgres::Error>().and_then(StdError::source);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.kind() == std::io::ErrorKind::NotFound)
}

/// Whether an error with this SQLSTATE says nothing about a commit.
pub(crate) fn leaves_a_commit_open(code: &str) -> bool {
    ["57P", "08", "XX", "58"].iter().any(|class| code.starts_with(class)) || code == "40003"
}

/// The SQLSTATE that an error or one of its sources carries, such as `40001`.
#[must_use]
pub fn sqlstate(error: &(dyn StdError + 'static)) -> Option<String> {
    // Not the driver's error around it: a transparent error of the user hides that one.
    let answer = chain(error).find_map(|error| error.downcast_ref::<DbError>());
    answer.map(|answer| answer.code().code().to_owned())
}
