//! What became of commits whose answer was lost, and what that says about an operation.
//!
//! A client that loses its connection while a `COMMIT` is on its way does not know whether the server
//! committed; but the server does. So what an operation did is followed on its connections (see
//! [`CommitWatch`](crate::postgres::CommitWatch)), and the server is asked for the rest by the number
//! of the transaction. [`Outcome::Unknown`] then becomes [`Outcome::Ok`] or [`Outcome::Failed`] where
//! that is certain, and only there:
//!
//! | what the operation did | answer of the operation | becomes |
//! |---|---|---|
//! | one transaction, whose commit was lost and took place | an error | ok |
//! | transactions only, none of which was committed | an error | failed |
//! | some committed, some not | an error | unknown |
//! | its last transaction ended in a `COMMIT` that the server answered by `ROLLBACK`, and no other one was committed | no error | failed |
//! | a statement outside of a transaction without an answer | an error | unknown |
//! | anything that cannot be told apart from what others did | an error | unknown |

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;

use crate::error::Error;
use crate::operation::OperationId;
use crate::outcome::Outcome;

/// What an operation came to, once the server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// What it came to.
    pub outcome: Outcome,
    /// Why it is another outcome than before, or why it stays unknown; absent where nothing was in
    /// question.
    pub reason: Option<String>,
}

impl Resolution {
    fn unchanged(outcome: Outcome) -> Self {
        Self { outcome, reason: None }
    }

    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: Some(reason.into()) }
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, reason)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        })?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// One thing that an operation asked of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A statement outside of any transaction: it commits by itself.
    Statement(Reply),
    Transaction(Ending),
    /// It cannot be told whose it is, or what it was.
    Doubtful(String),
}

/// How the server answered a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Missing,
    Done,
    Refused,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nobody has ended it, and its connection is there.
    Open,
    /// It was rolled back, or its connection ended before anybody asked to commit it.
    NeverCommitted,
    Committed,
    /// The server answered `COMMIT` by `ROLLBACK`, as it does in a transaction that has failed.
    RolledBack,
    /// The server answered `COMMIT` with an error.
    Refused,
    /// The answer to its `COMMIT` was lost.
    Lost(Status),
}

/// What the server says of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Committed,
    Aborted,
    /// It does not say, or it cannot be relied on.
    Unknown(String),
}

/// A target whose commits can be watched.
pub(crate) trait Watchable: fmt::Debug + Send + Sync {
    fn watch(self: Arc<Self>) -> BoxFuture<'static, Result<Box<dyn Watching>, Error>>;
}

/// Watches what the operations of a workload do to one target.
pub(crate) trait Watching: Send + Sync {
    /// Has the server asked for each transaction before its commit is sent, or not: at first it is
    /// not, and a commit whose answer is lost stays unknown.
    fn ask(&self, asks: bool);

    /// Whether an operation that answered well may not have been carried out.
    fn is_suspect(&self, operation: OperationId) -> bool;

    /// Forgets an operation of which nothing is in question.
    fn forget(&self, operation: OperationId);

    /// Notes that an operation did not end well.
    fn fail(&self, operation: OperationId);

    /// What the operation did, as far as it is known by now. The server is not asked for what
    /// `is_answered`.
    fn deeds(&self, operation: OperationId, is_answered: bool) -> BoxFuture<'_, Vec<Deed>>;

    /// Why an operation that ran in this time cannot be told from others.
    fn doubt(&self, began: Instant, ended: Instant) -> Option<String>;
}

/// What an operation came to, from what its answer said and what it did.
pub(crate) fn resolve(answer: Outcome, deeds: &[Deed]) -> Resolution {
    let endings = || {
        deeds.iter().filter_map(|deed| match deed {
            Deed::Transaction(ending) => Some(ending),
            _ => None,
        })
    };
    let doubt = deeds.iter().find_map(|deed| match deed {
        Deed::Doubtful(why) => Some(why),
        _ => None,
    });
    let has_committed = endings().any(|ending| *ending == Ending::Committed);
    let has_lost = endings().any(|ending| matches!(ending, Ending::Lost(_)));
    match answer {
        Outcome::Ok => {
            let is_rolled_back = endings().next_back() == Some(&Ending::RolledBack);
            let has_statement = deeds.iter().any(|deed| matches!(deed, Deed::Statement(_)));
            if !is_rolled_back || has_committed || has_lost || has_statement || doubt.is_some() {
                return Resolution::unchanged(answer);
            }
            return Resolution::new(
                Outcome::Failed,
                "the server answered COMMIT by ROLLBACK, because the transaction had failed before; \
                 the driver calls that a success",
            );
        }
        // Of a commit whose answer was lost, no later error says anything.
        Outcome::Failed if !has_lost => return Resolution::unchanged(answer),
        Outcome::Failed | Outcome::Unknown => {}
    }
    if deeds.is_empty() {
        return Resolution::unknown("nothing is known of what it asked of a database");
    }
    if let Some(why) = doubt {
        return Resolution::unknown(why);
    }
    for ending in endings() {
        match ending {
            Ending::Open => {
                return Resolution::unknown("its transaction is still open");
            }
            Ending::Lost(Status::Unknown(why)) => return Resolution::unknown(why),
            _ => {}
        }
    }
    let statement = |reply| deeds.contains(&Deed::Statement(reply));
    if statement(Reply::Missing) {
        return Resolution::unknown(
            "a statement outside of any transaction had no answer: the server cannot be asked for it",
        );
    }
    let is_committed =
        |ending: &&Ending| matches!(ending, Ending::Committed | Ending::Lost(Status::Committed));
    match (endings().filter(is_committed).count(), endings().count()) {
        (0, _) if statement(Reply::Done) => Resolution::unknown(
            "no transaction of it was committed, but a statement outside of any was carried out",
        ),
        (0, _) if has_lost => Resolution::new(
            Outcome::Failed,
            "the server says that the transaction whose COMMIT was lost was not committed",
        ),
        (0, _) => Resolution::new(Outcome::Failed, "none of its transactions was committed"),
        (1, 1) if has_lost => Resolution::new(
            Outcome::Ok,
            "the server says that the transaction was committed; only the answer was lost",
        ),
        _ => Resolution::unknown("some of its transactions were committed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(answer: Outcome, deeds: &[Deed]) -> Outcome {
        resolve(answer, deeds).outcome
    }

    fn transaction(ending: Ending) -> Deed {
        Deed::Transaction(ending)
    }

    fn lost(status: Status) -> Deed {
        transaction(Ending::Lost(status))
    }

    #[test]
    fn one_lost_commit_is_what_the_server_says() {
        use Outcome::{Failed, Ok, Unknown};
        let unsure = Status::Unknown("too old".into());
        for answer in [Unknown, Failed] {
            assert_eq!(resolved(answer, &[lost(Status::Committed)]), Ok);
            assert_eq!(resolved(answer, &[lost(Status::Aborted)]), Failed);
            assert_eq!(resolved(answer, &[lost(unsure.clone())]), Unknown);
        }
    }

    #[test]
    fn a_transaction_that_never_came_to_its_commit_is_failed_unless_it_goes_on() {
        let never = transaction(Ending::NeverCommitted);
        assert_eq!(resolved(Outcome::Unknown, std::slice::from_ref(&never)), Outcome::Failed);
        let open = [never, transaction(Ending::Open)];
        assert_eq!(resolved(Outcome::Unknown, &open), Outcome::Unknown);
        assert_eq!(resolved(Outcome::Unknown, &[]), Outcome::Unknown);
    }

    #[test]
    fn several_transactions_are_all_or_nothing() {
        let retried = [lost(Status::Aborted), transaction(Ending::NeverCommitted)];
        assert_eq!(resolved(Outcome::Unknown, &retried), Outcome::Failed);
        let twice = [lost(Status::Committed), lost(Status::Committed)];
        assert_eq!(resolved(Outcome::Unknown, &twice), Outcome::Unknown);
        let half = [transaction(Ending::Committed), lost(Status::Aborted)];
        assert_eq!(resolved(Outcome::Unknown, &half), Outcome::Unknown);
        // What was acknowledged before is the caller's to know, as without a lost commit.
        let refused = [transaction(Ending::Committed), transaction(Ending::Refused)];
        assert_eq!(resolved(Outcome::Failed, &refused), Outcome::Failed);
    }

    #[test]
    fn a_statement_that_commits_by_itself_leaves_it_open() {
        let committed = lost(Status::Committed);
        let with = |reply| [Deed::Statement(reply), committed.clone()];
        assert_eq!(resolved(Outcome::Unknown, &with(Reply::Done)), Outcome::Ok);
        assert_eq!(resolved(Outcome::Unknown, &with(Reply::Missing)), Outcome::Unknown);
        let aborted = |reply| [Deed::Statement(reply), lost(Status::Aborted)];
        assert_eq!(resolved(Outcome::Unknown, &aborted(Reply::Done)), Outcome::Unknown);
        assert_eq!(resolved(Outcome::Unknown, &aborted(Reply::Refused)), Outcome::Failed);
    }

    #[test]
    fn doubt_keeps_everything_unknown() {
        let deeds = [lost(Status::Committed), Deed::Doubtful("others wrote too".into())];
        let resolution = resolve(Outcome::Unknown, &deeds);
        assert_eq!(resolution.to_string(), "unknown: others wrote too");
    }

    #[test]
    fn a_commit_that_was_answered_by_rollback_is_failed_unless_another_one_took_place() {
        let rolled_back = transaction(Ending::RolledBack);
        assert_eq!(resolved(Outcome::Ok, std::slice::from_ref(&rolled_back)), Outcome::Failed);
        let then_again = [rolled_back.clone(), transaction(Ending::Committed)];
        assert_eq!(resolved(Outcome::Ok, &then_again), Outcome::Ok);
        let before = [transaction(Ending::Committed), rolled_back];
        assert_eq!(resolved(Outcome::Ok, &before), Outcome::Ok);
    }
}
