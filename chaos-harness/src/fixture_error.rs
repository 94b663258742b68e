//! The failure to set up what a test is given.

use std::error::Error;
use std::fmt;

use chaos_core::TestError;

/// A parameter of a test could not be set up, so that the test itself never began.
///
/// It is what [`TestCase::run`](crate::registry::TestCase::run) ends with in that case, as opposed
/// to the test's own error.
#[derive(Debug)]
pub struct FixtureError {
    /// The type of the parameter, as it is written in the test.
    pub fixture: &'static str,
    /// Why it could not be set up.
    pub source: TestError,
}

impl FixtureError {
    /// The error of setting up a parameter of this type.
    #[must_use]
    pub fn new(fixture: &'static str, source: TestError) -> Self {
        Self { fixture, source }
    }
}

impl fmt::Display for FixtureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The kind of the failure, "could not be set up", stands before it.
        write!(f, "the fixture `{}`: {}", self.fixture, self.source)
    }
}

impl Error for FixtureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The message says what `self.source` says, so the chain goes on behind it.
        self.source.source()
    }
}
