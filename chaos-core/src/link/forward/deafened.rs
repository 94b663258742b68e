//! Sockets of a connection that no longer hear their peers, while a dead peer is asked for.

use super::{Forward, Peer};
use crate::fault::FaultKind;
use crate::link::connection::Met;

impl Forward {
    /// Makes the sockets deaf if one of these faults asks for it, and has them hear again if none does.
    pub(super) fn turn_deaf(&mut self, faults: &[Met]) {
        let is_dead_peer = |met: &&Met| met.record.fault().kind == FaultKind::DeadPeer;
        let Some(met) = faults.iter().find(is_dead_peer) else {
            self.client.hear();
            self.server.hear();
            return;
        };
        // Both, and whatever came of it.
        let deafened = self.client.deafen() | self.server.deafen();
        let is_first = self.faulted.as_mut().is_some_and(|known| known.touch(met.record.id()));
        if deafened {
            met.record.hit(self.connection.ordinal(), 1, is_first);
        }
    }
}

impl Peer {
    /// Makes the socket deaf, and says whether it was not so before and can be.
    pub(super) fn deafen(&mut self) -> bool {
        if self.deafness.is_some() {
            return false;
        }
        // A socket that is not connected any more has nobody to hear.
        self.deafness = self.socket.deafen().ok().flatten();
        self.deafness.is_some()
    }

    /// Has the socket hear again, if it was made deaf.
    pub(super) fn hear(&mut self) {
        if let Some(deafness) = self.deafness.take() {
            // It fails only for a socket that has nobody to hear.
            self.socket.hear(deafness).ok();
        }
    }
}
