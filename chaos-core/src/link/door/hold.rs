//! Refusing connections where a listener cannot be shut down: it is closed, and a socket that is
//! bound to its port, but does not listen, keeps the port.

use std::io;
use std::net::TcpListener;

use tokio::net::TcpSocket;

use super::{BACKLOG, bind};

/// A socket that keeps the port.
#[derive(Debug)]
pub(in crate::link) struct Refusal {
    holder: TcpSocket,
}

impl Refusal {
    pub(super) fn begin(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        drop(listener);
        Ok(Self { holder: bind(address)? })
    }

    pub(super) fn end(self) -> io::Result<tokio::net::TcpListener> {
        self.holder.listen(BACKLOG)
    }
}
