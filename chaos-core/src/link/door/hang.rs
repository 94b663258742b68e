//! Letting connections hang: the kernel drops what would open one while the queue of those that were
//! completed and not accepted is full. So nobody accepts, the queue is made as short as it can be,
//! and a connection of our own fills it.

use std::io;
use std::net::{TcpListener, TcpStream};

#[cfg(target_os = "linux")]
use std::time::Duration;

use super::drain;

/// How long our own connection may take. On this machine it is there at once, unless the queue is
/// full already.
#[cfg(target_os = "linux")]
const AT_ONCE: Duration = Duration::from_millis(100);

/// How often a client may be faster than our own connection. After that the queue is full of
/// clients, which is as good: their connections are open, and nobody answers on them.
#[cfg(target_os = "linux")]
const ATTEMPTS: u32 = 8;

/// A listener on which connections hang.
#[derive(Debug)]
pub(super) struct Hanging {
    listener: TcpListener,
    /// Our own connection, which nobody accepts.
    filler: Option<TcpStream>,
}

impl Hanging {
    /// Lets connections hang, and returns those that were completed before.
    #[cfg(target_os = "linux")]
    pub(super) fn begin(listener: TcpListener) -> io::Result<(Self, Vec<TcpStream>)> {
        let address = listener.local_addr()?;
        // A queue of length 0 holds one.
        rustix::net::listen(&listener, 0)?;
        let mut completed = Vec::new();
        let mut filler = None;
        for _ in 0..ATTEMPTS {
            completed.extend(drain(&listener));
            filler = TcpStream::connect_timeout(&address, AT_ONCE).ok();
            if filler.is_some() {
                break;
            }
        }
        Ok((Self { listener, filler }, completed))
    }

    /// Lets connections wait unanswered: how a full queue behaves differs from kernel to kernel.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn begin(listener: TcpListener) -> io::Result<(Self, Vec<TcpStream>)> {
        let completed = drain(&listener);
        Ok((Self { listener, filler: None }, completed))
    }

    /// Makes room again. Returns the listener, and the connections that were completed meanwhile.
    pub(super) fn end(self) -> io::Result<(TcpListener, Vec<TcpStream>)> {
        let Self { listener, filler } = self;
        let ours = filler.and_then(|filler| filler.local_addr().ok());
        let mut waiting = drain(&listener);
        waiting.retain(|stream| ours.is_none() || stream.peer_addr().ok() != ours);
        #[cfg(target_os = "linux")]
        rustix::net::listen(&listener, super::BACKLOG.try_into().unwrap_or(i32::MAX))?;
        Ok((listener, waiting))
    }
}
