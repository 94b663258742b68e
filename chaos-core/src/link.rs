//! Real connections that pass through the engine, so that faults can be injected into them.
//!
//! A [`Link`] is a listener in front of a service. All links of the process are served by one
//! thread with a runtime of its own, so that a busy system under test cannot starve them.
//!
//! ```text
//!   client ──> door ──> connection ──────────────────────────> upstream
//!              accepts   a task that forwards both directions   dialled per connection
//!              or        · plainly, while no fault has met it
//!              refuses   · through the engine otherwise
//! ```
//!
//! A client that can be given a stream opens its connections with [`Link::connect`] instead, and
//! talks to the upstream itself until a fault meets the connection: see [`LinkStream`].
//!
//! Injecting a fault, and clearing it, changes the list of faults of the link and of each of its
//! connections, and wakes their tasks; it never waits for bytes to move.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::fault::Fault;
use crate::scope::Scope;
use crate::wire::postgres::Trace;

mod admission;
mod buffer;
mod connection;
mod door;
mod finale;
mod forward;
mod injection;
mod network;
mod registration;
mod runtime;
mod socket;
mod stream;
mod target;
mod tcp;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod traffic;
mod upstream;

pub(crate) use self::injection::ActiveFault;
pub use self::injection::Injection;
pub use self::network::{Injections, Network};
pub use self::stream::LinkStream;
pub use self::target::Target;
#[cfg(feature = "toxiproxy")]
pub(crate) use self::tcp::ManagedLink;
use self::tcp::{Rank, TcpLink};
#[cfg(feature = "tls")]
pub use self::tls::{Certificate, CertificateError, TlsError};
#[cfg(feature = "toxiproxy")]
pub(crate) use self::traffic::Traffic;
pub use self::upstream::Upstream;

/// Why a link could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The thread that serves all links could not be started.
    #[error("cannot start the thread that serves links")]
    Start {
        /// The error of the operating system.
        source: io::Error,
    },
    /// No port could be listened on.
    #[error("cannot listen for link `{link}`")]
    Listen {
        /// The name of the link.
        link: String,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// How many tasks the thread that serves all links of this process has: for tests that look for leaks.
#[doc(hidden)]
#[must_use]
pub fn tasks() -> usize {
    runtime::LinkRuntime::get().map_or(0, |runtime| runtime.handle().metrics().num_alive_tasks())
}

/// A listener in front of a service, through which a client reaches it. Clones are the same link.
///
/// The link is closed, with all of its connections, when the last clone is dropped.
///
/// ```
/// use chaos_core::link::Upstream;
/// use chaos_core::prelude::*;
/// use chaos_core::journal::Journal;
/// use chaos_core::scope::Scope;
/// use chaos_core::seed::Seed;
///
/// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let scope = Scope::new(Seed(7), Journal::in_memory());
/// let link = Link::tcp(&scope, "api", Upstream::Tcp(server.local_addr()?))?;
/// let slow = link.inject(latency(50.ms()).may_be_idle());
/// let client = std::net::TcpStream::connect(link.address())?;
/// # drop(client);
/// slow.clear();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Link {
    open: Arc<OpenLink>,
}

/// Closes the link when the last clone is dropped.
#[derive(Debug)]
struct OpenLink {
    tcp: Arc<TcpLink>,
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.tcp.close();
    }
}

/// How many connections a link has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// How many are open.
    pub open: u64,
    /// How many were ever opened. Their ordinals count from 1.
    pub total: u64,
}

impl Link {
    /// Listens on a free port of 127.0.0.1 and forwards every connection to `upstream`.
    ///
    /// Reports know it by this name. If the attempt has a link of the same name already, a number is
    /// added: `name-2`.
    ///
    /// # Errors
    ///
    /// When no port can be listened on, or the thread that serves links cannot be started.
    pub fn tcp(scope: &Scope, name: &str, upstream: Upstream) -> Result<Self, LinkError> {
        let tcp = TcpLink::open(scope, name, upstream, None)?;
        Ok(Self { open: Arc::new(OpenLink { tcp }) })
    }

    /// Like [`tcp`](Self::tcp), to a PostgreSQL server whose messages the link understands, so that
    /// faults can act at them: see [`trigger::message`](crate::trigger::message).
    ///
    /// The messages of connections that are encrypted cannot be read. While a fault that acts at
    /// messages meets a connection that asks for encryption, the link refuses it in the server's
    /// place; a client that insists on it (`sslmode=require`) fails then. Give the link a certificate
    /// for such clients: `Link::terminate_tls`, with the feature `tls`.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn postgres(scope: &Scope, name: &str, upstream: Upstream) -> Result<Self, LinkError> {
        let tcp = TcpLink::open(scope, name, upstream, Some(Trace::default()))?;
        Ok(Self { open: Arc::new(OpenLink { tcp }) })
    }

    /// The name of the link, as reports know it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.open.tcp.name()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.open.tcp.address()
    }

    /// Opens a connection to the upstream through the link without passing its port, for clients
    /// that can be given a stream.
    ///
    /// Nothing stands between the client and the server until a fault meets the connection. It is a
    /// connection like any other of this link: it has the next ordinal, and the same faults.
    ///
    /// ```
    /// use chaos_core::link::Link;
    /// use tokio_postgres::{Client, Config, NoTls};
    ///
    /// async fn open(link: &Link, config: &Config) -> Result<Client, Box<dyn std::error::Error>> {
    ///     let stream = link.connect().await?;
    ///     let (client, connection) = config.connect_raw(stream, NoTls).await?;
    ///     tokio::spawn(connection);
    ///     Ok(client)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) while the link refuses connections;
    /// otherwise the error of the operating system if the upstream cannot be reached. While the link
    /// lets connections hang, so does this.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with input and output enabled, as its sockets do.
    pub async fn connect(&self) -> io::Result<LinkStream> {
        stream::connect(&self.open.tcp, Rank::Counted).await
    }

    /// Opens a connection to send a request to cancel a query on it, as
    /// `CancelToken::cancel_query_raw` does.
    ///
    /// It counts as no connection: it has no ordinal, and faults that choose connections leave it
    /// alone. So do the requests that come through the port of a link that [knows](Self::postgres) them.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// As for [`connect`](Self::connect).
    pub async fn connect_to_cancel(&self) -> io::Result<LinkStream> {
        stream::connect(&self.open.tcp, Rank::Aside).await
    }

    /// How many connections are open, and how many ever were.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.open.tcp.connections()
    }

    /// How many connections came through the port.
    pub(crate) fn through_port(&self) -> Arc<AtomicU64> {
        self.open.tcp.through_port()
    }

    /// What everything in the attempt shares, to which the link belongs.
    pub(crate) fn scope(&self) -> &Scope {
        self.open.tcp.scope()
    }

    /// The messages that pass on all connections, for those who [start](Trace::start) it before the
    /// connections are opened that they want to number; `None` when the protocol is not known.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.open.tcp.trace()
    }

    /// Activates a fault until it is ended: what guards, blocks and schedules are made of.
    pub(crate) fn activate(&self, fault: Fault) -> ActiveFault {
        ActiveFault::new(self.clone(), self.open.tcp.begin(fault))
    }

    /// Ends all faults of the link that are still active.
    pub fn heal(&self) {
        self.open.tcp.heal();
    }
}
