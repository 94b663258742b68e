//! A character for each test, as libtest's `--quiet` writes it.

use super::style::{Paint, Style};
use crate::run_event::TestOutcome;

/// A row has so many characters.
const WIDTH: usize = 88;

/// How many characters were written, and how many there will be.
#[derive(Debug, Default)]
pub(super) struct Terse {
    written: usize,
    total: usize,
}

impl Terse {
    pub(super) fn expect(&mut self, tests: usize) {
        self.total = tests;
    }

    /// The character of the next test, with the end of the row where it is one.
    pub(super) fn character(&mut self, outcome: Option<TestOutcome>, style: Style) -> String {
        let mut text = match outcome {
            Some(TestOutcome::Passed | TestOutcome::Measured | TestOutcome::PassedOnRetry) => {
                style.paint(Paint::Good, ".")
            }
            Some(TestOutcome::Failed) => style.paint(Paint::Bad, "F"),
            Some(
                TestOutcome::FailedAsAllowed | TestOutcome::Skipped | TestOutcome::Environment,
            )
            | None => style.paint(Paint::Doubtful, "i"),
        };
        self.written += 1;
        if self.written % WIDTH == 0 {
            text.push_str(&format!(" {}/{}\n", self.written, self.total));
        } else if self.written == self.total {
            text.push('\n');
        }
        text
    }
}
