//! The task of a connection: moves bytes both ways, plainly or through the engine.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::connection::{OpenConnection, Orders};
use super::finale::Finale;
use super::socket::Socket;
use super::tcp::TcpLink;
use super::timer::Alarm;
use crate::direction::Direction;
use crate::engine::StreamEnd;
use crate::event::ConnectionEnd;
use crate::packets::deaf::Deafness;
use crate::wire::postgres::Session;

#[cfg(target_os = "linux")]
mod crossing;
#[cfg(not(target_os = "linux"))]
#[path = "forward/crossing_nowhere.rs"]
mod crossing;
mod deafened;
mod faulted;
mod plain;

use self::crossing::Crossing;
use self::faulted::Faulted;
use self::plain::Filled;

/// How many bytes a connection moves before others have their turn.
const TURN: usize = 512 << 10;

/// Moves the bytes of one connection.
#[derive(Debug)]
pub(super) struct Forward {
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
    alarm: Alarm,
    client: Peer,
    server: Peer,
    upstream: Way,
    downstream: Way,
    /// There while a fault acts on the connection, or bytes that one held are under way.
    faulted: Option<Box<Faulted>>,
    /// There once real packets were broken: what is between both sockets then.
    crossing: Option<Crossing>,
    /// Follows the messages while no fault acts, if their protocol is known.
    session: Option<Box<Session>>,
    /// The epoch of the orders that are being followed.
    epoch: u64,
    /// The epoch of the orders that the sockets are known to follow.
    heeded: u64,
}

/// One side of the connection.
#[derive(Debug)]
struct Peer {
    socket: Socket,
    /// Whether writing to it failed: it has reset the connection, and an end of its stream that
    /// looks proper is none.
    gone: bool,
    /// How it was made deaf, while it is.
    deafness: Option<Deafness>,
}

/// One direction of the connection.
#[derive(Debug, Default)]
struct Way {
    /// What was read and not written yet, while bytes are moved plainly.
    pending: Option<Filled>,
    /// How the sender ended its stream, once it did.
    ended: Option<StreamEnd>,
    /// Whether the receiver knows of the end, or is gone.
    done: bool,
    /// How many bytes came from the sender.
    received: u64,
    /// How many bytes were delivered.
    delivered: u64,
}

/// How many bytes a connection delivered before it was forwarded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delivered {
    pub(super) upstream: u64,
    pub(super) downstream: u64,
}

/// What moving bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing can be moved now.
    Blocked,
    /// The orders changed.
    Changed,
    /// It is somebody else's turn.
    TurnOver,
    /// The sender of this direction reset the connection, and all before that is delivered.
    ResetBySender(Direction),
    /// A fault ended the connection.
    Ended(crate::engine::Ended),
    /// No fault acts any longer and nothing is under way.
    Calm,
}

impl Forward {
    pub(super) fn new(
        link: &Arc<TcpLink>,
        connection: &Arc<OpenConnection>,
        client: Socket,
        server: Socket,
        delivered: Delivered,
        session: Option<Box<Session>>,
    ) -> Self {
        // From now on whoever changes the orders of its sockets waits for it.
        connection.heed(0);
        Self {
            link: Arc::clone(link),
            connection: Arc::clone(connection),
            alarm: Alarm::new(link.runtime().timer()),
            client: Peer::new(client),
            server: Peer::new(server),
            upstream: Way { delivered: delivered.upstream, ..Way::default() },
            downstream: Way { delivered: delivered.downstream, ..Way::default() },
            faulted: None,
            session,
            // No epoch is 0, so the orders are read first of all.
            epoch: 0,
            heeded: 0,
            crossing: None,
        }
    }

    /// Moves what can be moved; ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Finale> {
        // Watched before the orders are read: a change is seen here or wakes the task.
        self.connection.watch(cx.waker());
        let mut turn = TURN;
        loop {
            if self.connection.epoch() != self.epoch {
                let (epoch, orders) = self.connection.orders();
                self.epoch = epoch;
                if let Some(ending) = orders.ending {
                    return Poll::Ready(self.counted(Finale::from_ending(ending)));
                }
                self.follow(&orders);
            }
            if self.poll_crossing(cx).is_pending() {
                return Poll::Pending;
            }
            if self.heeded != self.epoch {
                self.heeded = self.epoch;
                self.connection.heed(self.epoch);
            }
            let step = match &self.faulted {
                None => self.move_plainly(cx, &mut turn),
                Some(_) => self.move_through_engine(cx, &mut turn),
            };
            match step {
                Step::Changed => {}
                Step::Calm => {
                    let faulted = self.faulted.take();
                    self.session = faulted.and_then(|faulted| faulted.into_session());
                }
                Step::TurnOver => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Blocked => {
                    let flushed = self.client.socket.poll_flush(cx);
                    return match self.end_of_both() {
                        Some(how) if flushed.is_ready() || self.client.gone => {
                            Poll::Ready(self.counted(Finale::without_traffic(how)))
                        }
                        _ => Poll::Pending,
                    };
                }
                Step::ResetBySender(direction) => {
                    let how = reset_by_sender(direction);
                    return Poll::Ready(self.counted(Finale::without_traffic(how)));
                }
                Step::Ended(ended) => {
                    let ending = super::connection::Ending::Fault(ended);
                    return Poll::Ready(self.counted(Finale::from_ending(ending)));
                }
            }
        }
    }

    pub(super) fn into_sockets(mut self) -> (Socket, Socket) {
        // Their peers are to see the end.
        self.client.hear();
        self.server.hear();
        (self.client.socket, self.server.socket)
    }

    /// Takes over new orders.
    fn follow(&mut self, orders: &Orders) {
        let now = self.link.runtime().now();
        if self.faulted.is_none() {
            if orders.faults.is_empty() {
                return;
            }
            let mut faulted = Box::<Faulted>::default();
            faulted.read_messages(self.session.take());
            faulted.take_over(now, Direction::Upstream, &mut self.upstream);
            faulted.take_over(now, Direction::Downstream, &mut self.downstream);
            self.faulted = Some(faulted);
        }
        if let Some(faulted) = &mut self.faulted {
            faulted.set_faults(now, &orders.faults);
        }
        self.cross(&orders.faults);
        self.turn_deaf(&orders.faults);
    }

    /// How the connection ended, if both directions are done.
    fn end_of_both(&self) -> Option<ConnectionEnd> {
        if !(self.upstream.done && self.downstream.done) {
            return None;
        }
        Some(match (self.client.gone, self.server.gone) {
            (true, _) => ConnectionEnd::ResetByClient,
            (_, true) => ConnectionEnd::ResetByServer,
            _ => ConnectionEnd::Closed,
        })
    }

    fn counted(&self, finale: Finale) -> Finale {
        if let Some(crossing) = &self.crossing {
            crossing.end_like(&finale);
        }
        Finale {
            upstream_received: self.upstream.received,
            upstream_bytes: self.upstream.delivered,
            downstream_received: self.downstream.received,
            downstream_bytes: self.downstream.delivered,
            ..finale
        }
    }

    /// The sender, the receiver and the state of a direction.
    fn parts(&mut self, direction: Direction) -> (&mut Peer, &mut Peer, &mut Way) {
        match direction {
            Direction::Upstream => (&mut self.client, &mut self.server, &mut self.upstream),
            Direction::Downstream => (&mut self.server, &mut self.client, &mut self.downstream),
        }
    }
}

impl Peer {
    fn new(socket: Socket) -> Self {
        Self { socket, gone: false, deafness: None }
    }

    /// How its stream ended, from what reading it gave.
    fn end_of_stream(&self, read_failed: bool) -> StreamEnd {
        if read_failed || self.gone { StreamEnd::Reset } else { StreamEnd::Finish }
    }
}

fn reset_by_sender(direction: Direction) -> ConnectionEnd {
    direction.pick(ConnectionEnd::ResetByClient, ConnectionEnd::ResetByServer)
}
