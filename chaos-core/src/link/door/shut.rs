//! Refusing connections on Linux: the listening socket is shut down, and listens again later.

use std::io;
use std::net::TcpListener;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{Shutdown, listen, shutdown};

use super::BACKLOG;

/// A listener that is shut down. It keeps its port.
#[derive(Debug)]
pub(in crate::link) struct Refusal {
    listener: TcpListener,
}

impl Refusal {
    pub(super) fn begin(listener: TcpListener) -> io::Result<Self> {
        // With the option set, another socket that has it too could take the port meanwhile.
        set_socket_reuseaddr(&listener, false)?;
        shutdown(&listener, Shutdown::Read)?;
        Ok(Self { listener })
    }

    pub(super) fn end(self) -> io::Result<tokio::net::TcpListener> {
        // Without the option, connections that are still open would keep it from listening.
        set_socket_reuseaddr(&self.listener, true)?;
        listen(&self.listener, BACKLOG.try_into().unwrap_or(i32::MAX))?;
        // Registered anew: the runtime takes a socket that was shut down for closed for ever.
        tokio::net::TcpListener::from_std(self.listener)
    }
}
