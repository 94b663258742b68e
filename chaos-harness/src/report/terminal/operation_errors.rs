//! The errors that the operations of an attempt met, the commonest first.

use std::cmp::Reverse;
use std::collections::HashMap;

use chaos_core::event::{Event, EventKind};
use chaos_core::outcome::Outcome;

use crate::report::redact::redact;
use crate::report::words;

/// So many different errors are shown.
const SHOWN: usize = 3;

/// Longer errors are cut off.
const WIDEST: usize = 160;

/// A line for each of the commonest errors: `151 failed: connection refused`.
pub(super) fn render(events: &[Event]) -> Vec<String> {
    let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
    for event in events {
        let EventKind::Operation { outcome, error: Some(error), .. } = &event.what else {
            continue;
        };
        let outcome = match outcome {
            Outcome::Ok => continue,
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        };
        *counts.entry((error, outcome)).or_default() += 1;
    }
    let mut errors: Vec<_> = counts.into_iter().collect();
    errors.sort_unstable_by_key(|(error, count)| (Reverse(*count), *error));
    let in_words = |((error, outcome), count): &((&str, &str), u64)| {
        let error = words::shortened(&words::one_line(&redact(error)), WIDEST);
        format!("{count} {outcome}: {error}")
    };
    let mut lines: Vec<String> = errors.iter().take(SHOWN).map(in_words).collect();
    let others = errors.get(SHOWN..).unwrap_or_default();
    if !others.is_empty() {
        let operations: u64 = others.iter().map(|(_, count)| count).sum();
        let errors = words::counted(others.len() as u64, "other error");
        lines.push(format!("{operations} with {errors}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn operations(count: u64, outcome: Outcome, error: Option<&str>) -> Vec<Event> {
        let error = error.map(str::to_owned);
        let what = EventKind::Operation { client: 0, began: 0, outcome, error, sqlstate: None };
        (0..count).map(|_| Event::new(Duration::ZERO, what.clone())).collect()
    }

    #[test]
    fn the_commonest_errors_are_shown_and_the_others_counted() {
        let events = [
            operations(90, Outcome::Ok, None),
            operations(2, Outcome::Failed, Some("no connection\nwithin 5 s")),
            operations(7, Outcome::Unknown, Some("postgres://app:secret@127.0.0.1/x: closed")),
            operations(1, Outcome::Failed, Some("b")),
            operations(1, Outcome::Failed, Some("c")),
            operations(1, Outcome::Failed, Some("a")),
        ]
        .concat();
        assert_eq!(
            render(&events),
            [
                "7 unknown: postgres://app:***@127.0.0.1/x: closed",
                "2 failed: no connection within 5 s",
                "1 failed: a",
                "2 with 2 other errors",
            ]
        );
    }

    #[test]
    fn operations_without_errors_make_no_lines() {
        assert_eq!(render(&operations(3, Outcome::Ok, None)), Vec::<String>::new());
        assert_eq!(render(&operations(3, Outcome::Unknown, None)), Vec::<String>::new());
    }
}
