//! What passed in one run of the scenario, message by message.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use super::token::Place;
use crate::direction::Direction;
use crate::trigger::message::{Backend, Frontend, MessageKind};
use crate::wire::postgres::Passed;
use crate::wire::sql;

/// How much of a statement belongs in a sentence.
const WORDS: usize = 60;

/// By what the questions that follow an operation are known.
const FOLLOW_UP: &str = "chaos: follow-up";

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) place: Place,
    pub(super) direction: Direction,
    pub(super) kind: MessageKind,
    /// What it is in words, with the statement that it belongs to.
    pub(super) words: String,
    /// Its kind and what it carries, as the wire has it.
    summary: String,
    /// Its statements without literals, which may be other ones in another run.
    likeness: Vec<String>,
    /// Which exchange of its connection it belongs to: 0 for the start-up.
    pub(super) exchange: usize,
}

/// The messages of a run, in the order in which they were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) messages: Vec<Message>,
}

/// One connection of a run.
#[derive(Debug, Default)]
struct Sides {
    upstream: Vec<usize>,
    downstream: Vec<usize>,
}

/// Two runs that are not alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) at: Place,
    pub(super) first: Option<String>,
    pub(super) second: Option<String>,
}

impl Trace {
    /// What passed on the connections of these numbers that the operation opened, up to the questions
    /// that followed.
    pub(super) fn of(opened: RangeInclusive<u64>, passed: Vec<Passed>) -> Self {
        let before = opened.start() - 1;
        let ours = passed.into_iter().filter(|one| opened.contains(&one.connection));
        let ours: Vec<Passed> = ours.collect();
        let mut asked: BTreeMap<u64, Asked> = BTreeMap::new();
        let mut messages = Vec::new();
        for one in ours {
            let state = asked.entry(one.connection).or_default();
            if state.is_over(&one) || one.kind == MessageKind::Frontend(Frontend::Terminate) {
                continue;
            }
            let connection = NonZeroU64::new(one.connection - before);
            let (Some(connection), Some(nth)) = (connection, NonZeroU64::new(one.nth)) else {
                continue;
            };
            let Passed { direction, kind, summary, .. } = one;
            let place = Place::Message { connection, direction, nth };
            let words = summary.clone();
            let mut message = Message {
                place,
                direction,
                kind,
                words,
                summary,
                likeness: Vec::new(),
                exchange: 0,
            };
            let sql = message.sql().map(sql::statements).unwrap_or_default();
            message.likeness = sql.into_iter().map(|one| one.fingerprint).collect();
            messages.push(message);
        }
        let mut trace = Self { messages };
        trace.name_exchanges();
        trace
    }

    pub(super) fn connections(&self) -> u64 {
        self.messages.iter().filter_map(Message::connection).max().unwrap_or_default()
    }

    pub(super) fn words_at(&self, place: Place) -> Option<&Message> {
        self.messages.iter().find(|message| message.place == place)
    }

    /// The messages that were seen after the one at this place.
    pub(super) fn after(&self, place: Place) -> &[Message] {
        let at = self.messages.iter().position(|message| message.place == place);
        at.map_or(&[], |at| &self.messages[at + 1..])
    }

    /// The last message of each direction of each connection.
    pub(super) fn last_places(&self) -> Vec<Place> {
        let mut last: BTreeMap<(u64, Direction), Place> = BTreeMap::new();
        for message in &self.messages {
            if let Some(connection) = message.connection() {
                last.insert((connection, message.direction), message.place);
            }
        }
        last.into_values().collect()
    }

    /// The first message that is not alike in another run: in kind, or also in what it carries.
    pub(super) fn difference(&self, other: &Self, strictly: bool) -> Option<Difference> {
        let alike = |one: &Message, another: &Message| {
            one.kind == another.kind
                && if strictly {
                    one.summary == another.summary
                } else {
                    one.likeness == another.likeness
                }
        };
        for message in &self.messages {
            match other.words_at(message.place) {
                Some(another) if alike(message, another) => {}
                another => {
                    let second = another.map(|another| another.words.clone());
                    let first = Some(message.words.clone());
                    return Some(Difference { at: message.place, first, second });
                }
            }
        }
        let more = other.messages.iter().find(|it| self.words_at(it.place).is_none());
        more.map(|more| Difference {
            at: more.place,
            first: None,
            second: Some(more.words.clone()),
        })
    }

    /// Tells requests and their answers apart from those before and after them.
    fn name_exchanges(&mut self) {
        let mut connections: BTreeMap<u64, Sides> = BTreeMap::new();
        for (index, message) in self.messages.iter().enumerate() {
            let Some(connection) = message.connection() else { continue };
            let sides = connections.entry(connection).or_default();
            match message.direction {
                Direction::Upstream => sides.upstream.push(index),
                Direction::Downstream => sides.downstream.push(index),
            }
        }
        for sides in connections.values() {
            let titles = self.number_requests(&sides.upstream);
            self.number_answers(&sides.downstream);
            for index in sides.upstream.iter().chain(&sides.downstream) {
                let message = &mut self.messages[*index];
                message.words = message.sentence(titles.get(&message.exchange));
            }
        }
    }

    /// Returns the statement of each exchange that has one.
    fn number_requests(&mut self, upstream: &[usize]) -> BTreeMap<usize, String> {
        let mut titles = BTreeMap::new();
        let mut exchange = 0;
        let mut is_over = false;
        for &index in upstream {
            let message = &mut self.messages[index];
            let MessageKind::Frontend(kind) = message.kind else { continue };
            let goes_on = match kind {
                Frontend::Startup
                | Frontend::Password
                | Frontend::SslRequest
                | Frontend::GssEncRequest => exchange == 0,
                // What is copied belongs to the statement that copies.
                Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail => true,
                _ => exchange > 0 && !is_over,
            };
            if !goes_on {
                exchange += 1;
            }
            is_over = matches!(kind, Frontend::Query | Frontend::Sync | Frontend::FunctionCall);
            message.exchange = exchange;
            if let Some(statement) = message.sql().map(shortened) {
                titles.entry(exchange).or_insert(statement);
            }
        }
        titles
    }

    fn number_answers(&mut self, downstream: &[usize]) {
        let mut exchange = 0;
        for &index in downstream {
            let message = &mut self.messages[index];
            message.exchange = exchange;
            if message.kind == MessageKind::Backend(Backend::ReadyForQuery) {
                exchange += 1;
            }
        }
    }
}

impl Message {
    pub(super) fn connection(&self) -> Option<u64> {
        match self.place {
            Place::Message { connection, .. } => Some(connection.get()),
            Place::Poll(_) => None,
        }
    }

    /// Whether the session is outside of any transaction behind this message.
    pub(super) fn ends_transaction(&self) -> bool {
        self.summary == "ReadyForQuery I"
    }

    /// What it carries, if that is SQL.
    fn sql(&self) -> Option<&str> {
        let MessageKind::Frontend(kind) = self.kind else { return None };
        let sql = self.summary.strip_prefix(kind.name())?.trim();
        if sql.is_empty() { None } else { Some(sql) }
    }

    fn sentence(&self, title: Option<&String>) -> String {
        match (self.kind, title) {
            (MessageKind::Backend(Backend::CommandComplete), _) => {
                let tag = self.summary.strip_prefix("CommandComplete").unwrap_or_default();
                format!("CommandComplete for {}", tag.trim())
            }
            (MessageKind::Backend(Backend::ReadyForQuery), Some(title)) => {
                format!("ReadyForQuery after `{title}`")
            }
            (MessageKind::Backend(Backend::ReadyForQuery), None) if self.exchange == 0 => {
                "the first ReadyForQuery".to_owned()
            }
            (MessageKind::Backend(Backend::ErrorResponse), _) => self.summary.clone(),
            (MessageKind::Backend(kind), Some(title)) => format!("{kind} for `{title}`"),
            (MessageKind::Frontend(kind), Some(title)) => format!("{kind} `{title}`"),
            (MessageKind::Frontend(_) | MessageKind::Backend(_), None) => self.summary.clone(),
        }
    }
}

/// Whether the questions that follow have begun on a connection.
#[derive(Debug, Default)]
struct Asked {
    question: bool,
    answer: bool,
}

impl Asked {
    fn is_over(&mut self, passed: &Passed) -> bool {
        match passed.direction {
            Direction::Upstream => {
                self.question |= passed.summary.contains(FOLLOW_UP);
                self.question
            }
            Direction::Downstream => {
                // What comes before its rows answers what came before the question.
                let rows = passed.kind == MessageKind::Backend(Backend::RowDescription);
                self.answer |= self.question && rows;
                self.answer
            }
        }
    }
}

fn shortened(sql: &str) -> String {
    match sql.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}...", sql[..end].trim_end().trim_end_matches('.')),
        None => sql.to_owned(),
    }
}
