//! Moving bytes while no fault acts: what is read is written, from a buffer that goes back as soon
//! as it is empty.

use std::task::{Context, Poll};

use super::{Forward, Step};
use crate::direction::Direction;
use crate::engine::StreamEnd;
use crate::link::buffer::Buffer;

/// Bytes that were read and not written yet.
#[derive(Debug)]
pub(super) struct Filled {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl Filled {
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

impl Forward {
    pub(super) fn move_plainly(&mut self, cx: &mut Context<'_>, turn: &mut usize) -> Step {
        match self.move_one_way(Direction::Upstream, cx, turn) {
            Step::Blocked => self.move_one_way(Direction::Downstream, cx, turn),
            step => step,
        }
    }

    fn move_one_way(
        &mut self,
        direction: Direction,
        cx: &mut Context<'_>,
        turn: &mut usize,
    ) -> Step {
        loop {
            let (sender, receiver, way) = self.parts(direction);
            if way.done {
                return Step::Blocked;
            }
            if let Some(filled) = &mut way.pending {
                match receiver.socket.poll_write(cx, filled.rest()) {
                    Poll::Pending => return Step::Blocked,
                    Poll::Ready(Ok(written)) if written > 0 => {
                        way.delivered += written as u64;
                        filled.start += written;
                        *turn = turn.saturating_sub(written);
                    }
                    Poll::Ready(_) => {
                        receiver.gone = true;
                        way.done = true;
                        way.pending = None;
                        return Step::Blocked;
                    }
                }
                if filled.start < filled.end {
                    continue;
                }
                way.pending = None;
                if *turn == 0 {
                    return Step::TurnOver;
                }
            }
            match way.ended {
                Some(StreamEnd::Finish) => {
                    receiver.socket.finish();
                    way.done = true;
                    return Step::Blocked;
                }
                Some(StreamEnd::Reset) => return Step::ResetBySender(direction),
                None => {}
            }
            let mut buffer = Buffer::take();
            match sender.socket.poll_read(cx, &mut buffer) {
                Poll::Pending => return Step::Blocked,
                Poll::Ready(Ok(0)) => way.ended = Some(sender.end_of_stream(false)),
                Poll::Ready(Err(_)) => way.ended = Some(sender.end_of_stream(true)),
                Poll::Ready(Ok(end)) => {
                    way.received += end as u64;
                    way.pending = Some(Filled { buffer, start: 0, end });
                }
            }
            // What was sent after a fault was injected must not slip through.
            if self.connection.epoch() != self.epoch {
                return Step::Changed;
            }
        }
    }
}
