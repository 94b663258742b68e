//! What the engine and its driver tell each other of a connection.

use std::time::Duration;

use bytes::Bytes;

use crate::event::FaultId;

/// How one side ended its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// It sends no more (FIN).
    Finish,
    /// It reset the connection (RST).
    Reset,
}

/// The end of a connection by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The fault.
    pub(crate) fault: FaultId,
    /// How both peers are told.
    pub(crate) how: StreamEnd,
}

/// What the driver is to do next in one direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write these bytes, on their own, and say with [`advance`](super::Engine::advance) how many were written.
    Write(Bytes),
    /// End the stream like this, and say so with [`advance_end`](super::Engine::advance_end).
    End(StreamEnd),
    /// Ask again at this time, or when something else happens.
    Wait(Option<Duration>),
    /// End the connection.
    Ended(Ended),
}
