//! TLS between a client of PostgreSQL and the port of a link, which speaks plainly to the server.
//!
//! The engine stands between both, so it reads messages of clients that insist on encryption:
//!
//! ```text
//!   client ══ TLS ══ Secured ── messages ── Forward ── messages ── server
//!                    (a Socket)             engine
//! ```
//!
//! Faults that end or deafen a connection act on the TCP socket below TLS.

use std::io;

mod certificate;
mod greeting;
mod secured;

pub use self::certificate::{Certificate, CertificateError};
pub(super) use self::greeting::greet;
pub(super) use self::secured::Secured;
use super::Link;

/// Why a link cannot speak TLS in the server's place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// How TLS begins depends on the protocol, and the link knows none.
    #[error(
        "link `{link}` does not know what protocol is spoken and cannot tell where TLS begins; for \
         PostgreSQL open it with `Link::postgres`"
    )]
    UnknownProtocol {
        /// The name of the link.
        link: String,
    },
}

/// With the feature `tls`.
impl Link {
    /// Speaks TLS in the server's place to clients that ask for it, from the next connection to its
    /// port on, and plainly to the server. So faults act at the messages of clients that insist on
    /// encryption (`sslmode=require`, `verify-ca`, `verify-full`); those that do not ask for it are
    /// served as before, and so are the streams of [`connect`](Self::connect).
    ///
    /// TLS 1.2 and 1.3 are spoken, after an `SSLRequest` or at once (`sslnegotiation=direct`, which
    /// takes the ALPN protocol `postgresql`). No certificate is asked of clients. A handshake is no
    /// matter of faults, and is over before a connection counts; the journal says which one failed
    /// and why. A fault that cuts or resets a connection does so below TLS, without its goodbye.
    ///
    /// SCRAM cannot bind a password to a channel that ends here: the server, which sees no TLS, does
    /// not offer `SCRAM-SHA-256-PLUS`. Clients go on with `SCRAM-SHA-256`, except those that insist
    /// (`channel_binding=require`).
    ///
    /// ```
    /// use chaos_core::link::{Certificate, Link};
    ///
    /// fn prepare(link: &Link) -> Result<(), Box<dyn std::error::Error>> {
    ///     let chain = std::fs::read("tests/server.crt")?;
    ///     let key = std::fs::read("tests/server.key")?;
    ///     link.terminate_tls(&Certificate::from_pem(&chain, &key)?)?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TlsError::UnknownProtocol`] at a link that is not to a PostgreSQL server.
    pub fn terminate_tls(&self, certificate: &Certificate) -> Result<(), TlsError> {
        if !self.open.tcp.reads_messages() {
            return Err(TlsError::UnknownProtocol { link: self.name().to_owned() });
        }
        self.show(certificate);
        Ok(())
    }

    /// The same at a link that is known to be to a PostgreSQL server.
    pub(crate) fn show(&self, certificate: &Certificate) {
        self.open.tcp.show(certificate);
    }
}

/// An error of a client, in the words of the journal.
fn refused(words: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}
