//! What a link leads to.

use std::fmt;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstream {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A host by its name and a port, `redis:6379`, looked up anew for each connection.
    Host(String),
    /// A unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Host(name) => f.write_str(name),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
