//! What checkers judge by: a history, and what a database answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CheckError;
use crate::history::{History, HistoryError, Operation};

/// What checkers judge by.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, Validity, conserved};
/// use chaos_core::history::History;
///
/// let history = History::default();
/// let rows = Rows::from_texts([["1", "40"], ["2", "60"]]);
/// let sql = "SELECT id, balance FROM account";
/// let evidence = Evidence::new(&history).with_answer(sql, rows);
/// assert_eq!(conserved(100).sql(sql).check(&evidence)?.validity(), Validity::Valid);
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    history: &'a History,
    answers: Arc<BTreeMap<String, Rows>>,
}

impl<'a> Evidence<'a> {
    /// A history alone.
    #[must_use]
    pub fn new(history: &'a History) -> Self {
        Self { history, answers: Arc::default() }
    }

    /// Adds what the database answered to a [question](super::Checker::questions).
    #[must_use]
    pub fn with_answer(mut self, question: impl Into<String>, rows: Rows) -> Self {
        Arc::make_mut(&mut self.answers).insert(question.into(), rows);
        self
    }

    /// What the clients did and saw.
    #[must_use]
    pub const fn history(&self) -> &'a History {
        self.history
    }

    /// The operations of the clients, in the order in which they were invoked.
    ///
    /// # Errors
    ///
    /// When a process did what no process can do; see [`History::operations`].
    pub fn operations(&self) -> Result<Vec<Operation<'a>>, HistoryError> {
        self.history.operations()
    }

    /// What the database answered to a question.
    ///
    /// # Errors
    ///
    /// When it was not asked.
    pub fn rows(&self, question: &str) -> Result<&Rows, CheckError> {
        let not_asked = || CheckError::NotAsked { question: question.to_owned() };
        self.answers.get(question).ok_or_else(not_asked)
    }

    /// The same answers beside another history.
    pub(super) fn of<'b>(&self, history: &'b History) -> Evidence<'b> {
        Evidence { history, answers: Arc::clone(&self.answers) }
    }
}

/// What a database answered: rows of values as text, `None` for null.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// These rows.
    #[must_use]
    pub fn new(rows: Vec<Vec<Option<String>>>) -> Self {
        Self { rows }
    }

    /// Rows without a null.
    pub fn from_texts<R, V>(rows: R) -> Self
    where
        R: IntoIterator,
        R::Item: IntoIterator<Item = V>,
        V: Into<String>,
    {
        let row = |row: R::Item| row.into_iter().map(|value| Some(value.into())).collect();
        Self::new(rows.into_iter().map(row).collect())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, each a value or null for each column.
    pub fn iter(&self) -> impl Iterator<Item = &[Option<String>]> {
        self.rows.iter().map(Vec::as_slice)
    }
}
