//! The faults that tell nobody, alter bytes, grow, model packets and wait for bytes, on sockets.

mod altering;
mod decisions;
mod hanging;
mod idle;
mod packets;
mod parting;
mod support;
mod triggers;
