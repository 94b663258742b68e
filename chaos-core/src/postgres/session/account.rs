//! What is asked for on one connection, in transactions and outside of them. Pure.
//!
//! The requests tell where a transaction begins and where somebody asks to commit it; the answers
//! tell what came of that. Where both do not go together, as when a transaction is ended by a
//! prepared statement, what was done is marked as doubtful: nothing is concluded from it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::protocol::State;
use crate::commit::{Ending, Reply};
use crate::operation::OperationId;
use crate::outcome::leaves_a_commit_open;
use crate::postgres::commits::{Book, KnownTransaction};
use crate::trigger::message::{Backend, Frontend};
use crate::wire::sql::{Statement, is_commit, statements};

/// Something that was asked for, which goes on being told of by its connection.
pub(in crate::postgres) type SharedEntry = Arc<Mutex<Entry>>;

/// Something that was asked for.
#[derive(Debug)]
pub(in crate::postgres) struct Entry {
    /// When.
    pub(in crate::postgres) at: Instant,
    /// When it was last heard of.
    pub(in crate::postgres) touched: Instant,
    /// Why it cannot be told whose it is, or what it is.
    pub(in crate::postgres) doubt: Option<&'static str>,
    pub(in crate::postgres) asked: Asked,
}

#[derive(Debug)]
pub(in crate::postgres) enum Asked {
    Statement(Reply),
    /// A transaction that nobody has asked to commit.
    Transaction {
        is_over: bool,
    },
    /// A transaction, from the request to commit it on.
    Commit {
        id: Option<KnownTransaction>,
        /// What the server answered, unless that says nothing.
        answer: Option<Ending>,
    },
}

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Account {
    book: Arc<Book>,
    owner: Option<OperationId>,
    /// Why what comes next cannot be told from what others asked for.
    doubt: Option<&'static str>,
    /// Whether a transaction is open once everything that was written is carried out.
    in_transaction: bool,
    transaction: Option<SharedEntry>,
    /// What was not answered yet, and with which answer it will be.
    waiting: VecDeque<Waiting>,
    /// What the server said of the transaction that is about to be committed.
    id: Option<KnownTransaction>,
}

#[derive(Debug)]
struct Waiting {
    /// It is answered before so many `ReadyForQuery`, this one included.
    answer: u64,
    is_commit: bool,
    entry: Option<SharedEntry>,
}

impl Account {
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self {
            book,
            owner: None,
            doubt: None,
            in_transaction: false,
            transaction: None,
            waiting: VecDeque::new(),
            id: None,
        }
    }

    /// Notes that somebody else has the connection from now on.
    pub(super) fn hand_out(&mut self, owner: Option<OperationId>, is_quiet: bool) {
        const QUEUED: &str = "its connection came with requests of whoever had it before";
        let is_fresh = owner != self.owner;
        let had_trouble = self.owner.is_some_and(|before| self.book.has_failed(before));
        if is_fresh && owner.is_some() && (!is_quiet || had_trouble) {
            self.doubt = Some(QUEUED);
            // Its end may still be in the queue too.
            self.doubt_transaction(QUEUED);
        } else {
            self.doubt = None;
        }
        self.owner = owner;
    }

    /// Whether the next request to commit is worth asking the server for the transaction first.
    pub(super) fn wants_id(&self) -> bool {
        self.book.is_asking() && self.in_transaction && self.transaction.is_some()
    }

    /// What the server said of the transaction that is about to be committed.
    pub(super) fn know(&mut self, id: Option<KnownTransaction>) {
        self.id = id;
    }

    /// Takes a request. `answer` says which `ReadyForQuery` ends its answer; `is_whole`, whether all
    /// of its text is there.
    pub(super) fn request(&mut self, kind: Frontend, head: &[u8], is_whole: bool, answer: u64) {
        match kind {
            Frontend::Query => {
                let text = String::from_utf8_lossy(head.strip_suffix(b"\0").unwrap_or(head));
                self.query(&statements(&text), is_whole, answer);
            }
            Frontend::Execute | Frontend::FunctionCall => self.statement(answer),
            _ => {}
        }
    }

    fn query(&mut self, statements: &[Statement], is_whole: bool, answer: u64) {
        let commits = statements.iter().any(is_commit);
        let ends = statements.iter().any(|statement| commits || is_rollback(statement));
        match (self.in_transaction, statements) {
            (false, [first, ..]) if begins(first) && is_whole && !ends => self.begin(),
            (false, []) => {}
            (false, _) if !ends || commits => self.statement(answer),
            // Nothing is rolled back that was not begun.
            (false, _) => {}
            (true, [only]) if commits && is_whole => {
                self.commit(answer);
                if chains(only) {
                    self.begin();
                    self.doubt_transaction("a transaction was chained to the one before");
                }
            }
            (true, [only]) if is_rollback(only) && is_whole => self.end(),
            (true, _) if ends || !is_whole || statements.iter().any(prepares) => {
                self.doubt_transaction("a query of several statements, or a prepared transaction");
            }
            (true, _) => {}
        }
    }

    /// A statement of its own, unless a transaction is open.
    fn statement(&mut self, answer: u64) {
        if !self.in_transaction {
            let entry = self.enter(Asked::Statement(Reply::Missing));
            if entry.is_some() {
                self.waiting.push_back(Waiting { answer, is_commit: false, entry });
            }
        }
    }

    fn begin(&mut self) {
        self.in_transaction = true;
        self.transaction = self.enter(Asked::Transaction { is_over: false });
    }

    fn commit(&mut self, answer: u64) {
        self.in_transaction = false;
        let id = self.id.take();
        let entry = self.transaction.take();
        if let Some(entry) = &entry {
            let mut entry = entry.lock();
            entry.asked = Asked::Commit { id, answer: None };
            entry.touched = Instant::now();
        }
        self.waiting.push_back(Waiting { answer, is_commit: true, entry });
    }

    /// The transaction is rolled back, or its connection ends before anybody asked to commit it.
    pub(super) fn end(&mut self) {
        self.in_transaction = false;
        if let Some(entry) = self.transaction.take() {
            if let Asked::Transaction { is_over } = &mut entry.lock().asked {
                *is_over = true;
            }
        }
    }

    /// Takes an answer to the requests that end with this `ReadyForQuery`.
    pub(super) fn answer(&mut self, kind: Backend, head: &[u8], answer: u64) {
        let asked = self.waiting.iter().take_while(|waiting| waiting.answer <= answer);
        match kind {
            Backend::CommandComplete => {
                let is_rollback = head.starts_with(b"ROLLBACK");
                for waiting in asked.filter(|waiting| waiting.is_commit) {
                    if is_rollback {
                        self.book.count_rolled_back();
                    }
                    let ending = if is_rollback { Ending::RolledBack } else { Ending::Committed };
                    waiting.answered(ending);
                }
            }
            Backend::ErrorResponse => {
                let mut fields = head.split(|byte| *byte == 0);
                let code = fields.find_map(|field| field.strip_prefix(b"C")).unwrap_or_default();
                if !leaves_a_commit_open(&String::from_utf8_lossy(code)) {
                    asked.for_each(|waiting| waiting.answered(Ending::Refused));
                }
            }
            _ => {}
        }
    }

    /// Takes `ReadyForQuery`; `state` is known if everything that was asked for was answered.
    pub(super) fn ready(&mut self, state: State, answer: u64) {
        while self.waiting.front().is_some_and(|waiting| waiting.answer <= answer) {
            if let Some(Waiting { entry: Some(entry), .. }) = self.waiting.pop_front() {
                let mut entry = entry.lock();
                entry.touched = Instant::now();
                if let Asked::Statement(reply @ Reply::Missing) = &mut entry.asked {
                    *reply = Reply::Done;
                }
            }
        }
        match (state, self.in_transaction) {
            (State::Open | State::Failed, false) => self.begin(),
            (State::Idle, true) => {
                self.doubt_transaction(
                    "its transaction was ended by a statement that is not known",
                );
                self.end();
            }
            _ => {}
        }
    }

    fn doubt_transaction(&mut self, why: &'static str) {
        if let Some(entry) = &self.transaction {
            entry.lock().doubt.get_or_insert(why);
        }
    }

    fn enter(&self, asked: Asked) -> Option<SharedEntry> {
        let now = Instant::now();
        let entry = Entry { at: now, touched: now, doubt: self.doubt, asked };
        self.book.enter(self.owner, entry)
    }
}

impl Waiting {
    fn answered(&self, ending: Ending) {
        let Some(entry) = &self.entry else { return };
        match &mut entry.lock().asked {
            Asked::Commit { answer, .. } => *answer = Some(ending),
            Asked::Statement(reply) if ending == Ending::Refused => *reply = Reply::Refused,
            _ => {}
        }
    }
}

fn words(statement: &Statement) -> impl Iterator<Item = &str> {
    statement.text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

fn begins(statement: &Statement) -> bool {
    matches!(words(statement).next(), Some("BEGIN" | "START"))
}

fn is_rollback(statement: &Statement) -> bool {
    let mut words = words(statement).filter(|word| !matches!(*word, "WORK" | "TRANSACTION"));
    let (first, second) = (words.next(), words.next());
    matches!(first, Some("ROLLBACK" | "ABORT")) && !matches!(second, Some("TO" | "PREPARED"))
}

fn prepares(statement: &Statement) -> bool {
    let mut words = words(statement);
    (words.next(), words.next()) == (Some("PREPARE"), Some("TRANSACTION"))
}

fn chains(statement: &Statement) -> bool {
    let words: Vec<_> = words(statement).collect();
    words.contains(&"CHAIN") && !words.contains(&"NO")
}
