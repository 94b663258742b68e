//! Connections through a link without a socket to the link in between.
//!
//! A client that can be given a stream, such as `tokio_postgres::Config::connect_raw`, opens it with
//! [`Link::connect`](super::Link::connect). While no fault has met the connection, the stream is the
//! socket to the server with a lock around it, and costs nothing that could be measured. The first
//! fault that meets it moves the socket to the thread of the links, where the connection goes on
//! exactly as one that came through the door, with a pipe in memory in the place of the client's
//! socket:
//!
//! ```text
//!   before   client ── LinkStream ─────────────────────────────> server
//!   after    client ── LinkStream ══ pipe ══ Forward, engine ──> server
//! ```
//!
//! While a fault acts at the door, a client has to come through it like any other, and is refused or
//! left waiting by the kernel as any other is.
//!
//! So both kinds of connections have the same faults, the same timer and the same end, and what a
//! client has written reaches the server also after it has gone.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::switch::Switch;
use super::admission;
use super::connection::OpenConnection;
use super::finale::Finale;
use super::socket::Socket;
use super::tcp::{Rank, TcpLink};
use super::upstream::Upstream;
use crate::event::ConnectionEnd;

pub(super) mod pipe;
mod switch;

/// A connection through a link, opened with [`Link::connect`](super::Link::connect).
///
/// It reads and writes like the socket to the server, and ends, fails and waits as the faults of the
/// link have it:
///
/// * a cut is the end of the stream when it is read, and [`BrokenPipe`](io::ErrorKind::BrokenPipe)
///   when it is written (at first what is written may vanish, as with a socket);
/// * a reset is [`ConnectionReset`](io::ErrorKind::ConnectionReset), after all that came before it;
/// * the server sees the same end as behind the link's port.
///
/// It does not keep the link open: when the last clone of the [`Link`](super::Link) is dropped, the
/// stream ends.
pub struct LinkStream {
    way: Way,
}

enum Way {
    Switch(Arc<Switch>),
    /// Through the port of the link: it was opened while a fault acted on those who come to it.
    Port(Socket),
}

impl fmt::Debug for LinkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = match &self.way {
            Way::Switch(switch) => Some(switch.connection()),
            Way::Port(_) => None,
        };
        f.debug_struct("LinkStream").field("connection", &connection).finish_non_exhaustive()
    }
}

impl LinkStream {
    /// Whether it came through the port of the link, because a fault acted there.
    pub(crate) fn came_through_port(&self) -> bool {
        matches!(self.way, Way::Port(_))
    }
}

/// See [`Link::connect`](super::Link::connect).
pub(super) async fn connect(link: &Arc<TcpLink>, rank: Rank) -> io::Result<LinkStream> {
    let Some(connection) = link.register_stream(rank)? else {
        // What the kernel does to this client is what it does to any other.
        let port = Socket::dial(&Upstream::Tcp(link.address())).await?;
        return Ok(LinkStream { way: Way::Port(port) });
    };
    let mut opening = Opening { link, connection: &connection, given_up: true };
    let dialled = admission::dial(link, &connection).await;
    opening.given_up = false;
    drop(opening);
    match dialled {
        Ok(Ok(server)) => {
            let session = link.session(&connection);
            let switch = Switch::straight(link, connection, server, session);
            Ok(LinkStream { way: Way::Switch(switch) })
        }
        Ok(Err(error)) => {
            admission::note_unreachable(link, &connection, &error);
            let finale = Finale::without_traffic(ConnectionEnd::Unreachable);
            link.deregister(&connection, &finale);
            Err(error)
        }
        Err(ending) => {
            let (ours, theirs) = pipe::pipe();
            let switch = Switch::piped(link, Arc::clone(&connection), ours);
            let end = admission::end_undialled(
                Arc::clone(link),
                connection,
                Socket::Pipe(theirs),
                Finale::from_ending(ending),
            );
            link.runtime().handle().spawn(end);
            Ok(LinkStream { way: Way::Switch(switch) })
        }
    }
}

/// Notes the end of a connection if opening it is given up.
struct Opening<'connection> {
    link: &'connection TcpLink,
    connection: &'connection OpenConnection,
    given_up: bool,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if self.given_up {
            let finale = Finale::without_traffic(ConnectionEnd::Closed);
            self.link.deregister(self.connection, &finale);
        }
    }
}

impl Drop for LinkStream {
    fn drop(&mut self) {
        if let Way::Switch(switch) = &self.way {
            switch.close();
        }
    }
}

impl AsyncRead for LinkStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Switch(switch) => switch.poll_read(cx, buffer),
            Way::Port(socket) => socket.poll_fill(cx, buffer),
        }
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.way {
            Way::Switch(switch) => switch.poll_write(cx, bytes),
            Way::Port(socket) => socket.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Like a socket, it keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Switch(switch) => switch.finish(),
            Way::Port(socket) => socket.finish(),
        }
        Poll::Ready(Ok(()))
    }
}

/// Remembers who is to be woken.
fn park(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
