//! Checks that did not hold in an attempt that passed.
//!
//! A check answers with an error, and a test that drops it has not heard of it: `let _ = ..`, or a spawned
//! task whose handle nobody awaits. A test may also look whether something is found, and mean to. So it is
//! told, and fails nothing.

use std::collections::BTreeSet;

use crate::report::words;
use crate::run_event::AttemptSummary;

/// How many checks are named.
const NAMED: usize = 3;

/// What is to be said of the attempt by which a test passed.
pub(super) fn remark(summary: &AttemptSummary) -> Option<String> {
    let failed = summary.checks.iter().filter(|check| !check.passed);
    let names: BTreeSet<String> = failed.map(|check| format!("`{}`", check.name)).collect();
    let names = Vec::from_iter(names);
    (!names.is_empty()).then(|| {
        format!(
            "passed, although this did not hold: {}; the error of a check is to be returned, with `?`",
            words::first_of(&names, NAMED)
        )
    })
}

#[cfg(test)]
mod tests {
    use chaos_core::event::{Event, EventKind};
    use std::time::Duration;

    use super::*;

    fn told(checks: &[(&str, bool)]) -> Option<String> {
        let event = |(name, passed): &(&str, bool)| {
            let (name, passed, found, expected) = ((*name).to_owned(), *passed, None, None);
            Event::new(Duration::ZERO, EventKind::Check { name, passed, found, expected })
        };
        remark(&crate::summary::of(&checks.iter().map(event).collect::<Vec<_>>()))
    }

    #[test]
    fn what_did_not_hold_and_went_unheard_is_told_once_by_its_name() {
        assert_eq!(told(&[("money", true)]), None);
        let text = told(&[("money", true), ("rows", false), ("rows", false)]).unwrap();
        assert!(
            text.starts_with("passed, although this did not hold: `rows`; the error"),
            "{text}"
        );
        let text = told(&["a", "b", "c", "d", "e"].map(|name| (name, false))).unwrap();
        assert!(text.contains("`a`, `b`, `c` and 2 more;"), "{text}");
    }
}
