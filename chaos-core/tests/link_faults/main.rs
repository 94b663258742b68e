//! The faults that tell nobody, alter bytes, grow, model packets and wait for bytes, on sockets.
//!
//! Every test runs twice, as those of `link` do: for clients of the port and for those of a stream.

#[path = "../support/client.rs"]
mod client;

mod altering;
#[cfg(target_os = "linux")]
mod dead_peer;
mod decisions;
mod hanging;
mod idle;
mod packets;
mod parting;
mod support;
mod triggers;
