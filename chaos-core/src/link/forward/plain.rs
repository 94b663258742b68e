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
            let Self { client, server, upstream, downstream, session, link, .. } = self;
            let (sender, receiver, way) = match direction {
                Direction::Upstream => (client, server, upstream),
                Direction::Downstream => (server, client, downstream),
            };
            if way.done {
                return Step::Blocked;
            }
            if let Some(filled) = &mut way.pending {
                match receiver.socket.poll_write(cx, filled.rest()) {
                    Poll::Pending => return Step::Blocked,
                    Poll::Ready(Ok(written)) if written > 0 => {
                        if let Some(session) = session {
                            session.pass(direction, &filled.rest()[..written]);
                            link.note_of(session);
                        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    use parking_lot::Mutex;
    use tokio::io::ReadBuf;

    use super::*;
    use crate::fault::stall;
    use crate::journal::Journal;
    use crate::link::Upstream;
    use crate::link::forward::Delivered;
    use crate::link::socket::Socket;
    use crate::link::stream::pipe::{End, pipe};
    use crate::link::tcp::TcpLink;
    use crate::scope::{FaultRecord, Scope};
    use crate::seed::Seed;

    /// A server that injects a fault as soon as a request comes in, and answers after that: while
    /// the task of the connection is in the middle of moving bytes.
    struct Server {
        link: Arc<TcpLink>,
        end: Mutex<End>,
        injected: Mutex<Option<Arc<FaultRecord>>>,
    }

    impl Wake for Server {
        fn wake(self: Arc<Self>) {
            *self.injected.lock() = Some(self.link.begin(stall().downstream().into()));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(self.end.lock().poll_write(&mut cx, b"answer").is_ready());
        }
    }

    #[test]
    fn what_is_sent_after_a_fault_was_injected_does_not_slip_through_a_turn_that_had_begun() {
        let scope = Scope::new(Seed(1), Journal::in_memory());
        let nobody = Upstream::Tcp(([127, 0, 0, 1], 1).into());
        let link = TcpLink::open(&scope, "service", nobody, None).unwrap();
        let connection = link.register().unwrap();
        let (mut client, ours) = pipe();
        let (theirs, server) = pipe();
        let (ours, theirs) = (Socket::Pipe(ours), Socket::Pipe(theirs));
        let mut forward =
            Forward::new(&link, &connection, ours, theirs, Delivered::default(), None);
        let end = Mutex::new(server);
        let server = Arc::new(Server { link: Arc::clone(&link), end, injected: Mutex::default() });

        let mut space = [0; 16];
        let waker = Waker::from(Arc::clone(&server));
        let mut waits = Context::from_waker(&waker);
        assert!(
            server.end.lock().poll_read(&mut waits, &mut ReadBuf::new(&mut space)).is_pending()
        );
        let mut cx = Context::from_waker(Waker::noop());
        assert!(client.poll_write(&mut cx, b"request").is_ready());
        assert!(forward.poll(&mut cx).is_pending());
        let fault = server.injected.lock().take().expect("the request reached the server");
        assert!(client.poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_pending());

        link.end(&fault);
        assert_eq!(fault.hits(), 1);
        assert!(forward.poll(&mut cx).is_pending());
        let mut buffer = ReadBuf::new(&mut space);
        assert!(client.poll_read(&mut cx, &mut buffer).is_ready());
        assert_eq!(buffer.filled(), b"answer");
        link.close();
    }
}
