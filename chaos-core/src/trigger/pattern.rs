//! Bytes whose passing lets a fault begin.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::direction::Directions;

/// Bytes to look for in what a connection delivers, in both directions or one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a pattern does nothing until it is given to a fault: `cut().when_seen(pattern)`"]
pub struct Pattern {
    bytes: Stored,
    #[serde(default)]
    directions: Directions,
    #[serde(default = "once", skip_serializing_if = "is_once")]
    times: NonZeroU64,
}

fn once() -> NonZeroU64 {
    NonZeroU64::MIN
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(times: &NonZeroU64) -> bool {
    *times == once()
}

/// The bytes, which are text in the journal if they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
struct Stored(Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes(Vec<u8>),
}

/// A pattern without bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has at least 1 byte; without one the fault would begin at once")]
pub struct EmptyPattern;

/// These bytes, such as `b"COMMIT"`, in either direction unless one is chosen.
///
/// ```
/// use chaos_core::prelude::*;
///
/// // The server gets the request to commit, and its answer is lost.
/// let fault = cut().when_seen(seen(b"COMMIT").upstream());
/// ```
///
/// # Panics
///
/// When there are none.
#[track_caller]
pub fn seen(bytes: impl AsRef<[u8]>) -> Pattern {
    match Pattern::new(bytes.as_ref()) {
        Ok(pattern) => pattern,
        Err(error) => panic!("{error}"),
    }
}

impl Pattern {
    /// These bytes, in either direction.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn new(bytes: &[u8]) -> Result<Self, EmptyPattern> {
        Ok(Self {
            bytes: Stored::try_from(Form::Bytes(bytes.to_vec()))?,
            directions: Directions::Both,
            times: once(),
        })
    }

    /// Only in what the client sends.
    pub fn upstream(self) -> Self {
        Self { directions: Directions::Upstream, ..self }
    }

    /// Only in what the server sends.
    pub fn downstream(self) -> Self {
        Self { directions: Directions::Downstream, ..self }
    }

    /// Not the first time that they pass, but the n-th. Where they overlap themselves, the next time
    /// begins behind the last: `aaaa` has `aa` twice.
    ///
    /// The directions count together, and with [`per_link`](crate::fault::Cut::per_link) all
    /// connections do.
    ///
    /// # Panics
    ///
    /// When `n` is 0: they are counted from 1.
    #[track_caller]
    pub fn nth(self, n: u64) -> Self {
        let times = NonZeroU64::new(n);
        let times = times.expect("what is seen is counted from 1; leave `nth` out for the first");
        Self { times, ..self }
    }

    /// The bytes, at least one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes.0
    }

    /// In which directions they are looked for, in each by itself.
    #[must_use]
    pub fn directions(&self) -> Directions {
        self.directions
    }

    /// How often they have to pass.
    #[must_use]
    pub fn times(&self) -> NonZeroU64 {
        self.times
    }
}

impl<const N: usize> From<&[u8; N]> for Pattern {
    /// # Panics
    ///
    /// When there are no bytes.
    #[track_caller]
    fn from(bytes: &[u8; N]) -> Self {
        seen(bytes)
    }
}

impl From<&[u8]> for Pattern {
    /// # Panics
    ///
    /// When there are no bytes.
    #[track_caller]
    fn from(bytes: &[u8]) -> Self {
        seen(bytes)
    }
}

impl From<&str> for Pattern {
    /// # Panics
    ///
    /// When the text is empty.
    #[track_caller]
    fn from(text: &str) -> Self {
        seen(text)
    }
}

impl TryFrom<Form> for Stored {
    type Error = EmptyPattern;

    fn try_from(form: Form) -> Result<Self, EmptyPattern> {
        let bytes = match form {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        };
        if bytes.is_empty() { Err(EmptyPattern) } else { Ok(Self(bytes)) }
    }
}

impl From<Stored> for Form {
    fn from(Stored(bytes): Stored) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

/// `"COMMIT" ↑ was seen 3 times`
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())?;
        if self.directions != Directions::Both {
            write!(f, " {}", self.directions)?;
        }
        f.write_str(" was seen")?;
        if self.times == once() { Ok(()) } else { write!(f, " {} times", self.times) }
    }
}
