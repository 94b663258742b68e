//! A port that stays a server's while the server is down.

use std::net::{Ipv4Addr, SocketAddr};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

use crate::postgres::error::PostgresError;

/// A port of 127.0.0.1 that nobody else is given.
///
/// On Linux a socket is bound to it that does not listen: the server, which may use an address
/// again, can listen there, and whoever asks for any free port gets another one. Elsewhere the port
/// was free a moment ago.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) port: u16,
    #[cfg(target_os = "linux")]
    _socket: OwnedFd,
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Reservation {
    /// Reserves a port that is free.
    #[cfg(target_os = "linux")]
    pub(super) fn of_free_port() -> Result<Self, PostgresError> {
        use rustix::net::{
            AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
        };
        let reserve = || -> std::io::Result<Self> {
            let socket =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &ANY)?;
            let port = SocketAddr::try_from(getsockname(&socket)?)?.port();
            Ok(Self { port, _socket: socket })
        };
        reserve().map_err(PostgresError::io("find a free port"))
    }

    /// Finds a port that is free.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of_free_port() -> Result<Self, PostgresError> {
        let free = std::net::TcpListener::bind(ANY).and_then(|free| free.local_addr());
        Ok(Self { port: free.map_err(PostgresError::io("find a free port"))?.port() })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_can_be_listened_on_and_refuses_while_nobody_does() {
        let reservation = Reservation::of_free_port().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, reservation.port));
        assert!(TcpStream::connect(address).is_err());
        // The standard library, too, lets an address be used again.
        let listener = TcpListener::bind(address).unwrap();
        TcpStream::connect(address).unwrap();
        drop(listener);
        let others: Vec<_> = (0..200).map(|_| TcpListener::bind(ANY).unwrap()).collect();
        assert!(others.iter().all(|other| other.local_addr().unwrap() != address));
    }
}
