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
}
