//! Which runs an exploration makes.

use std::num::NonZeroU64;

use super::mode::Mode;
use super::token::{Place, ReplayToken, Strike};
use super::trace::{Message, Trace};
use super::{CutPoints, Granularity};
use crate::direction::Direction;
use crate::event::SkippedPoints;
use crate::fault::SqlCode;
use crate::seed::Seed;
use crate::trigger::message::{Backend, Frontend, MessageKind};

/// What samples are drawn from: not the seed of the attempt, so that two runs of a test with the same
/// budget try the same points.
const SAMPLE: Seed = Seed(0x5eed);

/// The classes of errors with which a server refuses a connection.
const STARTING: [&str; 7] = ["08", "0A", "28", "3D", "53", "55", "57P"];

/// One run of the scenario with its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) strikes: Vec<Strike>,
    /// What they do, in words.
    pub(super) words: String,
    /// Whether it looks behind the last message that was recorded, where nothing should be met.
    pub(super) is_beyond: bool,
}

/// The runs, and what was left out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) trials: Vec<Trial>,
    pub(super) skipped: Vec<SkippedPoints>,
}

impl Plan {
    /// One fault each.
    pub(super) fn single(trace: &Trace, points: &CutPoints) -> Self {
        let chosen = chosen(trace, points.granularity);
        let mut plan = Self::default();
        let mut unanswerable = 0;
        for message in chosen {
            for mode in &points.modes {
                if trace.is_possible(message, *mode) {
                    plan.trials.push(Trial::of(message, *mode));
                } else if message.direction == Direction::Upstream {
                    unanswerable += 1;
                }
            }
        }
        plan.skip(unanswerable, "requests that no server answers with such an error");
        plan
    }

    /// A second fault behind a first one, in what was recorded of a run with the first.
    pub(super) fn second(first: &Trial, trace: &Trace, points: &CutPoints) -> Self {
        let Some(Strike { place, mode }) = first.strikes.first().copied() else {
            return Self::default();
        };
        let behind = trace.after(place);
        let chosen = chosen(trace, points.granularity);
        let chosen = chosen.into_iter().filter(|message| {
            behind.iter().any(|it| it.place == message.place) && trace.is_possible(message, mode)
        });
        let trials = chosen.map(|message| {
            let mut trial = Trial::of(message, mode);
            trial.words = format!("{}, and then {}", first.words, trial.words);
            trial.strikes.insert(0, Strike { place, mode });
            trial
        });
        Self { trials: trials.collect(), skipped: Vec::new() }
    }

    /// Keeps a sample of at most so many, the same in every run.
    pub(super) fn sample(&mut self, most: usize) {
        let surplus = self.trials.len().saturating_sub(most);
        if surplus == 0 {
            return;
        }
        let rank = |trial: &Trial| {
            let name = trial.strikes.iter().map(|it| format!("{}.{}", it.place, it.mode));
            SAMPLE.named(&name.collect::<Vec<_>>().join("+")).0
        };
        let mut ranks: Vec<u64> = self.trials.iter().map(rank).collect();
        ranks.sort_unstable();
        let last = most.checked_sub(1).and_then(|last| ranks.get(last)).copied();
        self.trials.retain(|trial| last.is_some_and(|last| rank(trial) <= last));
        self.skip(surplus, &format!("not in the sample of {most} (`at_most`)"));
    }

    pub(super) fn skip(&mut self, count: usize, why: &str) {
        if count > 0 {
            self.skipped.push(SkippedPoints::new(count, why));
        }
    }
}

impl Trial {
    pub(super) fn of(message: &Message, mode: Mode) -> Self {
        let strikes = vec![Strike { place: message.place, mode }];
        Self { strikes, words: words(&message.words, message.direction, mode), is_beyond: false }
    }

    /// The message behind the last one of its direction.
    pub(super) fn beyond(last: Place, mode: Mode) -> Option<Self> {
        let Place::Message { connection, direction, nth } = last else { return None };
        let nth = nth.checked_add(1)?;
        let trial = Self::at_unknown(Place::Message { connection, direction, nth }, mode)?;
        Some(Self { is_beyond: true, ..trial })
    }

    /// At a message that no run without faults has.
    pub(super) fn at_unknown(place: Place, mode: Mode) -> Option<Self> {
        let Place::Message { connection, direction, nth } = place else { return None };
        let side = direction.pick("request", "answer");
        let message = format!("{side} {nth} of connection {connection}");
        let words = words(&message, direction, mode);
        Some(Self { strikes: vec![Strike { place, mode }], words, is_beyond: false })
    }

    /// What a token names.
    pub(super) fn replayed(token: &ReplayToken, trace: &Trace) -> Self {
        let words = token.strikes.iter().map(|Strike { place, mode }| {
            let known = trace.words_at(*place).map(|message| Self::of(message, *mode));
            let trial = known.or_else(|| Self::at_unknown(*place, *mode));
            trial.map_or_else(|| format!("dropped after {place}"), |trial| trial.words)
        });
        let words = words.collect::<Vec<_>>().join(", and then ");
        Self { strikes: token.strikes.clone(), words, is_beyond: false }
    }

    /// Whether it is done to a server that nobody else may use.
    pub(super) fn takes_a_server(&self) -> bool {
        self.strikes.iter().any(|strike| strike.mode == Mode::ServerKilled)
    }

    /// The end of an operation after so many polls.
    pub(super) fn poll(nth: NonZeroU64) -> Self {
        let strikes = vec![Strike { place: Place::Poll(nth), mode: Mode::Cancel }];
        Self { strikes, words: format!("dropped after poll {nth}"), is_beyond: false }
    }
}

/// `reset after the server sent CommandComplete for COMMIT, before the client saw it`
fn words(message: &str, direction: Direction, mode: Mode) -> String {
    let is_request = direction == Direction::Upstream;
    match mode {
        Mode::Cut | Mode::Reset if is_request => {
            format!("{mode} before {message} reached the server")
        }
        Mode::Cut | Mode::Reset => {
            format!("{mode} after the server sent {message}, before the client saw it")
        }
        Mode::Torn if is_request => format!("reset when the server had half of {message}"),
        Mode::Torn => format!("reset when the client had half of {message}"),
        Mode::Cancel if is_request => format!("cancelled before {message} reached the server"),
        Mode::Cancel => {
            format!("cancelled after the server sent {message}, before the client saw it")
        }
        Mode::Error(code) => format!("error {code} in answer to {message}"),
        Mode::Delay => format!("{message} delayed until the operation gave up"),
        Mode::ServerKilled if is_request => {
            format!("server killed before {message} reached it")
        }
        Mode::ServerKilled => {
            format!("server killed after it sent {message}, before the client saw it")
        }
    }
}

impl Trace {
    fn is_possible(&self, message: &Message, mode: Mode) -> bool {
        match (mode, message.kind) {
            (Mode::Error(code), MessageKind::Frontend(kind)) => {
                self.is_answered(message, kind, code)
            }
            (Mode::Error(_), MessageKind::Backend(_)) => false,
            _ => true,
        }
    }

    /// Whether a server may answer the request with such an error.
    fn is_answered(&self, message: &Message, kind: Frontend, code: SqlCode) -> bool {
        match kind {
            // Closing what is not there is no error either.
            Frontend::Close
            | Frontend::SslRequest
            | Frontend::GssEncRequest
            | Frontend::CancelRequest
            | Frontend::CopyFail
            | Frontend::Flush
            | Frontend::Terminate => false,
            // It fails where it ends a transaction, as that of a statement outside of `BEGIN`.
            Frontend::Sync => {
                let before = message.exchange.checked_sub(1);
                let is_alone = before.is_some_and(|before| self.ends_transaction(message, before));
                is_alone && self.is_carried_out(message)
            }
            Frontend::Startup | Frontend::Password => {
                STARTING.iter().any(|class| code.as_str().starts_with(class))
            }
            _ => true,
        }
    }
}

/// The messages at which something is tried.
fn chosen(trace: &Trace, granularity: Granularity) -> Vec<&Message> {
    let messages = trace.messages.iter();
    match granularity {
        Granularity::Message => messages.collect(),
        Granularity::Statement => {
            messages.filter(|message| trace.is_edge_of_exchange(message)).collect()
        }
        Granularity::Transaction => messages
            .filter(|message| {
                trace.is_edge_of_exchange(message) && trace.is_edge_of_transaction(message)
            })
            .collect(),
    }
}

impl Trace {
    /// Whether it is the first message of a request, or the one of an answer that says that the
    /// request was carried out.
    ///
    /// Client and server can disagree in two ways about a request: it did not arrive, or its answer
    /// did not. Of the start-up, the first and the last message of the server count as well.
    fn is_edge_of_exchange(&self, message: &Message) -> bool {
        let same = |it: &&Message| {
            it.connection() == message.connection()
                && it.exchange == message.exchange
                && it.direction == message.direction
        };
        let mut those = self.messages.iter().filter(same);
        let first = those.next();
        let is_first = first.is_some_and(|it| it.place == message.place);
        if message.direction == Direction::Upstream {
            return is_first;
        }
        let all = || self.messages.iter().filter(same);
        if message.exchange == 0 {
            let last = all().next_back();
            return is_first || last.is_some_and(|it| it.place == message.place);
        }
        let complete = MessageKind::Backend(Backend::CommandComplete);
        let told = all().rfind(|it| it.kind == complete).or(first);
        told.is_some_and(|it| it.place == message.place)
    }

    /// Whether a transaction, or a statement outside of one, begins or ends in its exchange.
    fn is_edge_of_transaction(&self, message: &Message) -> bool {
        let Some(before) = message.exchange.checked_sub(1) else {
            return message.direction == Direction::Upstream;
        };
        let begins =
            message.direction == Direction::Upstream && self.ends_transaction(message, before);
        let ends = self.ends_transaction(message, message.exchange);
        self.is_carried_out(message) && (begins || ends)
    }

    /// Whether an exchange on the connection of a message leaves the session outside of transactions.
    fn ends_transaction(&self, message: &Message, exchange: usize) -> bool {
        self.messages.iter().any(|it| {
            it.connection() == message.connection()
                && it.exchange == exchange
                && it.ends_transaction()
        })
    }

    /// Whether the exchange of a message carries a statement out.
    fn is_carried_out(&self, message: &Message) -> bool {
        self.messages.iter().any(|it| {
            it.connection() == message.connection()
                && it.exchange == message.exchange
                && it.kind == MessageKind::Backend(Backend::CommandComplete)
        })
    }
}
