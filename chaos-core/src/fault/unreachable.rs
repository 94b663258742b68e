//! Faults that make a service unreachable without telling anybody, or hard to connect to.

use super::builder::{BlackHole, Hang, Partition, Refuse};
use super::{Fault, FaultKind};

/// Refuses new connections (`ECONNREFUSED`), as a machine does on which nothing listens.
///
/// Open connections go on. When the fault is cleared the same port accepts again.
pub fn refuse() -> Refuse {
    Fault::new(FaultKind::Refuse).into()
}

/// Has new connections hang: they are neither accepted nor refused, as by a machine that is off.
///
/// Open connections go on. When the fault is cleared, connections that were being opened are
/// accepted as soon as their clients try again: a kernel does so after 1 s, 3 s, 7 s and so on.
///
/// This is exact on Linux. Elsewhere a kernel may complete connections on its own; they are open to
/// their clients, and nobody answers on them until the fault is cleared.
pub fn hang() -> Hang {
    Fault::new(FaultKind::Hang).into()
}

/// Swallows all bytes: connections are accepted and stay open, and nothing comes out of them.
///
/// Unlike with [`stall`](super::stall), what was sent meanwhile is lost, the end of the stream (FIN or RST)
/// included. So a connection on which something was lost is reset (RST) when the fault is cleared;
/// one on which nothing was sent goes on.
pub fn black_hole() -> BlackHole {
    Fault::new(FaultKind::BlackHole).into()
}

/// Parts the client from the server: nothing passes, and new connections hang as with [`hang`].
///
/// What is sent meanwhile is held and delivered on healing, because TCP sends it again until it is
/// acknowledged. In one direction only ([`upstream`](Partition::upstream),
/// [`downstream`](Partition::downstream)) the other one goes on, and new connections hang all the
/// same, as opening one needs both.
///
/// Several services become unreachable together with [`Network`](crate::link::Network).
///
/// The kernel tells nobody of connections that hang. A test whose clients only open new ones meanwhile
/// says so with [`may_be_idle`](Partition::may_be_idle).
pub fn partition() -> Partition {
    Fault::new(FaultKind::Partition).into()
}
