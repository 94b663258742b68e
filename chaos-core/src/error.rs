//! What can go wrong in the library itself, apart from the faults that it injects.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use crate::link::LinkError;
use crate::postgres::PostgresError;
use crate::sabotage::SabotageError;

/// The error of the library's fallible operations.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A link could not be opened.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// PostgreSQL could not be found, started or used.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A fault could not take effect, or could not be undone.
    #[error(transparent)]
    Sabotage(#[from] SabotageError),
    /// A server of Toxiproxy could not carry out a request.
    #[cfg(feature = "toxiproxy")]
    #[error(transparent)]
    Toxiproxy(#[from] crate::toxiproxy::ToxiproxyError),
    /// Something that the test needs is missing, so it is skipped.
    #[error("skipped: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
}

/// The error of a test: any error or text, and where the test met it.
///
/// The operator `?` makes it of anything that can become a `Box<dyn Error + Send + Sync>`: any error, a
/// text, or such a box. It keeps the place of that `?`, which reports show, so that an error with little
/// text (`db error`) still says where.
///
/// ```
/// use chaos_core::{TestError, TestResult};
///
/// fn port(text: &str) -> TestResult<u16> {
///     let port = text.parse()?;
///     if port == 0 {
///         return Err("a port is not 0".into());
///     }
///     Ok(port)
/// }
///
/// let error: TestError = port("a").unwrap_err();
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// assert!(error.is::<std::num::ParseIntError>());
/// assert_eq!(error.location().map(|place| place.column()), Some(16)); // of `text.parse()?`
/// ```
///
/// Because it converts from every error it does not implement `Error` itself: it
/// [derefs](std::ops::Deref) to the error that it holds, and [`into_inner`](Self::into_inner) returns that
/// as a `Box<dyn Error + Send + Sync>`.
pub struct TestError {
    source: Box<dyn StdError + Send + Sync>,
    location: &'static Location<'static>,
}

impl TestError {
    /// The error that it holds.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.source
    }

    /// Where it was made: the place of the first `?` that the error passed. None if that is inside this
    /// library, which would not help anybody.
    #[must_use]
    pub fn location(&self) -> Option<&'static Location<'static>> {
        let own = file!().trim_end_matches("error.rs");
        (!self.location.file().starts_with(own)).then_some(self.location)
    }

    /// The error as this type.
    ///
    /// # Errors
    ///
    /// This error, if it is of another type.
    pub fn downcast<E: StdError + 'static>(self) -> Result<Box<E>, Self> {
        let Self { source, location } = self;
        source.downcast().map_err(|source| Self { source, location })
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for TestError {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { source: error.into(), location: Location::caller() }
    }
}

impl Deref for TestError {
    type Target = dyn StdError + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        self.source.as_ref()
    }
}

impl AsRef<dyn StdError + Send + Sync + 'static> for TestError {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.source.as_ref()
    }
}

impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)?;
        self.location().map_or(Ok(()), |location| write!(f, " at {location}"))
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

/// A [`TestError`], or any error type.
///
/// `TestError` does not implement [`Error`](StdError), so no bound of the standard library covers both.
pub trait AnyError {
    /// The error.
    fn error(&self) -> &(dyn StdError + 'static);
}

impl<E: StdError + 'static> AnyError for E {
    fn error(&self) -> &(dyn StdError + 'static) {
        self
    }
}

impl AnyError for TestError {
    fn error(&self) -> &(dyn StdError + 'static) {
        self.source.as_ref()
    }
}

/// What a test returns.
pub type TestResult<T = ()> = Result<T, TestError>;

/// The text of an error and of the whole chain of its sources, because the outermost one often says
/// little.
#[must_use]
pub fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}
