//! How a connection ends, and what its peers see of it.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::buffer::Buffer;
use super::connection::Ending;
use super::runtime::LinkRuntime;
use super::socket::Socket;
use super::timer::Alarm;
use crate::engine::{Ended, StreamEnd};
use crate::event::{ConnectionEnd, FaultId};

/// How long the sockets of a connection that was cut go on taking what their peers send.
///
/// Closing a socket while data comes in resets it, and a cut is to be seen as an end (FIN).
const LINGER: Duration = Duration::from_secs(1);

/// The end of a connection.
#[derive(Debug)]
pub(super) struct Finale {
    pub(super) how: ConnectionEnd,
    pub(super) fault: Option<FaultId>,
    /// How many bytes the link read from the client.
    pub(super) upstream_received: u64,
    /// How many bytes were delivered to the server.
    pub(super) upstream_bytes: u64,
    /// How many bytes the link read from the server.
    pub(super) downstream_received: u64,
    /// How many bytes were delivered to the client.
    pub(super) downstream_bytes: u64,
}

impl Finale {
    pub(super) fn without_traffic(how: ConnectionEnd) -> Self {
        Self {
            how,
            fault: None,
            upstream_received: 0,
            upstream_bytes: 0,
            downstream_received: 0,
            downstream_bytes: 0,
        }
    }

    pub(super) fn from_ending(ending: Ending) -> Self {
        match ending {
            Ending::LinkClosed => Self::without_traffic(ConnectionEnd::LinkClosed),
            Ending::Fault(Ended { fault, how }) => {
                let how = match how {
                    StreamEnd::Finish => ConnectionEnd::Cut,
                    StreamEnd::Reset => ConnectionEnd::Reset,
                };
                Self { fault: Some(fault), ..Self::without_traffic(how) }
            }
        }
    }

    /// Closes the sockets so that the peers see this end.
    pub(super) async fn close(self, client: Socket, server: Option<Socket>, runtime: &LinkRuntime) {
        // What ends a connection from outside says no goodbye on it.
        let client = if self.how == ConnectionEnd::Closed { client } else { client.bare() };
        match self.how {
            ConnectionEnd::Closed => {}
            ConnectionEnd::Reset
            | ConnectionEnd::ResetByClient
            | ConnectionEnd::ResetByServer
            | ConnectionEnd::Unreachable => {
                client.reset();
                server.into_iter().for_each(Socket::reset);
            }
            ConnectionEnd::Cut => {
                let mut alarm = Alarm::new(runtime.timer());
                finish_and_drain(client, server, &mut alarm).await;
            }
            ConnectionEnd::LinkClosed => {
                for mut socket in [Some(client), server].into_iter().flatten() {
                    // What has come in already must not turn the end into a reset.
                    let _more_to_come = drain(&mut socket, &mut Context::from_waker(Waker::noop()));
                }
            }
        }
    }
}

/// Ends both streams, and takes what still comes until the peers end theirs, for a while.
async fn finish_and_drain(client: Socket, server: Option<Socket>, alarm: &mut Alarm) {
    let until = Instant::now() + LINGER;
    let mut sockets = [Some(client), server];
    for socket in sockets.iter_mut().flatten() {
        socket.finish();
    }
    poll_fn(|cx| {
        for slot in &mut sockets {
            let ended = slot.as_mut().is_some_and(|socket| drain(socket, cx).is_ready());
            if ended {
                *slot = None;
            }
        }
        if sockets.iter().all(Option::is_none) || Instant::now() >= until {
            alarm.set(None, cx.waker());
            return Poll::Ready(());
        }
        alarm.set(Some(until), cx.waker());
        Poll::Pending
    })
    .await;
}

/// Takes what has come in; ready when the stream has ended.
fn drain(socket: &mut Socket, cx: &mut Context<'_>) -> Poll<()> {
    let mut buffer = Buffer::take();
    loop {
        match socket.poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}
