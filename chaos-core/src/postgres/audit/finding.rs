//! What an audit finds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that is wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of damage it is.
    pub kind: FindingKind,
    /// The table, index, constraint, sequence, session or transaction, as SQL would write its name.
    pub object: String,
    /// What was found there.
    pub evidence: String,
    /// The SQLSTATE of the server's answer, if it was an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        kind: FindingKind,
        object: impl Into<String>,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (object, evidence, remedy) = (object.into(), evidence.into(), remedy.into());
        Self { kind, object, evidence, sqlstate: None, remedy }
    }

    pub(super) fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, object, evidence, sqlstate, remedy } = self;
        write!(f, "{kind}: {object}: {evidence}")?;
        if let Some(sqlstate) = sqlstate {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        write!(f, "; {remedy}")
    }
}

/// The kinds of damage that an audit finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A table cannot be read to its end.
    UnreadableTable,
    /// The server has met blocks whose checksum is wrong.
    ChecksumFailure,
    /// Rows are not built as they have to be.
    HeapCorruption,
    /// An index does not agree with its table, or with itself.
    IndexCorruption,
    /// Indexes lead to rows that are not there.
    LostRows,
    /// The content is not what it was.
    ContentChanged,
    /// Rows refer to rows that do not exist.
    ForeignKeyViolation,
    /// A unique or primary key, or a unique index, has duplicates.
    UniqueViolation,
    /// Rows exclude each other.
    ExclusionViolation,
    /// Rows violate a check constraint.
    CheckViolation,
    /// A column that is not null has nulls.
    NotNullViolation,
    /// Values violate the constraints of their domain.
    DomainViolation,
    /// An index is invalid or not ready.
    InvalidIndex,
    /// A constraint is `NOT VALID`: old rows may violate it.
    NotValidated,
    /// The triggers of a foreign key are disabled: new rows may violate it.
    NotEnforced,
    /// The next value of a sequence was given out before.
    SequenceBehind,
    /// A prepared transaction was left, and holds its locks.
    PreparedTransaction,
    /// A session does nothing inside a transaction, and holds its locks.
    IdleInTransaction,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnreadableTable => "unreadable table",
            Self::ChecksumFailure => "wrong checksums",
            Self::HeapCorruption => "corrupt table",
            Self::IndexCorruption => "corrupt index",
            Self::LostRows => "lost rows",
            Self::ContentChanged => "changed content",
            Self::ForeignKeyViolation => "violated foreign key",
            Self::UniqueViolation => "duplicate keys",
            Self::ExclusionViolation => "violated exclusion constraint",
            Self::CheckViolation => "violated check constraint",
            Self::NotNullViolation => "nulls in a not-null column",
            Self::DomainViolation => "violated domain",
            Self::InvalidIndex => "invalid index",
            Self::NotValidated => "constraint not validated",
            Self::NotEnforced => "foreign key not enforced",
            Self::SequenceBehind => "sequence behind its column",
            Self::PreparedTransaction => "prepared transaction left behind",
            Self::IdleInTransaction => "session idle in transaction",
        })
    }
}

/// Something that a reader of an audit has to know, and that is no damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Note {
    /// What kind of note it is.
    pub kind: NoteKind,
    /// What it is about: a part of the audit, or a name as SQL would write it.
    pub subject: String,
    /// What there is to know.
    pub message: String,
}

impl Note {
    pub(super) fn new(
        kind: NoteKind,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, subject: subject.into(), message: message.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind, self.subject, self.message)
    }
}

/// The kinds of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteKind {
    /// A part of the audit was not done.
    NotDone,
    /// Something was found that the test allows.
    Allowed,
    /// A table that a crash empties.
    Unlogged,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDone => "not done",
            Self::Allowed => "allowed",
            Self::Unlogged => "unlogged",
        })
    }
}
