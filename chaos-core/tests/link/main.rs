//! Links on real sockets: what clients and servers on either side see.
//!
//! Every test runs twice: with clients that connect to the port of the link, and with clients that
//! open a stream through it. What is the same for both is tested with the same lines.

#[path = "../support/client.rs"]
mod client;

mod defects;
mod faults;
mod forwarding;
mod many;
mod refusing;
mod stream;
mod support;
mod switching;
