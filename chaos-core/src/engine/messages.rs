//! Holding each message until it is known for what it is, and doing to it what faults want.
//!
//! Bytes wait in the queue of their direction as ever. At its front lie bytes that may leave, because
//! they belong to messages that were let pass; behind them the beginning of a message that the
//! [`Session`] has looked at and that is not let pass yet; and then what it has not looked at. Only
//! the beginning of a message is held, up to what tells it apart, so that a message of a gigabyte
//! streams by.
//!
//! A message at which a fault acts waits until everything before it has left. Then the fault begins,
//! or the message is changed in the queue, where nothing is looked at twice.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::plan;
use super::{Ended, Engine, StreamEnd};
use crate::direction::Direction;
use crate::event::FaultId;
use crate::fault::FaultKind;
use crate::trigger::message::{Backend, Frontend, MessageKind, MessageMet};
use crate::wire::postgres::{Failure, Message, Replacement, Session, Treatment};

/// How long a message may be that is held as a whole.
const WHOLE: u64 = 1 << 20;

/// How much of what a message holds may be changed.
const CHANGED: u64 = 64;

/// The messages of a connection, while faults act on it.
#[derive(Debug)]
pub(super) struct Messages {
    session: Box<Session>,
    upstream: Stage,
    downstream: Stage,
}

/// Where the queue of a direction stands.
#[derive(Debug, Default)]
struct Stage {
    /// How many bytes at the front came from nobody but us.
    inserted: usize,
    /// How many bytes behind them may leave.
    released: usize,
    /// How many bytes behind those the session has looked at.
    looked_at: usize,
    /// How many bytes at the front are to be dropped.
    skip: u64,
    /// Whether some of the message that is being looked at has left before.
    is_torn: bool,
    /// Until when everything waits, and for which fault.
    held: Option<(Duration, FaultId)>,
    /// A message at which something is to be done.
    struck: Option<Struck>,
    /// Faults that begin when so many more bytes have left.
    later: Vec<(u64, FaultId)>,
    /// The fault that ends the connection as soon as what was inserted has left.
    ends: Option<FaultId>,
}

/// A message at which something is to be done.
#[derive(Debug)]
struct Struck {
    message: Message,
    /// The faults that have not acted yet.
    faults: VecDeque<FaultId>,
    /// What is done with it then, if that is settled.
    treatment: Option<Treatment>,
}

/// What may leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// So many bytes of the queue, if there are as many.
    Open(usize),
    /// Nothing before this time.
    Until(Duration),
    /// Nothing before more has come.
    Shut,
    /// Everything has to be asked again.
    Again,
}

impl Messages {
    fn parts(&mut self, direction: Direction) -> (&mut Session, &mut Stage) {
        (&mut self.session, direction.pick(&mut self.upstream, &mut self.downstream))
    }
}

impl Engine {
    /// Looks for messages from now on, where a session left off.
    pub(crate) fn read_messages(&mut self, session: Box<Session>) {
        let stage =
            |direction| Stage { is_torn: session.is_in_head(direction), ..Stage::default() };
        let (upstream, downstream) = (stage(Direction::Upstream), stage(Direction::Downstream));
        self.messages = Some(Messages { session, upstream, downstream });
    }

    /// Hands the session on, when the engine is idle.
    pub(crate) fn into_session(self) -> Option<Box<Session>> {
        self.messages.map(|messages| messages.session)
    }

    /// What a person is to know of the messages, told once.
    pub(crate) fn take_sentence(&mut self) -> Option<String> {
        self.messages.as_mut().and_then(|messages| messages.session.take_sentence())
    }

    /// Whether everything that was planned for messages has been done.
    pub(super) fn has_no_plans(&self) -> bool {
        self.messages.as_ref().is_none_or(|messages| {
            let is_done = |stage: &Stage| stage.skip == 0 && stage.ends.is_none();
            is_done(&messages.upstream)
                && is_done(&messages.downstream)
                && !messages.session.has_plans()
        })
    }

    /// What waits in a direction is lost, so that nothing behind it can be read.
    pub(super) fn lose_messages(&mut self, direction: Direction) {
        if let Some(messages) = &mut self.messages {
            let (session, stage) = messages.parts(direction);
            session.lose_track();
            *stage = Stage::default();
        }
    }

    /// A fault is over, and what it holds may go on.
    pub(super) fn release_messages(&mut self, fault: FaultId) {
        let Some(messages) = &mut self.messages else { return };
        for stage in [&mut messages.upstream, &mut messages.downstream] {
            stage.held = stage.held.filter(|(_, by)| *by != fault);
            stage.later.retain(|(_, waiting)| *waiting != fault);
        }
    }

    /// Notes that bytes left.
    pub(super) fn messages_left(&mut self, direction: Direction, written: usize) {
        let Some(messages) = &mut self.messages else { return };
        let (_, stage) = messages.parts(direction);
        let ours = written.min(stage.inserted);
        stage.inserted -= ours;
        let left = written - ours;
        stage.released = stage.released.saturating_sub(left);
        let mut due = Vec::new();
        stage.later.retain_mut(|(rest, id)| {
            *rest = rest.saturating_sub(left as u64);
            if *rest == 0 {
                due.push(*id);
            }
            *rest > 0
        });
        let ends = if stage.inserted == 0 { stage.ends.take() } else { None };
        for id in due {
            self.begin_at_message(id);
        }
        if let Some(fault) = ends {
            self.ended.get_or_insert(Ended { fault, how: StreamEnd::Finish });
        }
    }

    /// Says how much may leave, and decides about the messages that come next.
    pub(super) fn gate(&mut self, now: Duration, direction: Direction) -> Gate {
        let Some(mut messages) = self.messages.take() else { return Gate::Open(usize::MAX) };
        let gate = loop {
            let gate = self.gate_once(now, direction, &mut messages);
            if let Some(gate) = gate {
                break gate;
            }
        };
        self.messages = Some(messages);
        gate
    }

    /// `None` when it is to be asked again.
    fn gate_once(
        &mut self,
        now: Duration,
        direction: Direction,
        messages: &mut Messages,
    ) -> Option<Gate> {
        let (session, stage) = messages.parts(direction);
        if stage.inserted > 0 {
            return Some(Gate::Open(stage.inserted));
        }
        if session.is_opaque() {
            return Some(Gate::Open(usize::MAX));
        }
        if stage.skip > 0 {
            stage.skip -= self.queue_mut(direction).drop_front(stage.skip);
            self.moved = now;
            return if stage.skip > 0 { Some(Gate::Shut) } else { Some(Gate::Again) };
        }
        if let Some((until, _)) = stage.held {
            if now < until {
                return Some(Gate::Until(until));
            }
            stage.held = None;
        }
        if stage.released > 0 {
            let until = stage.later.iter().map(|(rest, _)| *rest).min();
            let until = until.and_then(|rest| usize::try_from(rest).ok()).unwrap_or(usize::MAX);
            return Some(Gate::Open(stage.released.min(until)));
        }
        let Some(struck) = stage.struck.take() else { return self.look(direction, messages) };
        let queue = direction.pick(&self.upstream, &self.downstream);
        let (_, at) = plan::bytes(&mut self.faults, queue, now, direction, 1);
        if at > now {
            stage.struck = Some(struck);
            return Some(Gate::Until(at));
        }
        self.strike(now, direction, messages, struck)
    }

    /// Looks at what waits, and lets messages pass at which nothing is to be done.
    fn look(&mut self, direction: Direction, messages: &mut Messages) -> Option<Gate> {
        let front = self.queue(direction).head().len();
        let (session, stage) = messages.parts(direction);
        while stage.released < front {
            let bytes = self.queue(direction).behind(stage.released + stage.looked_at);
            if bytes.is_empty() {
                break;
            }
            let is_known = session.is_past_head(direction);
            let (seen, message) = session.step(direction, &bytes);
            if is_known {
                stage.released += seen;
                continue;
            }
            stage.looked_at += seen;
            let Some(message) = message else {
                if session.is_opaque() {
                    return None;
                }
                continue;
            };
            let is_whole = !std::mem::take(&mut stage.is_torn);
            let mut struck = Struck { message, faults: VecDeque::new(), treatment: None };
            if session.swallows(&struck.message) {
                struck.treatment = Some(Treatment::Drop);
            } else if direction == Direction::Downstream {
                // Before the faults: what answers nothing that the client asked is nobody's.
                struck.treatment = Some(session.accept(&struck.message));
            }
            if is_whole && matches!(struck.treatment, None | Some(Treatment::Deliver)) {
                let message = &struck.message;
                for active in &mut self.faults {
                    if active.meets(message, session) {
                        struck.faults.push_back(active.id);
                    }
                }
            }
            let refused = is_encryption(&struck.message)
                && self.faults.iter().any(super::Active::reads_messages);
            if refused || !struck.faults.is_empty() {
                stage.struck = Some(struck);
                return None;
            }
            let treatment = struck.treatment.take();
            match treatment.unwrap_or_else(|| session.accept(&struck.message)) {
                Treatment::Deliver => stage.release(),
                other => {
                    stage.struck = Some(Struck { treatment: Some(other), ..struck });
                    return None;
                }
            }
        }
        if stage.released > 0 {
            return None;
        }
        // The beginning of a message that goes no further is let go with the end of the stream.
        let is_over = self.queue(direction).is_ended();
        Some(if is_over { Gate::Open(usize::MAX) } else { Gate::Shut })
    }

    /// Does to a message what is to be done. Everything before it has left.
    fn strike(
        &mut self,
        now: Duration,
        direction: Direction,
        messages: &mut Messages,
        mut struck: Struck,
    ) -> Option<Gate> {
        if is_encryption(&struck.message) && struck.treatment.is_none() {
            let answer = messages.session.refuse_encryption();
            self.replace(now, messages, &struck.message, Bytes::new());
            self.answer(now, messages, answer, None);
            return Some(Gate::Again);
        }
        while let Some(id) = struck.faults.pop_front() {
            let Some(index) = self.faults.iter().position(|active| active.id == id) else {
                continue;
            };
            let (session, stage) = messages.parts(direction);
            let Struck { message, .. } = &struck;
            let (deed, seed) = self.faults[index].deed(direction);
            match deed {
                FaultKind::DelayMessage { delay } => {
                    let delay = delay.draw(&mut seed.numbered(message.nth).draws());
                    stage.held = Some((now.saturating_add(delay), id));
                    self.note_met(id, session, message, true);
                    stage.struck = Some(struck);
                    return None;
                }
                FaultKind::DropMessage => {
                    self.note_met(id, session, message, true);
                    self.replace(now, messages, message, Bytes::new());
                    return Some(Gate::Again);
                }
                FaultKind::Error { error } => {
                    let Some(instead) = session.fail(message, id, error) else { continue };
                    self.note_met(id, session, message, true);
                    match instead {
                        Replacement::Upstream(bytes) => {
                            self.replace(now, messages, message, bytes);
                        }
                        Replacement::Downstream(Failure { fault, response, .. }) => {
                            self.replace(now, messages, message, Bytes::new());
                            self.answer(now, messages, response, Some(fault));
                        }
                    }
                    return Some(Gate::Again);
                }
                FaultKind::DuplicateMessage if message.length <= WHOLE => {
                    let length = usize::try_from(message.length).unwrap_or(usize::MAX);
                    let Some(copy) = self.queue(direction).front(length) else {
                        return self.wait_for_more(direction, stage, struck, id);
                    };
                    self.note_met(id, session, message, true);
                    if direction == Direction::Upstream {
                        session.accept(message);
                    }
                    stage.inserted = copy.len();
                    self.queue_mut(direction).push_front(now, copy.freeze());
                    stage.struck = Some(struck);
                    return Some(Gate::Again);
                }
                FaultKind::CorruptMessage => {
                    let header = header(message.kind);
                    let holds = message.length.saturating_sub(header).min(CHANGED);
                    if holds == 0 {
                        continue;
                    }
                    let length = usize::try_from(header + holds).unwrap_or(usize::MAX);
                    let Some(mut changed) = self.queue(direction).front(length) else {
                        return self.wait_for_more(direction, stage, struck, id);
                    };
                    let mut draws = seed.numbered(message.nth).draws();
                    let at = usize::try_from(header + draws.below(holds)).unwrap_or(length - 1);
                    changed[at] ^= 1 << draws.below(8);
                    self.note_met(id, session, message, true);
                    if struck.treatment.is_none() {
                        session.accept(message);
                    }
                    self.queue_mut(direction).drop_front(length as u64);
                    let beyond = length.saturating_sub(stage.looked_at);
                    session.skip(direction, beyond as u64);
                    stage.looked_at = stage.looked_at.saturating_sub(length);
                    stage.release();
                    stage.inserted = length;
                    self.queue_mut(direction).push_front(now, changed.freeze());
                    return Some(Gate::Again);
                }
                FaultKind::DuplicateMessage => {}
                _ => {
                    let is_ending = matches!(deed, FaultKind::Cut | FaultKind::Reset);
                    self.note_met(id, session, message, !is_ending);
                    match self.faults[index].offset_in(message.length) {
                        0 => {
                            stage.struck = Some(struck);
                            self.begin_at_message(id);
                            return Some(Gate::Again);
                        }
                        offset => stage.later.push((offset, id)),
                    }
                }
            }
        }
        let (session, stage) = messages.parts(direction);
        let Struck { message, treatment, .. } = struck;
        match treatment.unwrap_or_else(|| session.accept(&message)) {
            Treatment::Deliver => stage.release(),
            Treatment::Drop => self.replace(now, messages, &message, Bytes::new()),
            Treatment::Fail(Failure { fault, response, ends }) => {
                stage.ends = ends.then_some(fault);
                self.replace(now, messages, &message, response);
            }
        }
        Some(Gate::Again)
    }

    /// Waits until all of a message has come that a fault needs.
    fn wait_for_more(
        &self,
        direction: Direction,
        stage: &mut Stage,
        mut struck: Struck,
        fault: FaultId,
    ) -> Option<Gate> {
        if self.queue(direction).is_ended() {
            // It will never come.
            stage.struck = Some(struck);
            return None;
        }
        struck.faults.push_front(fault);
        stage.struck = Some(struck);
        Some(Gate::Shut)
    }

    /// Has something else leave in the place of a message, of which nothing has left.
    fn replace(&mut self, now: Duration, messages: &mut Messages, message: &Message, by: Bytes) {
        let (session, stage) = messages.parts(message.direction);
        session.skip(message.direction, u64::MAX);
        stage.looked_at = 0;
        stage.skip = message.length - self.queue_mut(message.direction).drop_front(message.length);
        stage.inserted = by.len();
        self.queue_mut(message.direction).push_front(now, by);
        self.moved = now;
    }

    /// Tells the client something that its server did not say, and ends the connection behind it if
    /// a fault wants that.
    fn answer(&mut self, now: Duration, messages: &mut Messages, by: Bytes, ends: Option<FaultId>) {
        let stage = &mut messages.downstream;
        stage.inserted += by.len();
        stage.ends = ends;
        self.downstream.push_front(now, by);
    }

    /// The moment at a message for which a fault waited has come.
    fn begin_at_message(&mut self, fault: FaultId) {
        let active = self.faults.iter_mut().find(|active| active.id == fault);
        active.into_iter().for_each(super::Active::moment_has_come);
        self.end_if_due();
    }

    /// Notes at which message a fault acted, which counts as a hit unless it ends the connection.
    fn note_met(&mut self, fault: FaultId, session: &Session, message: &Message, counts: bool) {
        let Some(active) = self.faults.iter_mut().find(|active| active.id == fault) else { return };
        active.hits = active.hits.saturating_add(u64::from(counts));
        let Message { direction, nth, .. } = *message;
        self.met.push((fault, MessageMet { direction, nth, message: session.summary(message) }));
    }
}

impl Stage {
    /// Lets what was looked at leave.
    fn release(&mut self) {
        self.released += std::mem::take(&mut self.looked_at);
    }
}

fn is_encryption(message: &Message) -> bool {
    matches!(message.kind, MessageKind::Frontend(Frontend::SslRequest | Frontend::GssEncRequest))
}

/// How long the part of a message is that says what it is and how long.
const fn header(kind: MessageKind) -> u64 {
    match kind {
        MessageKind::Frontend(
            Frontend::Startup
            | Frontend::SslRequest
            | Frontend::GssEncRequest
            | Frontend::CancelRequest,
        ) => 8,
        MessageKind::Backend(Backend::EncryptionAnswer) => 0,
        _ => 5,
    }
}
