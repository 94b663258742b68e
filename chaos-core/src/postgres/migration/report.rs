//! What a migration made of being broken.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::check::{CheckFailed, Finding};
use crate::event::EventKind;
use crate::journal::Journal;
use crate::postgres::schema::SchemaDiff;

/// What happens at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Break {
    /// The server refuses it, with SQLSTATE 53100 (disk full), and the connection goes on.
    Refused,
    /// The connection is lost before it is carried out; what was carried out before it in the same
    /// transaction is rolled back.
    ConnectionLost,
    /// It is carried out, and the connection is lost before anybody hears of it.
    AnswerLost,
    /// The session ends between two steps of a statement that runs in several, as those with
    /// `CONCURRENTLY` do. Applies to these only.
    KilledInside,
    /// Every process of the server is killed before the statement is carried out, and the server is
    /// started again. Each run has a server of its own then, which takes some tenths of a second.
    ServerCrash,
}

impl Break {
    /// Those that need no server of their own: all but [`ServerCrash`](Self::ServerCrash).
    pub const OF_CONNECTIONS: [Self; 4] =
        [Self::Refused, Self::ConnectionLost, Self::AnswerLost, Self::KilledInside];
}

/// What became of a migration that was broken at every statement; see
/// [`Migration::break_everywhere`](super::Migration::break_everywhere).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[must_use = "ask it something: `.leaves_all_or_nothing()?`, `.can_be_repeated()?`"]
pub struct MigrationReport {
    pub(super) statements: Vec<String>,
    pub(super) runs: Vec<BrokenRun>,
    #[serde(skip)]
    pub(super) journal: Option<Journal>,
}

/// One run that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BrokenRun {
    /// The statement at which it was broken, counted from 1.
    pub statement: usize,
    /// The text of the statement.
    pub sql: String,
    /// How it was broken.
    pub how: Break,
    /// What the migration returned; absent if it said that all was well.
    pub error: Option<String>,
    /// What was left of it.
    pub left: Left,
    /// What came of running it once more.
    pub again: Again,
}

/// What a broken migration left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "left")]
#[non_exhaustive]
pub enum Left {
    /// What was there before.
    Before,
    /// What is there after an unbroken run.
    After,
    /// Something else.
    Between {
        /// How it differs from what was there before; empty if only the content does.
        changes: SchemaDiff,
    },
}

/// What came of running a broken migration once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "again")]
#[non_exhaustive]
pub enum Again {
    /// What is there after an unbroken run.
    Converged,
    /// It failed.
    Failed {
        /// What it returned.
        error: String,
        /// The SQLSTATE, if the server answered.
        sqlstate: Option<String>,
    },
    /// It said that all was well, and something else is there.
    Diverged {
        /// How the schema differs from that after an unbroken run.
        schema: SchemaDiff,
        /// How the content differs.
        content: Vec<String>,
    },
}

impl BrokenRun {
    /// Whether the migration said that all was well though it was not.
    #[must_use]
    pub fn is_false_success(&self) -> bool {
        self.error.is_none() && self.left != Left::After
    }
}

impl MigrationReport {
    /// The statements of an unbroken run.
    #[must_use]
    pub fn statements(&self) -> &[String] {
        &self.statements
    }

    /// Every run that was broken, by statement.
    #[must_use]
    pub fn runs(&self) -> &[BrokenRun] {
        &self.runs
    }

    /// Checks that it can be run once more wherever it broke, and then comes to what an unbroken run
    /// comes to; and that it never said that all was well when it was not.
    ///
    /// # Errors
    ///
    /// When it cannot.
    #[track_caller]
    pub fn can_be_repeated(&self) -> Result<(), CheckFailed> {
        self.check("a broken migration can be repeated", |run| {
            run.again != Again::Converged || run.is_false_success()
        })
    }

    /// Checks that it left either everything or nothing wherever it broke, as a migration inside one
    /// transaction does; and that it can be repeated.
    ///
    /// # Errors
    ///
    /// When it left a part, or cannot be repeated.
    #[track_caller]
    pub fn leaves_all_or_nothing(&self) -> Result<(), CheckFailed> {
        self.check("a broken migration leaves all or nothing", |run| {
            matches!(run.left, Left::Between { .. })
                || run.again != Again::Converged
                || run.is_false_success()
        })
    }

    #[track_caller]
    fn check(&self, name: &str, is_wrong: impl Fn(&BrokenRun) -> bool) -> Result<(), CheckFailed> {
        let wrong: Vec<_> = self.runs.iter().filter(|run| is_wrong(run)).collect();
        let text = wrong.iter().map(|run| format!("\n  {run}")).collect::<String>();
        let text = format!("{} of {} broken runs went wrong:{text}", wrong.len(), self.runs.len());
        conclude(self.journal.as_ref(), name, wrong.is_empty(), text)
    }
}

/// Records a check, and fails if it did not hold.
#[track_caller]
pub(super) fn conclude(
    journal: Option<&Journal>,
    name: &str,
    passed: bool,
    text: String,
) -> Result<(), CheckFailed> {
    if let Some(journal) = journal {
        let (name, found) = (name.to_owned(), (!passed).then(|| text.clone()));
        journal.record(EventKind::Check { name, passed, found, expected: None });
    }
    if passed {
        return Ok(());
    }
    let (name, finding) = (name.to_owned(), Finding::Report { text });
    Err(CheckFailed { name, finding, location: Location::caller() })
}

/// The first words of a statement, on one line.
pub(super) fn short(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line,
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::ConnectionLost => "connection lost before",
            Self::AnswerLost => "answer lost after",
            Self::KilledInside => "session ended inside of",
            Self::ServerCrash => "server crashed before",
        })
    }
}

impl fmt::Display for BrokenRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, sql, how, left, again, .. } = self;
        write!(f, "{how} statement {statement}, `{}`: it left ", short(sql))?;
        match left {
            Left::Before => f.write_str("nothing")?,
            Left::After => f.write_str("all of it")?,
            Left::Between { changes } if changes.is_empty() => {
                f.write_str("a part of the content")?
            }
            Left::Between { changes } => write!(f, "a part ({})", on_one_line(changes))?,
        }
        if self.is_false_success() {
            f.write_str(" and said that all was well")?;
        }
        match again {
            Again::Converged => f.write_str("; run again, it came to its end"),
            Again::Failed { error, sqlstate: Some(sqlstate) } => {
                write!(f, "; run again, it failed: {error} (SQLSTATE {sqlstate})")
            }
            Again::Failed { error, sqlstate: None } => {
                write!(f, "; run again, it failed: {error}")
            }
            Again::Diverged { schema, content } => {
                f.write_str(
                    "; run again, it said that all was well, but beside an unbroken run: ",
                )?;
                let schema = (!schema.is_empty()).then(|| on_one_line(schema));
                let all: Vec<_> = schema.into_iter().chain(content.iter().cloned()).collect();
                f.write_str(&all.join("; "))
            }
        }
    }
}

pub(super) fn on_one_line(diff: &SchemaDiff) -> String {
    diff.changes().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} statements, {} broken runs", self.statements.len(), self.runs.len())?;
        self.runs.iter().try_for_each(|run| write!(f, "\n  {run}"))
    }
}
