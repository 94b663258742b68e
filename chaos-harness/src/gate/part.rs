//! Which part of the suite a run was: what did not run although it might have, and why.
//!
//! A gate of a part is judged by what ran, and says so; a share of the suite is not judged by a part.

use crate::report::record::RunRecord;
use crate::report::words;
use crate::run_event::SkipCause;

/// The tests that did not run.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Their domains, and why they did not.
    left_out: Vec<(Option<String>, Why)>,
}

/// Why a test did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// The arguments leave it out.
    Filtered,
    /// The selection of this name leaves it out.
    NotSelected(String),
    /// It is not in the run that is judged, for a reason of whoever made that.
    NotInRun,
    /// It was skipped.
    Skipped(SkipCause),
}

impl Part {
    /// What was left out before the run, and what was not begun in it.
    pub(crate) fn of(left_out: Vec<(Option<String>, Why)>, runs: &[RunRecord]) -> Self {
        let skipped = runs.iter().flat_map(|run| &run.tests).filter_map(|test| {
            let domain = test.description.as_ref().and_then(|it| it.domain.clone());
            Some((domain, Why::Skipped(test.skip_cause?)))
        });
        Self { left_out: left_out.into_iter().chain(skipped).collect() }
    }

    /// What did not run of a domain, or of the suite, in words: `3 tests did not run (3 filtered out)`.
    /// None if all of it did.
    pub(super) fn remark(&self, domain: Option<&str>) -> Option<String> {
        let is_of = |own: &Option<String>| domain.is_none() || own.as_deref() == domain;
        let mut counts: Vec<(&Why, u64)> = Vec::new();
        for (_, why) in self.left_out.iter().filter(|(own, _)| is_of(own)) {
            match counts.iter_mut().find(|(known, _)| *known == why) {
                Some((_, count)) => *count += 1,
                None => counts.push((why, 1)),
            }
        }
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let parts: Vec<String> = counts
            .iter()
            .map(|(why, count)| match why {
                Why::Filtered => format!("{count} filtered out"),
                Why::NotSelected(name) => format!("{count} not of the selection `{name}`"),
                Why::NotInRun => format!("{count} not in the run"),
                Why::Skipped(SkipCause::PhaseLocked) => format!("{count} of a locked phase"),
                Why::Skipped(SkipCause::OutOfTime) => format!("{count} out of time"),
                Why::Skipped(SkipCause::Stopped) => format!("{count} after the run was stopped"),
            })
            .collect();
        let tests = words::counted(total, "test");
        (total > 0).then(|| format!("{tests} did not run ({})", parts.join(", ")))
    }
}
