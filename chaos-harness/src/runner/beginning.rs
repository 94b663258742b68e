//! Whether a test is begun when its turn comes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chaos_core::duration::Display;

use super::Runner;
use crate::capability;
use crate::phases::progress::Turn;
use crate::run_event::SkipCause;
use crate::selection::Selected;
use crate::selection::named::Named;

/// How long a run may take.
#[derive(Debug)]
pub(super) struct Budget {
    /// The name of the selection.
    selection: String,
    time: Duration,
}

impl Budget {
    /// That of a selection, if it has one.
    pub(super) fn of(named: &Named) -> Option<Self> {
        Some(Self { selection: named.name.clone(), time: named.budget? })
    }
}

/// Why a test is not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) text: String,
    /// Absent if it has to do with the test alone.
    pub(super) cause: Option<SkipCause>,
}

impl Reason {
    fn of_test(text: String) -> Self {
        Self { text, cause: None }
    }

    fn of_run(text: impl Into<String>, cause: SkipCause) -> Self {
        Self { text: text.into(), cause: Some(cause) }
    }
}

impl Runner {
    /// Why a test is not begun, if that is so. Waits for the phases that it comes after; whatever is known
    /// without that is found out first.
    pub(super) fn not_begun_because(&self, test: &Selected, turn: &Turn<'_>) -> Option<Reason> {
        let options = &test.case.options;
        let ignored = test.ignored.then(|| options.ignore.unwrap_or_default().to_owned());
        ignored
            .map(Reason::of_test)
            .or_else(|| self.stopped())
            .or_else(|| capability::missing(options.requires).map(Reason::of_test))
            .or_else(|| turn.wait().map(|reason| Reason::of_run(reason, SkipCause::PhaseLocked)))
    }

    /// Why no more tests are to be begun, if that is so.
    pub(super) fn stopped(&self) -> Option<Reason> {
        if let Some(interruption) = self.interrupt.get() {
            return Some(Reason::of_run(interruption.reason(), SkipCause::Stopped));
        }
        if self.fail_fast && self.has_failed.load(Ordering::Relaxed) {
            let text = "not run, because a test failed before it (--fail-fast)";
            return Some(Reason::of_run(text, SkipCause::Stopped));
        }
        let over = self.out_of_time()?;
        Some(Reason::of_run(format!("not begun: {over}"), SkipCause::OutOfTime))
    }

    /// That the budget of the selection is used up, in words, if that is so.
    pub(super) fn out_of_time(&self) -> Option<String> {
        let Budget { selection, time } = self.budget.as_ref()?;
        let is_over = self.began.elapsed() >= *time;
        is_over.then(|| format!("the {} of the selection `{selection}` are over", Display(*time)))
    }
}
