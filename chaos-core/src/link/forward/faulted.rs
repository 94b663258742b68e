//! Moving bytes through the engine, while faults act.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::{Forward, Step, Way};
use crate::direction::Direction;
use crate::engine::{Engine, Next, StreamEnd};
use crate::event::FaultId;
use crate::link::buffer::Buffer;
use crate::link::connection::{Met, OpenConnection};
use crate::link::tcp::TcpLink;
use crate::wire::postgres::Session;

/// The engine of a connection, and the faults that it knows.
#[derive(Debug, Default)]
pub(super) struct Faulted {
    engine: Engine,
    faults: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    met: Met,
    /// Whether it acted on this connection yet.
    touched: bool,
}

impl Faulted {
    /// Looks for messages from now on, if their protocol is known.
    pub(super) fn read_messages(&mut self, session: Option<Box<Session>>) {
        if let Some(session) = session {
            self.engine.read_messages(session);
        }
    }

    /// The session that followed the messages meanwhile.
    pub(super) fn into_session(self) -> Option<Box<Session>> {
        self.engine.into_session()
    }

    /// Takes what was read and not written yet out of the hands of the plain way.
    pub(super) fn take_over(&mut self, now: Duration, direction: Direction, way: &mut Way) {
        if let Some(filled) = way.pending.take() {
            self.engine.push(now, direction, Bytes::copy_from_slice(filled.rest()));
        }
        match way.ended {
            Some(end) if !way.done => self.engine.push_end(now, direction, end),
            _ => {}
        }
    }

    /// Ends the faults that are not in the list, and begins those that are new in it.
    pub(super) fn set_faults(&mut self, now: Duration, faults: &[Met]) {
        let is_active = |id: FaultId| faults.iter().any(|met| met.record.id() == id);
        let over: Vec<_> = self.engine.faults().filter(|id| !is_active(*id)).collect();
        for id in over {
            self.engine.end(id);
        }
        self.faults.retain(|known| is_active(known.met.record.id()));
        for met in faults {
            let id = met.record.id();
            let known = self.faults.iter_mut().find(|known| known.met.record.id() == id);
            match known {
                None => {
                    let began = now.saturating_sub(met.record.active_for());
                    let (fault, tally) = (met.record.fault(), Arc::clone(&met.tally));
                    self.engine.begin(now, began, id, fault, met.seed, tally);
                    self.engine.count_messages_in(id, &met.record.messages());
                    self.faults.push(Known { met: met.clone(), touched: false });
                }
                #[cfg(feature = "toxiproxy")]
                Some(known) if !Arc::ptr_eq(&known.met.record, &met.record) => {
                    self.engine.change(now, id, met.record.fault());
                    known.met = met.clone();
                }
                Some(_) => {}
            }
        }
    }

    /// Notes that a fault acted on this connection, and says whether it did so for the first time.
    pub(super) fn touch(&mut self, id: FaultId) -> bool {
        let known = self.faults.iter_mut().find(|known| known.met.record.id() == id);
        known.is_some_and(|known| !std::mem::replace(&mut known.touched, true))
    }

    /// Tells the faults how often they acted, and at which messages.
    fn report_hits(&mut self, link: &TcpLink, connection: &OpenConnection) {
        let Self { engine, faults } = self;
        if let Some(sentence) = engine.take_sentence() {
            link.note(format!("link `{}`: {sentence}", link.name()));
        }
        // First, so that whoever learns of a hit finds the message in the journal.
        for (id, met) in engine.take_met() {
            if let Some(known) = faults.iter().find(|known| known.met.record.id() == id) {
                known.met.record.met(connection.ordinal(), met);
            }
        }
        engine.take_hits(|id, hits| {
            if let Some(known) = faults.iter_mut().find(|known| known.met.record.id() == id) {
                let is_first = !std::mem::replace(&mut known.touched, true);
                known.met.record.hit(connection.ordinal(), hits, is_first);
            }
        });
        engine.take_begun(|fault| link.reach(fault, connection.ordinal()));
    }
}

impl Forward {
    pub(super) fn move_through_engine(&mut self, cx: &mut Context<'_>, turn: &mut usize) -> Step {
        let Some(mut faulted) = self.faulted.take() else { return Step::Calm };
        let step = self.move_through(&mut faulted, cx, turn);
        let calm = step == Step::Blocked && faulted.engine.is_idle();
        self.faulted = Some(faulted);
        if calm { Step::Calm } else { step }
    }

    fn move_through(
        &mut self,
        faulted: &mut Faulted,
        cx: &mut Context<'_>,
        turn: &mut usize,
    ) -> Step {
        loop {
            let mut moved = false;
            let mut wake_at: Option<Duration> = None;
            for direction in [Direction::Upstream, Direction::Downstream] {
                match self.read_into(&mut faulted.engine, direction, cx, turn) {
                    Ok(read) => moved |= read,
                    Err(step) => return step,
                }
                match self.write_from(faulted, direction, cx, turn) {
                    Ok(Written { moved: wrote, wait }) => {
                        moved |= wrote;
                        wake_at = wake_at.into_iter().chain(wait).min();
                    }
                    Err(step) => return step,
                }
            }
            if !moved {
                let at = wake_at.and_then(|at| self.link.runtime().instant(at));
                self.alarm.set(at, cx.waker());
                return Step::Blocked;
            }
            if *turn == 0 {
                return Step::TurnOver;
            }
        }
    }

    /// Reads once, if there is room, and says whether anything came.
    fn read_into(
        &mut self,
        engine: &mut Engine,
        direction: Direction,
        cx: &mut Context<'_>,
        turn: &mut usize,
    ) -> Result<bool, Step> {
        let now = self.link.runtime().now();
        let (sender, _, way) = self.parts(direction);
        if way.ended.is_some() || way.done || !engine.has_room(direction) {
            return Ok(false);
        }
        let mut buffer = Buffer::take();
        match sender.socket.poll_read(cx, &mut buffer) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(length)) if length > 0 => {
                engine.push(now, direction, Bytes::copy_from_slice(&buffer[..length]));
                way.received += length as u64;
                *turn = turn.saturating_sub(length);
            }
            Poll::Ready(end) => {
                let end = sender.end_of_stream(end.is_err());
                way.ended = Some(end);
                engine.push_end(now, direction, end);
            }
        }
        // What was sent after a fault was injected must not slip through.
        if self.connection.epoch() == self.epoch { Ok(true) } else { Err(Step::Changed) }
    }

    /// Writes all that may be written.
    fn write_from(
        &mut self,
        faulted: &mut Faulted,
        direction: Direction,
        cx: &mut Context<'_>,
        turn: &mut usize,
    ) -> Result<Written, Step> {
        let mut moved = false;
        loop {
            let now = self.link.runtime().now();
            let next = faulted.engine.next(now, direction);
            // Before anybody can see what the faults did.
            faulted.report_hits(&self.link, &self.connection);
            let (_, receiver, way) = self.parts(direction);
            if way.done {
                // A receiver that is gone takes nothing, and what waits for it would wait for ever.
                faulted.engine.discard(direction);
                return Ok(Written { moved, wait: None });
            }
            match next {
                Next::Wait(wait) => return Ok(Written { moved, wait }),
                Next::Ended(ended) => return Err(Step::Ended(ended)),
                Next::End(StreamEnd::Reset) => return Err(Step::ResetBySender(direction)),
                Next::End(StreamEnd::Finish) => {
                    faulted.engine.advance_end(direction);
                    receiver.socket.finish();
                    way.done = true;
                    moved = true;
                }
                Next::Write(bytes) => match receiver.socket.poll_write(cx, &bytes) {
                    Poll::Pending => return Ok(Written { moved, wait: None }),
                    Poll::Ready(Ok(written)) if written > 0 => {
                        way.delivered += written as u64;
                        faulted.engine.advance(now, direction, written);
                        let (link, this) = (&self.link, self.connection.ordinal());
                        faulted.engine.take_begun(|fault| link.reach(fault, this));
                        *turn = turn.saturating_sub(written);
                        moved = true;
                    }
                    Poll::Ready(_) => {
                        receiver.gone = true;
                        way.done = true;
                        moved = true;
                    }
                },
            }
            if *turn == 0 {
                return Ok(Written { moved: true, wait: None });
            }
        }
    }
}

/// What writing came to.
struct Written {
    moved: bool,
    /// When more may be written, if time is what is in the way.
    wait: Option<Duration>,
}
