//! Links on real sockets: what clients and servers on either side see.

mod faults;
mod forwarding;
mod many;
mod refusing;
mod support;
mod switching;
