//! What passed while a plan was carried out, and the triggers that meet one of its messages again.

use std::ops::Range;
use std::time::Duration;

use crate::trigger::message::{
    Backend, Count, Frontend, MessageKind, MessageTrigger, StatementPattern, Which,
};
use crate::wire::postgres::Passed;

/// How much of a statement names it in a trigger, in characters.
const MOST_OF_A_STATEMENT: usize = 60;

/// The messages that passed, in order, and which of them belong to which operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Recording {
    pub(super) messages: Vec<Passed>,
    /// Of each operation that was carried out.
    pub(super) spans: Vec<Option<Span>>,
}

/// What passed between the beginning and the end of an operation, also for others.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) messages: Range<usize>,
    pub(super) took: Duration,
}

/// A message of an operation at which a fault can act.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// The place of the operation.
    pub(super) during: usize,
    pub(super) trigger: MessageTrigger,
    /// Whether it asks the server to carry a statement out.
    pub(super) is_statement: bool,
}

impl Recording {
    /// Of so many operations, none of which was carried out.
    pub(super) fn of(operations: usize) -> Self {
        Self { messages: Vec::new(), spans: vec![None; operations] }
    }

    /// All messages at which faults can act, in order.
    pub(super) fn points(&self) -> Vec<Point> {
        let spans = self.spans.iter().enumerate();
        let spans = spans.filter_map(|(place, span)| Some((place, span.as_ref()?)));
        spans
            .flat_map(|(place, span)| {
                (0..span.messages.len()).filter_map(move |nth| self.point(place, nth))
            })
            .collect()
    }

    /// The message that passed as number `nth` of an operation, counted from 0.
    pub(super) fn point(&self, during: usize, nth: usize) -> Option<Point> {
        let span = self.spans.get(during)?.as_ref()?;
        let messages = self.messages.get(span.messages.clone())?;
        let met = messages.get(nth)?;
        // Nothing depends on a goodbye.
        if met.kind == MessageKind::Frontend(Frontend::Terminate) {
            return None;
        }
        let which = which(met);
        let before = messages[..nth].iter().filter(|it| counts(&which, it)).count();
        let count = Count::Nth((before as u64 + 1).try_into().ok()?);
        let is_statement = matches!(which, Which::Statement(_));
        let trigger = MessageTrigger { count, over_link: true, ..MessageTrigger::new(which) };
        Some(Point { during, trigger, is_statement })
    }
}

/// What names the message best, and still does when the test has changed a little: its SQL, its tag,
/// or else its kind.
fn which(met: &Passed) -> Which {
    let (_, said) = met.summary.split_once(' ').unwrap_or_default();
    match met.kind {
        MessageKind::Frontend(Frontend::Query | Frontend::Execute) if !said.is_empty() => {
            let is_commit = ["COMMIT", "END"].iter().any(|it| said.eq_ignore_ascii_case(it));
            Which::Statement(match is_commit {
                true => StatementPattern::Commit,
                false => StatementPattern::Prefix(beginning(said).to_owned()),
            })
        }
        MessageKind::Backend(Backend::CommandComplete) => {
            let word = said.split(' ').next().unwrap_or_default();
            Which::Tag(word.to_owned())
        }
        kind => Which::Kind(kind),
    }
}

/// Whether a trigger counts the message.
fn counts(trigger: &Which, message: &Passed) -> bool {
    match (trigger, which(message)) {
        (Which::Tag(tag), Which::Tag(other)) => other.starts_with(tag.as_str()),
        (
            Which::Statement(StatementPattern::Prefix(prefix)),
            Which::Statement(StatementPattern::Prefix(_)),
        ) => {
            let (_, said) = message.summary.split_once(' ').unwrap_or_default();
            let (said, prefix) = (said.to_lowercase(), prefix.to_lowercase());
            said.starts_with(&prefix)
        }
        (trigger, other) => *trigger == other,
    }
}

/// The beginning of a statement up to the end of a word, as far as it is of one statement.
fn beginning(sql: &str) -> &str {
    let sql = sql.split([';', '\'', '$']).next().unwrap_or_default().trim_end();
    match sql.char_indices().nth(MOST_OF_A_STATEMENT) {
        Some((end, _)) => sql[..end].rsplit_once(' ').map_or(&sql[..end], |(words, _)| words),
        None => sql.trim_end_matches('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::Direction;

    fn passed(kind: MessageKind, summary: &str) -> Passed {
        let direction = match kind {
            MessageKind::Frontend(_) => Direction::Upstream,
            MessageKind::Backend(_) => Direction::Downstream,
        };
        Passed { connection: 1, direction, nth: 1, kind, summary: summary.to_owned() }
    }

    fn recorded() -> Recording {
        let query = MessageKind::Frontend(Frontend::Query);
        let complete = MessageKind::Backend(Backend::CommandComplete);
        let ready = MessageKind::Backend(Backend::ReadyForQuery);
        let messages = vec![
            passed(query, "Query BEGIN"),
            passed(complete, "CommandComplete BEGIN"),
            passed(ready, "ReadyForQuery T"),
            passed(query, "Query UPDATE account SET balance = balance - 5 WHERE name = 'a'"),
            passed(complete, "CommandComplete UPDATE 1"),
            passed(ready, "ReadyForQuery T"),
            passed(query, "Query COMMIT"),
            passed(complete, "CommandComplete COMMIT"),
            passed(ready, "ReadyForQuery I"),
            passed(MessageKind::Frontend(Frontend::Terminate), "Terminate"),
        ];
        let span = |messages| Some(Span { messages, took: Duration::from_millis(1) });
        Recording { messages, spans: vec![None, span(0..6), span(6..10)] }
    }

    #[test]
    fn every_message_of_an_operation_is_named_so_that_it_is_met_again() {
        let points = recorded().points();
        let named: Vec<_> =
            points.iter().map(|point| format!("{} {}", point.during, point.trigger)).collect();
        assert_eq!(
            named,
            [
                "1 request `BEGIN` number 1 of the link",
                "1 answer BEGIN number 1 of the link",
                "1 ReadyForQuery number 1 of the link",
                "1 request `UPDATE account SET balance = balance - 5 WHERE name =` number 1 of the link",
                "1 answer UPDATE number 1 of the link",
                "1 ReadyForQuery number 2 of the link",
                "2 request of a commit number 1 of the link",
                "2 answer COMMIT number 1 of the link",
                "2 ReadyForQuery number 1 of the link",
            ]
            .map(|name| name.replace("of a commit", "COMMIT"))
        );
        let statements = points.iter().filter(|point| point.is_statement).count();
        assert_eq!(statements, 3);
    }
}
