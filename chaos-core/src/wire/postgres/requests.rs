//! What the server owes the client: an answer to each request, in order.

use std::collections::VecDeque;

use bytes::Bytes;

use super::statements::Sql;
use crate::event::FaultId;
use crate::trigger::message::{Backend, Frontend};

/// How many requests wait for an answer at most, 64 Ki: a client that pipelines 20,000 statements
/// stays below. As many cost about 5 MB here, and what is kept of the SQL of each.
pub(super) const MOST: usize = 1 << 16;

/// The requests that were not answered yet, in the order in which they are answered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: VecDeque<Request>,
    /// Whether the server skips requests up to the next `Sync`, after an error.
    skipping: bool,
    /// Whether the server takes what is copied, and ignores a `Sync` meanwhile.
    copying: bool,
}

/// A request that was not answered yet.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) kind: Frontend,
    pub(super) sql: Option<Sql>,
    pub(super) fate: Fate,
}

/// What becomes of the answer to a request.
#[derive(Debug)]
pub(super) enum Fate {
    /// The client gets it.
    Deliver,
    /// The client never asked, and is told nothing.
    Hide,
    /// The client gets this error instead, once.
    Fail(Option<Failure>),
}

/// An error that a fault makes up.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) fault: FaultId,
    /// The `ErrorResponse`.
    pub(crate) response: Bytes,
    /// Whether the connection ends behind it.
    pub(crate) ends: bool,
}

/// What is done with a message that arrived.
#[derive(Debug)]
pub(crate) enum Treatment {
    Deliver,
    Drop,
    /// The client gets this error instead.
    Fail(Failure),
}

impl Requests {
    /// A request was sent to the server.
    pub(super) fn push(&mut self, request: Request) {
        match request.kind {
            Frontend::Sync if self.copying => return,
            Frontend::Sync => self.skipping = false,
            Frontend::CopyDone | Frontend::CopyFail => {
                self.copying = false;
                return;
            }
            Frontend::Startup
            | Frontend::Query
            | Frontend::Parse
            | Frontend::Bind
            | Frontend::Describe
            | Frontend::Execute
            | Frontend::Close
            | Frontend::FunctionCall
                if !self.skipping => {}
            _ => return,
        }
        self.waiting.push_back(request);
    }

    /// Whether more of them wait than are remembered.
    pub(super) fn is_overfull(&self) -> bool {
        self.waiting.len() > MOST
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The statement to which the next answer belongs.
    pub(super) fn statement(&self) -> Option<&Sql> {
        self.waiting.front().and_then(|request| request.sql.as_ref())
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether an answer is still to be hidden or replaced.
    pub(super) fn has_plans(&self) -> bool {
        self.waiting.iter().any(|request| !matches!(request.fate, Fate::Deliver))
    }

    /// The answer to a `CopyData` or `CopyDone` that was turned into a failure is this error.
    pub(super) fn fail_copy(&mut self, failure: Failure) {
        self.copying = false;
        if let Some(request) = self.waiting.front_mut() {
            request.fate = Fate::Fail(Some(failure));
        }
    }

    /// Takes an answer. What is done with, is handed to `done`.
    pub(super) fn answer(&mut self, kind: Backend, mut done: impl FnMut(Request)) -> Treatment {
        let is_unasked = matches!(
            kind,
            Backend::NotificationResponse | Backend::ParameterStatus | Backend::NoticeResponse
        );
        let treatment = self.treatment(kind, is_unasked);
        if is_unasked {
            return treatment;
        }
        let Some(head) = self.waiting.front().map(|request| request.kind) else { return treatment };
        match (kind, head) {
            (Backend::ReadyForQuery, _) => {
                while let Some(request) = self.waiting.pop_front() {
                    let ends = is_ended_by_ready(request.kind);
                    done(request);
                    if ends {
                        break;
                    }
                }
            }
            (Backend::ErrorResponse, head) if !is_ended_by_ready(head) => {
                self.copying = false;
                while self.waiting.front().is_some_and(|it| !is_ended_by_ready(it.kind)) {
                    self.waiting.pop_front().into_iter().for_each(&mut done);
                }
                // Until the client sends the end of the batch.
                self.skipping = self.waiting.is_empty();
            }
            (Backend::CopyInResponse | Backend::CopyBothResponse, Frontend::Execute) => {
                self.copying = true;
                // The server ignores those that the client has sent already.
                self.waiting.retain(|request| request.kind != Frontend::Sync);
            }
            (Backend::ParseComplete, Frontend::Parse)
            | (Backend::BindComplete, Frontend::Bind)
            | (Backend::CloseComplete, Frontend::Close)
            | (Backend::RowDescription | Backend::NoData, Frontend::Describe)
            | (
                Backend::CommandComplete | Backend::EmptyQueryResponse | Backend::PortalSuspended,
                Frontend::Execute,
            ) => self.waiting.pop_front().into_iter().for_each(&mut done),
            _ => {}
        }
        treatment
    }

    fn treatment(&mut self, kind: Backend, is_unasked: bool) -> Treatment {
        match self.waiting.front_mut().map(|request| &mut request.fate) {
            None | Some(Fate::Deliver) => Treatment::Deliver,
            Some(_) if kind == Backend::ReadyForQuery => Treatment::Deliver,
            Some(_) if is_unasked && kind != Backend::NoticeResponse => Treatment::Deliver,
            Some(Fate::Fail(failure))
                if matches!(kind, Backend::ErrorResponse | Backend::CommandComplete) =>
            {
                failure.take().map_or(Treatment::Drop, Treatment::Fail)
            }
            Some(Fate::Hide) if kind == Backend::ErrorResponse => Treatment::Deliver,
            Some(Fate::Hide | Fate::Fail(_)) => Treatment::Drop,
        }
    }
}

/// Whether the server says that it is ready after such a request.
const fn is_ended_by_ready(kind: Frontend) -> bool {
    matches!(kind, Frontend::Startup | Frontend::Query | Frontend::Sync | Frontend::FunctionCall)
}
