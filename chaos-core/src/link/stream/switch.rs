//! Which way the bytes of a stream go: straight to the server, or through the link's thread.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::{io, mem};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::ReadBuf;

use super::park;
use super::pipe::{End, pipe};
use crate::direction::Direction;
use crate::event::ConnectionEnd;
use crate::link::admission;
use crate::link::connection::OpenConnection;
use crate::link::finale::Finale;
use crate::link::forward::Delivered;
use crate::link::socket::Socket;
use crate::link::tcp::TcpLink;
use crate::wire::postgres::Session;

/// The state of a stream, which its client uses, and faults change.
#[derive(Debug)]
pub(super) struct Switch {
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
    /// Held while the socket is asked, which never waits: so nothing that is sent after a fault was
    /// injected can still go straight, and nothing is read out of order.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    route: Route,
    /// Follows the messages that go straight, if their protocol is known.
    session: Option<Box<Session>>,
    /// Who waits for the socket, to be woken when it is moved away.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// How many bytes went straight.
    upstream_bytes: u64,
    downstream_bytes: u64,
    client_finished: bool,
    server_finished: bool,
}

#[derive(Debug)]
enum Route {
    /// To the server's socket.
    Straight(Socket),
    /// To the task of the connection on the link's thread.
    Piped(End),
    /// As straight as before, but the connection has ended, and faults no longer concern it.
    Over(Socket),
    /// The client has dropped the stream.
    Closed,
}

impl Switch {
    /// A stream that uses the server's socket itself, until a fault meets it.
    pub(super) fn straight(
        link: &Arc<TcpLink>,
        connection: Arc<OpenConnection>,
        server: Socket,
        session: Option<Box<Session>>,
    ) -> Arc<Self> {
        // From now on whoever changes the orders of its socket waits for it.
        connection.heed(0);
        let switch = Self::with_route(link, connection, Route::Straight(server), session);
        switch.follow_orders();
        switch
    }

    /// A stream that ends in a pipe from the beginning.
    pub(super) fn piped(
        link: &Arc<TcpLink>,
        connection: Arc<OpenConnection>,
        end: End,
    ) -> Arc<Self> {
        Self::with_route(link, connection, Route::Piped(end), None)
    }

    fn with_route(
        link: &Arc<TcpLink>,
        connection: Arc<OpenConnection>,
        route: Route,
        session: Option<Box<Session>>,
    ) -> Arc<Self> {
        let state = State {
            route,
            session,
            reader: None,
            writer: None,
            upstream_bytes: 0,
            downstream_bytes: 0,
            client_finished: false,
            server_finished: false,
        };
        Arc::new(Self { link: Arc::clone(link), connection, state: Mutex::new(state) })
    }

    /// The ordinal of the connection.
    pub(super) fn connection(&self) -> u64 {
        self.connection.ordinal()
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        let (before, had_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = match &mut state.route {
            Route::Piped(end) => return end.poll_read(cx, buffer),
            Route::Straight(socket) | Route::Over(socket) => socket.poll_fill(cx, buffer),
            Route::Closed => return Poll::Ready(Ok(())),
        };
        match &read {
            Poll::Pending => park(&mut state.reader, cx.waker()),
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len() - before;
                state.downstream_bytes += count as u64;
                self.follow_messages(&mut state, Direction::Downstream, &buffer.filled()[before..]);
                if count == 0 && had_room {
                    state.server_finished = true;
                    self.end_if_finished(state);
                }
            }
            Poll::Ready(Err(_)) => self.end(state, ConnectionEnd::ResetByServer),
        }
        read
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock();
        let written = match &mut state.route {
            Route::Piped(end) => return end.poll_write(cx, bytes),
            Route::Straight(socket) | Route::Over(socket) => socket.poll_write(cx, bytes),
            Route::Closed => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        match &written {
            Poll::Pending => park(&mut state.writer, cx.waker()),
            Poll::Ready(Ok(count)) => {
                state.upstream_bytes += *count as u64;
                self.follow_messages(&mut state, Direction::Upstream, &bytes[..*count]);
            }
            // Not the server's doing if the client writes after it has finished.
            Poll::Ready(Err(_)) if state.client_finished => {}
            Poll::Ready(Err(_)) => self.end(state, ConnectionEnd::ResetByServer),
        }
        written
    }

    /// The client sends no more.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        match &mut state.route {
            Route::Piped(end) => return end.finish(),
            Route::Straight(socket) | Route::Over(socket) => socket.finish(),
            Route::Closed => return,
        }
        state.client_finished = true;
        self.end_if_finished(state);
    }

    /// The client is gone.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        let route = mem::replace(&mut state.route, Route::Closed);
        if matches!(route, Route::Straight(_)) {
            let finale = state.finale(ConnectionEnd::Closed);
            drop(state);
            self.link.deregister(&self.connection, &finale);
        }
    }

    fn follow_messages(&self, state: &mut State, direction: Direction, bytes: &[u8]) {
        if let Some(session) = &mut state.session {
            session.pass(direction, bytes);
            self.link.note_of(session);
        }
    }

    fn end_if_finished(&self, state: MutexGuard<'_, State>) {
        if state.client_finished && state.server_finished {
            self.end(state, ConnectionEnd::Closed);
        }
    }

    /// The connection is over, unless it was before.
    fn end(&self, mut state: MutexGuard<'_, State>, how: ConnectionEnd) {
        match mem::replace(&mut state.route, Route::Closed) {
            Route::Straight(socket) => state.route = Route::Over(socket),
            route => {
                state.route = route;
                return;
            }
        }
        let finale = state.finale(how);
        // A link that injects a fault takes this lock while it holds its own.
        drop(state);
        self.link.deregister(&self.connection, &finale);
    }

    /// Moves the socket to the link's thread if that has anything to do with the connection;
    /// otherwise sees to being called again when it has.
    fn follow_orders(self: &Arc<Self>) {
        // Locked from here on: once the task of the connection watches its orders, nobody else may.
        let mut state = self.state.lock();
        if !matches!(state.route, Route::Straight(_)) {
            return;
        }
        // Watched before the orders are read: a change is seen here or comes again.
        self.connection.watch(&Waker::from(Arc::new(Follow(Arc::downgrade(self)))));
        let (_, orders) = self.connection.orders();
        if orders.faults.is_empty() && orders.ending.is_none() {
            return;
        }
        let server = match mem::replace(&mut state.route, Route::Closed) {
            Route::Straight(server) => server,
            route => {
                state.route = route;
                return;
            }
        };
        let (mut ours, theirs) = pipe();
        if state.client_finished {
            ours.finish();
        }
        state.route = Route::Piped(ours);
        let delivered =
            Delivered { upstream: state.upstream_bytes, downstream: state.downstream_bytes };
        let (client, session) = (Socket::Pipe(theirs), state.session.take());
        admission::take_over(&self.link, &self.connection, client, server, delivered, session);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl State {
    fn finale(&self, how: ConnectionEnd) -> Finale {
        Finale {
            upstream_bytes: self.upstream_bytes,
            downstream_bytes: self.downstream_bytes,
            ..Finale::without_traffic(how)
        }
    }
}

/// Has a stream follow the orders of its connection as soon as they change, on the thread that
/// changes them: when `inject` returns, the fault acts.
struct Follow(Weak<Switch>);

impl Wake for Follow {
    fn wake(self: Arc<Self>) {
        if let Some(switch) = self.0.upgrade() {
            switch.follow_orders();
        }
    }
}
