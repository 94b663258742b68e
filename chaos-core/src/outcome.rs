//! What an operation came to, seen from the client.
//!
//! A client that loses its connection while a `COMMIT` is on its way does not know whether the
//! server committed. That is a third answer beside "yes" and "no", and the type says so.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

/// What an operation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It certainly took effect.
    Ok,
    /// It certainly took no effect.
    Failed,
    /// It may or may not have taken effect.
    Unknown,
}

impl Outcome {
    /// What an error says about the operation that returned it.
    ///
    /// The error and its sources are searched for errors of `tokio-postgres` and
    /// `deadpool-postgres`. The answer is [`Failed`](Outcome::Failed) only where that is certain:
    ///
    /// * the pool gave no connection, so nothing was sent;
    /// * the connection could not be opened;
    /// * the server answered with an error, other than one that says that the server or the session
    ///   is going down (SQLSTATE class 57P, class 08, class XX, class 58, and 40003), which it also
    ///   sends about a commit that did take place.
    ///
    /// Everything else is [`Unknown`](Outcome::Unknown).
    #[must_use]
    pub fn of_error(error: &(dyn StdError + 'static)) -> Self {
        let mut source = Some(error);
        while let Some(error) = source {
            // A pool passes on a backend's error only from opening a connection.
            if error.is::<deadpool_postgres::PoolError>() {
                return Self::Failed;
            }
            if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
                return Self::of_postgres_error(error);
            }
            source = error.source();
        }
        Self::Unknown
    }

    fn of_postgres_error(error: &tokio_postgres::Error) -> Self {
        match error.code() {
            Some(state) if says_nothing_about_a_commit(state) => Self::Unknown,
            Some(_) => Self::Failed,
            None => Self::Unknown,
        }
    }
}

fn says_nothing_about_a_commit(state: &SqlState) -> bool {
    let code = state.code();
    ["57P", "08", "XX", "58"].iter().any(|class| code.starts_with(class)) || code == "40003"
}

/// The SQLSTATE that an error or one of its sources carries, such as `40001`.
#[must_use]
pub fn sqlstate(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
            return error.code().map(|state| state.code().to_owned());
        }
        source = error.source();
    }
    None
}
