//! Toxiproxy, both ways: a server that its clients drive, and a client that drives its servers.
//!
//! This needs the cargo feature `toxiproxy`.
//!
//! # A server
//!
//! [`Server`] speaks the HTTP API of [Toxiproxy](https://github.com/Shopify/toxiproxy) 2.12, so that
//! the clients that there are for it, in any language, work unchanged. Each proxy is a link of this
//! library. The program `chaos-toxiproxy` is that server with the flags of the original.
//!
//! ```
//! use chaos_core::seed::Seed;
//! use chaos_core::toxiproxy::Server;
//!
//! let server = Server::options().seed(Seed(42)).start("127.0.0.1:0")?;
//! println!("http://{}/version", server.address());
//! # Ok::<(), chaos_core::toxiproxy::ServerError>(())
//! ```
//!
//! Routes, statuses, bodies, content types and error texts are the original's, and so is how little
//! it minds: unknown attributes are ignored, and any number is taken. What it does is not always:
//!
//! | | Toxiproxy does | ours does |
//! |---|---|---|
//! | a client that sends no more (FIN) | ends the connection; the reply is lost | passes the FIN on; the reply arrives |
//! | the upstream resets a connection | FIN to the client | RST to the client |
//! | the upstream cannot be reached | accepts and ends (FIN) | accepts and resets (RST) |
//! | a slow connection to an upstream | holds up all others of the proxy | holds up itself |
//! | `reset_peer` on a connection that is open | FIN | RST, like on a new one |
//! | `reset_peer` with a toxicity of 0 | RST at the end of connections | nothing |
//! | removing `reset_peer` while it waits | the API waits too | resets at once: the data was lost |
//! | `slicer` of `average_size` 0 or less | ends the whole server | pieces of 1 byte |
//! | `bandwidth` of `rate` 0 | holds everything until it is removed | the same, and so below 0 |
//! | `bandwidth` that is changed | lets go what it holds | holds it at the new rate |
//! | `latency` that is changed | lets go what it holds | holds it by the new latency |
//! | `timeout`: the time | begins anew with all data, and with a change | the same |
//! | `timeout` that is removed | ends all connections (FIN) | ends those that its toxicity chose |
//! | `limit_data` that is changed | counts on | the same; at once if that is enough |
//! | a toxicity | drawn anew whenever a toxic of the connection comes, goes or changes | drawn once for a connection and a toxic; raising it keeps those that were hit |
//! | `-seed` | has no effect | repeats the decisions, per connection of a proxy |
//! | a `latency` or `slow_close` of more than an hour | takes that long | takes an hour |
//! | `slicer` | halves data until it is small enough | cuts piece after piece, drawn evenly from the range |
//! | an API port that is taken | says so and goes on without | says so and ends |
//! | `-runtime-metrics` | the process, and Go's own | the process |
//! | the API | in rare cases hangs while toxics are removed | never waits for a connection |
//!
//! Both count bytes for `/metrics` when a connection ends, give up the port of a proxy that is
//! disabled, and take it again.

mod client;
mod server;
mod toxics;

pub use self::client::{Toxiproxy, ToxiproxyError, ToxiproxyFleet, ToxiproxyProxy};
pub use self::server::{
    InvalidLogLevel, LogLevel, PopulateError, Server, ServerError, ServerOptions,
};
