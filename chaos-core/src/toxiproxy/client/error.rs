//! Why a fault could not be injected into a server of Toxiproxy.

use std::io;

/// Why a server of Toxiproxy could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToxiproxyError {
    /// A text that is no address of a server.
    #[error(
        "{address:?} is no address of a Toxiproxy; write a host and a port, such as `localhost:8474`"
    )]
    InvalidAddress {
        /// The text.
        address: String,
    },
    /// The server did not take a connection, or did not answer on it in time.
    #[error("cannot reach the Toxiproxy at {server}")]
    Unreachable {
        /// Where it should be.
        server: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// What answered does not speak Toxiproxy's API.
    #[error("what answers at {server} is no Toxiproxy: {what}")]
    Protocol {
        /// Where it is.
        server: String,
        /// What it answered.
        what: String,
    },
    /// The server refused.
    #[error("the Toxiproxy at {server} refused with status {status}: {message}")]
    Api {
        /// Where it is.
        server: String,
        /// The status.
        status: u16,
        /// The reason that it gave.
        message: String,
    },
    /// The server has no proxy of this name.
    #[error("the Toxiproxy at {server} has no proxy `{proxy}`; it has {}", named(known))]
    UnknownProxy {
        /// Where it is.
        server: String,
        /// The name.
        proxy: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The proxy is disabled already, and ending the fault would enable it.
    #[error(
        "the proxy `{proxy}` of the Toxiproxy at {server} is disabled already; enable it first, or `reset()` the server"
    )]
    AlreadyDown {
        /// Where it is.
        server: String,
        /// The name.
        proxy: String,
    },
    /// Toxiproxy has no such fault.
    #[error("Toxiproxy cannot do `{fault}`: {because}")]
    Unsupported {
        /// The fault.
        fault: String,
        /// What is missing there, and what to write instead.
        because: String,
    },
    /// Some servers of a fleet failed; what was done on the others was undone.
    #[error("{} of {of} servers of Toxiproxy failed: {}", failed.len(), listed(failed))]
    Fleet {
        /// How many servers there are.
        of: usize,
        /// Why each of those failed that did.
        failed: Vec<ToxiproxyError>,
    },
}

fn named(names: &[String]) -> String {
    match names {
        [] => "none at all".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn listed(errors: &[ToxiproxyError]) -> String {
    let text = |error: &ToxiproxyError| crate::error::with_sources(error);
    errors.iter().map(text).collect::<Vec<_>>().join("; ")
}
