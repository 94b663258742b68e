//! Why a case failed, and which failures are the same.

use std::any::Any;

use crate::check::{CheckFailed, NotUpheld};
use crate::error::{TestError, with_sources};

/// Why a case failed.
#[derive(Debug, Clone)]
pub(super) struct CaseFailure {
    /// Equal for failures that are taken for the same.
    pub(super) signature: String,
    /// In words for a person.
    pub(super) message: String,
    /// Where, as `file:line:column`, when that is known.
    pub(super) location: Option<String>,
}

impl CaseFailure {
    /// The test returned an error.
    pub(super) fn of_error(error: &TestError) -> Self {
        let message = with_sources(error.as_ref());
        let place = error.location().map(ToString::to_string);
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
        while let Some(error) = source {
            if let Some(check) = error.downcast_ref::<CheckFailed>() {
                // What it found differs from run to run.
                let location = Some(check.location().to_string());
                return Self { signature: format!("check: {}", check.name()), message, location };
            }
            if let Some(broken) = error.downcast_ref::<NotUpheld>() {
                let signature = format!("promise: {}", broken.report().checker);
                return Self { signature, message, location: Some(broken.location().to_string()) };
            }
            source = error.source();
        }
        let signature = format!("error: {}", normalised(&message));
        Self { signature, message, location: place }
    }

    /// The test panicked.
    pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "with something that is no text".to_owned());
        let signature = format!("panic: {}", normalised(&text));
        Self { signature, message: format!("panicked: {text}"), location: None }
    }

    /// A failure of a kind that needs no more to be told from others.
    pub(super) fn of_kind(kind: &str, message: impl Into<String>) -> Self {
        Self { signature: kind.to_owned(), message: message.into(), location: None }
    }
}

/// The first line without numbers and what stands in quotes, as those differ from run to run.
fn normalised(message: &str) -> String {
    let mut text = String::new();
    let mut quoted = None;
    for c in message.lines().next().unwrap_or_default().chars() {
        match (quoted, c) {
            (Some(quote), c) if c == quote => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '`') => {
                quoted = Some(c);
                text.push(c);
            }
            (None, c) if c.is_ascii_digit() => {
                if !text.ends_with('#') {
                    text.push('#');
                }
            }
            (None, c) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_differ_in_numbers_only_are_the_same() {
        let signature = |text: &str| CaseFailure::of_error(&text.into()).signature;
        assert_eq!(signature("found 95 of 100"), signature("found 7 of 100"));
        assert_eq!(signature("no row \"a\" is left"), signature("no row \"b\" is left"));
        assert_ne!(signature("found 95 rows"), signature("found 95 tables"));
        let panic = CaseFailure::of_panic(&"index 3 out of 2");
        assert_eq!(panic.signature, "panic: index # out of #");
    }

    #[test]
    fn a_check_is_the_same_whatever_it_found() {
        let cx = crate::Chaos::new(crate::seed::Seed(1), crate::journal::Journal::in_memory());
        let of = |found| CaseFailure::of_error(&cx.check("money", found, 2).unwrap_err());
        assert_eq!(of(1).signature, of(3).signature);
        assert_ne!(of(1).message, of(3).message);
        assert!(of(1).location.unwrap().contains("property/failure.rs:"));
    }

    #[test]
    fn an_error_is_told_with_the_place_at_which_the_test_met_it() {
        let location = CaseFailure::of_error(&"no answer".into()).location;
        // Nobody wants to know where in the library an error was made.
        assert_eq!(location, None);
    }
}
