//! The error of a test whose promise was not upheld, or was not shown to be.

use std::panic::Location;

use super::{Report, Validity};
use crate::verdict::FailureKind;

/// A promise that was broken, or was not shown to hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{report}")]
pub struct NotUpheld {
    report: Box<Report>,
    location: &'static Location<'static>,
}

impl NotUpheld {
    pub(crate) fn new(report: Report, location: &'static Location<'static>) -> Self {
        Self { report: Box::new(report), location }
    }

    /// What was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Where it was judged.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// [`Violation`](FailureKind::Violation) where it was broken, and
    /// [`Unproven`](FailureKind::Unproven) where nothing is known.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self.report.validity() {
            Validity::Violated => FailureKind::Violation,
            Validity::Valid | Validity::Unknown => FailureKind::Unproven,
        }
    }
}

impl Report {
    /// Makes an error of anything but a valid answer.
    ///
    /// # Errors
    ///
    /// When it is violated, or unknown.
    #[track_caller]
    pub fn into_result(self) -> Result<Self, NotUpheld> {
        if self.validity() == Validity::Valid {
            return Ok(self);
        }
        Err(NotUpheld::new(self, Location::caller()))
    }
}
