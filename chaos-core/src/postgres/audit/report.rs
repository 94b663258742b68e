//! The report of an audit.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_postgres::error::DbError;

use super::finding::{Finding, FindingKind, Note, NoteKind};
use crate::check::{self, CheckFailed};
use crate::postgres::Postgres;

/// What an audit found; see [`Postgres::audit`](crate::postgres::Postgres::audit).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "an audit fails nothing until it is asked to: `pg.audit().await?.into_result()?`"]
pub struct Audit {
    database: String,
    version: String,
    pub(super) took: Duration,
    pub(super) check_name: String,
    findings: Vec<Finding>,
    notes: Vec<Note>,
}

impl Audit {
    pub(super) fn new(postgres: &Postgres) -> Self {
        Self {
            database: postgres.database().to_owned(),
            version: postgres.version().to_owned(),
            took: Duration::ZERO,
            check_name: String::new(),
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Notes that the server would not answer a part of the audit.
    pub(super) fn not_done(&mut self, subject: impl Into<String>, error: &DbError) {
        let message = format!("{} (SQLSTATE {})", error.message(), error.code().code());
        self.note(Note::new(NoteKind::NotDone, subject, message));
    }

    /// Takes findings of these kinds for notes.
    pub(super) fn allow(&mut self, kinds: &[FindingKind]) {
        let (allowed, findings) =
            std::mem::take(&mut self.findings).into_iter().partition(|f| kinds.contains(&f.kind));
        self.findings = findings;
        for Finding { kind, object, evidence, .. } in allowed {
            let message = format!("{kind}: {evidence}");
            self.note(Note::new(NoteKind::Allowed, object, message));
        }
    }

    /// The database that was looked at.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The version of the server, such as `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How long it took.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// What is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What is wrong in this way.
    pub fn of_kind(&self, kind: FindingKind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }

    /// What else there is to know: above all what could not be looked at, and why.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether nothing is wrong, as far as could be looked.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether everything was looked at.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.notes.iter().all(|note| note.kind != NoteKind::NotDone)
    }

    /// Fails the test with everything that is wrong.
    ///
    /// # Errors
    ///
    /// When there is a finding.
    #[track_caller]
    pub fn into_result(self) -> Result<(), CheckFailed> {
        if self.is_clean() {
            return Ok(());
        }
        let finding = check::Finding::Report { text: self.to_string() };
        Err(CheckFailed { name: self.check_name, finding, location: Location::caller() })
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.len() {
            0 => f.write_str("nothing found")?,
            1 => f.write_str("1 finding")?,
            many => write!(f, "{many} findings")?,
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n  ({note})"))
    }
}
