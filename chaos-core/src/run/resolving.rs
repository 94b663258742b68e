//! Asking the servers what became of operations whose answer was lost.
//!
//! What an operation did is noted while it runs, and the servers are asked what became of it when all
//! are over. While a fault acts, and for a moment before, a commit also waits until the server has said
//! by which number to ask for it; in the calm nothing is lost, and nothing waits. When a system was back again is judged by what its
//! clients were told, which no later knowledge changes.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::Operation;
use crate::commit::{Deed, Resolution, Watching, resolve};
use crate::error::with_sources;
use crate::event::EventKind;
use crate::operation::OperationId;
use crate::outcome::Outcome;
use crate::scope::Scope;

/// How long before a fault it is asked for the transactions that are about to be committed: longer
/// than most commits take.
pub(super) const LEAD: Duration = Duration::from_millis(50);

/// Watches what the operations of a run do.
pub(super) struct Resolving {
    watching: Vec<Box<dyn Watching>>,
    questions: RefCell<Vec<Question>>,
}

/// An operation of which something is in question.
struct Question {
    id: OperationId,
    /// Which of the operations, in the order in which they ended.
    index: usize,
}

impl Resolving {
    /// Watches all databases of the attempt that are there now.
    pub(super) async fn begin(scope: &Scope, is_wanted: bool) -> Self {
        let mut watching = Vec::new();
        let targets = if is_wanted { scope.committing() } else { Vec::new() };
        for target in targets {
            match target.watch().await {
                Ok(watch) => watching.push(watch),
                Err(error) => scope.journal().record(EventKind::Note {
                    message: format!(
                        "commits whose answer is lost stay unknown: {}",
                        with_sources(&error)
                    ),
                }),
            }
        }
        Self { watching, questions: RefCell::default() }
    }

    /// Has commits wait until it is known by which number to ask for them, or not.
    pub(super) fn ask(&self, asks: bool) {
        self.watching.iter().for_each(|watch| watch.ask(asks));
    }

    /// Notes what an operation answered, which ended as this one of all.
    pub(super) fn ended(&self, id: OperationId, index: usize, answer: Outcome) {
        let is_in_question =
            answer != Outcome::Ok || self.watching.iter().any(|watch| watch.is_suspect(id));
        for watch in &self.watching {
            if answer != Outcome::Ok {
                watch.fail(id);
            }
            if !is_in_question {
                watch.forget(id);
            }
        }
        if is_in_question && !self.watching.is_empty() {
            self.questions.borrow_mut().push(Question { id, index });
        }
    }

    /// Asks the servers, and says of each operation in question what it came to.
    pub(super) async fn finish(&self, scope: &Scope, operations: &mut [Operation]) {
        for Question { id, index } in self.questions.take() {
            let Some(operation) = operations.get_mut(index) else { continue };
            let deeds = deeds(&self.watching, scope, id, operation).await;
            let Resolution { outcome, reason: Some(reason) } = resolve(operation.outcome, &deeds)
            else {
                continue;
            };
            scope.journal().record(EventKind::OperationResolved {
                client: operation.client,
                began: u64::try_from(operation.began.as_nanos()).unwrap_or(u64::MAX),
                was: operation.outcome,
                outcome,
                reason: reason.clone(),
            });
            operation.outcome = outcome;
            operation.resolution = Some(reason);
        }
    }
}

/// What an operation did, in all databases.
async fn deeds(
    watching: &[Box<dyn Watching>],
    scope: &Scope,
    id: OperationId,
    operation: &Operation,
) -> Vec<Deed> {
    let is_answered = operation.outcome == Outcome::Ok;
    let moment = |since| -> Instant { scope.journal().epoch() + since };
    let mut deeds = Vec::new();
    for watch in watching {
        deeds.extend(watch.deeds(id, is_answered).await);
    }
    // Of what nobody is known to have done, it may have done some.
    let mut doubts = watching
        .iter()
        .filter_map(|watch| watch.doubt(moment(operation.began), moment(operation.ended)));
    deeds.extend(doubts.next().map(Deed::Doubtful));
    deeds
}
