//! The steps of a transaction.

use super::datum::Datum;

/// One step of a transaction: what Jepsen calls a micro-operation.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// This element was appended to the list of this key. No other append to the key has the same.
    Append(Datum<'a>, Datum<'a>),
    /// The list of this key was read; `None` where it is not known what came of it.
    Read(Datum<'a>, Option<&'a [Datum<'a>]>),
    /// The register of this key was overwritten.
    Write(Datum<'a>, Written<'a>),
    /// The register of this key was read; `None` for the state before the first write.
    Get(Datum<'a>, Option<Written<'a>>),
}

/// What is in a register: a version, a value, or both.
///
/// All writes of a history have versions, or none has. Without them no two writes of a key have the
/// same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Written<'a> {
    /// A number that each write of the key makes greater.
    pub version: Option<i64>,
    /// What was written.
    pub value: Option<Datum<'a>>,
}

impl<'a> Written<'a> {
    /// What has this version.
    #[must_use]
    pub const fn version(version: i64) -> Self {
        Self { version: Some(version), value: None }
    }

    /// This value, without a version.
    #[must_use]
    pub const fn value(value: Datum<'a>) -> Self {
        Self { version: None, value: Some(value) }
    }

    /// Says the value beside the version, which tells apart what an aborted transaction wrote.
    #[must_use]
    pub const fn with_value(mut self, value: Datum<'a>) -> Self {
        self.value = Some(value);
        self
    }
}
