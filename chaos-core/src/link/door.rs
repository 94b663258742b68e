//! The listener of a link, which can refuse connections or let them hang, and accept them again on
//! the same port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket};

mod hang;
#[cfg(any(not(target_os = "linux"), test))]
mod hold;
#[cfg(target_os = "linux")]
mod shut;

#[cfg(not(target_os = "linux"))]
use self::hold as refusal;
#[cfg(target_os = "linux")]
use self::shut as refusal;

/// How many connections the kernel completes before they are accepted.
const BACKLOG: u32 = 1024;

/// What a door does with new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    Accept,
    Refuse,
    /// They are neither accepted nor refused.
    Hang,
}

/// The listener of a link.
#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    state: Mutex<State>,
    /// The task that accepts.
    acceptor: AtomicWaker,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    Refusing(refusal::Refusal),
    Hanging(hang::Hanging),
    /// The link is gone, or the operating system took the port away.
    Closed,
}

impl Door {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// The caller stands in the context of the runtime, here and in all other methods.
    pub(super) fn open() -> io::Result<Self> {
        Self::with(listen_on_free_port()?)
    }

    /// Listens at this address; at the wildcard of IPv6 for clients of IPv4 as well.
    #[cfg(feature = "toxiproxy")]
    pub(super) fn open_at(address: SocketAddr) -> io::Result<Self> {
        Self::with(bind(address)?.listen(BACKLOG)?)
    }

    fn with(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { address, state: Mutex::new(State::Open(listener)), acceptor: AtomicWaker::new() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts the next connection; `None` when the link is gone.
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<tokio::net::TcpStream>>> {
        self.acceptor.register(cx.waker());
        match &*self.state.lock() {
            State::Open(listener) => {
                listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
            }
            State::Refusing(_) | State::Hanging(_) => Poll::Pending,
            State::Closed => Poll::Ready(None),
        }
    }

    /// Accepts connections, refuses them or lets them hang from now on. Returns those that were
    /// completed before and not accepted yet: to their clients they are open.
    pub(super) fn turn(&self, stance: Stance) -> io::Result<Vec<TcpStream>> {
        let mut state = self.state.lock();
        if state.stance().is_none_or(|now| now == stance) {
            return Ok(Vec::new());
        }
        // Where something fails the door stays closed, as the port is gone.
        let (listener, mut waiting) = match std::mem::replace(&mut *state, State::Closed) {
            State::Open(listener) => (listener.into_std()?, Vec::new()),
            State::Refusing(refusal) => (refusal.end()?.into_std()?, Vec::new()),
            State::Hanging(hanging) => hanging.end()?,
            State::Closed => return Ok(Vec::new()),
        };
        *state = match stance {
            Stance::Accept => State::Open(TcpListener::from_std(listener)?),
            Stance::Refuse => {
                waiting.extend(drain(&listener));
                State::Refusing(refusal::Refusal::begin(listener)?)
            }
            Stance::Hang => {
                let (hanging, completed) = hang::Hanging::begin(listener)?;
                waiting.extend(completed);
                State::Hanging(hanging)
            }
        };
        self.acceptor.wake();
        Ok(waiting)
    }

    /// Gives the port back.
    pub(super) fn close(&self) {
        *self.state.lock() = State::Closed;
        self.acceptor.wake();
    }
}

impl State {
    fn stance(&self) -> Option<Stance> {
        match self {
            Self::Open(_) => Some(Stance::Accept),
            Self::Refusing(_) => Some(Stance::Refuse),
            Self::Hanging(_) => Some(Stance::Hang),
            Self::Closed => None,
        }
    }
}

/// Accepts what was completed, without waiting.
fn drain(listener: &std::net::TcpListener) -> Vec<TcpStream> {
    // The listener does not block, so it errs when nothing is left.
    std::iter::from_fn(|| listener.accept().ok()).map(|(stream, _)| stream).collect()
}

/// Listens on a port that was named when it was bound.
///
/// A port that the kernel chose goes back to the kernel as soon as nothing listens on it, and the
/// link could not come back to it after it refused connections.
fn listen_on_free_port() -> io::Result<TcpListener> {
    const ATTEMPTS: u32 = 16;
    let mut attempt = 1;
    loop {
        let scratch = bind(local(0))?;
        let port = scratch.local_addr()?.port();
        // Two sockets share a port as long as neither listens; elsewhere than on Unix they do not.
        let scratch = cfg!(unix).then_some(scratch);
        let listener = bind(local(port)).and_then(|socket| {
            drop(scratch);
            socket.listen(BACKLOG)
        });
        match listener {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Binds a socket that does not listen yet.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    #[cfg(unix)]
    if address.is_ipv6() && address.ip().is_unspecified() {
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // On Windows this option would let others take the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address)
    }

    #[tokio::test]
    async fn a_holder_refuses_and_keeps_the_port() {
        let listener = listen_on_free_port().unwrap();
        let address = listener.local_addr().unwrap();
        let live = connect(address).unwrap();
        let listener = listener.into_std().unwrap();
        let accepted = drain(&listener);
        assert_eq!(accepted.len(), 1);
        let holder = hold::Refusal::begin(listener).unwrap();
        assert_eq!(connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let listener = holder.end().unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        let _second = connect(address).unwrap();
        drop((live, accepted));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn while_it_refuses_nobody_else_can_take_the_port() {
        let door = Door::open().unwrap();
        // A live connection shares the port, and must not be in the way of listening again.
        let live = connect(door.address()).unwrap();
        for _ in 0..3 {
            drop(door.turn(Stance::Refuse).unwrap());
            assert_eq!(
                connect(door.address()).unwrap_err().kind(),
                io::ErrorKind::ConnectionRefused
            );
            assert_eq!(
                std::net::TcpListener::bind(door.address()).unwrap_err().kind(),
                io::ErrorKind::AddrInUse
            );
            drop(door.turn(Stance::Accept).unwrap());
            let _accepted = connect(door.address()).unwrap();
        }
        drop(live);
        door.close();
        let _ours = std::net::TcpListener::bind(door.address()).unwrap();
    }
}
