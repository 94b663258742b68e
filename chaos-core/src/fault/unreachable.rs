//! Faults that make a service unreachable without telling anybody, or hard to connect to.

use super::builder::{BlackHole, DeadPeer, Hang, Partition, Refuse};
use super::{Fault, FaultKind};
use crate::packets::{Unavailable, deaf};

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

/// Has nobody acknowledge what is sent, as when a machine loses its power: what `TCP_USER_TIMEOUT` and
/// keepalive are for.
///
/// A service that hangs or is [stalled](super::stall) is still acknowledged by its kernel, so that its
/// client may wait for ever. Here the client's kernel sends again and again, and fails the connection
/// with `ETIMEDOUT` once its `TCP_USER_TIMEOUT` is over, its keepalive probes were not answered, or, if
/// it has neither, after about 15 minutes. The server sees the same of its client. New connections
/// [hang].
///
/// When the fault is cleared, connections on which nobody gave up go on, as soon as the sender tries
/// again; it does so after 200 ms, 400 ms and so on. Where one side gave up, the other one is reset
/// about a second later.
///
/// This is done to real packets, by the kernel: the sockets of the link no longer hear their peers. It
/// needs Linux and, in general, no privilege. A client that uses a stream of the link
/// ([`Link::connect`](crate::link::Link::connect), `pg.pool()`) has no socket of its own whose timeout
/// could fire; to it this is a stall, and the server alone sees a dead peer.
///
/// ```
/// use chaos_core::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if cfg!(not(target_os = "linux")) { return Ok(()) }
/// assert_eq!(Fault::from(dead_peer()?).to_string(), "dead_peer");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Unavailable`] where the kernel does not allow it, with the reason.
pub fn dead_peer() -> Result<DeadPeer, Unavailable> {
    deaf::probe()?;
    Ok(Fault::new(FaultKind::DeadPeer).into())
}
