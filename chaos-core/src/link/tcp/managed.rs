//! A link whose owner says where it listens, and which numbers its faults have at the moment.

use std::net::SocketAddr;
use std::sync::Arc;

use super::TcpLink;
use crate::fault::Fault;
use crate::link::door::Door;
use crate::link::{LinkError, Traffic, Upstream};
use crate::scope::{FaultRecord, Scope};

/// A link whose owner manages it. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct ManagedLink {
    tcp: Arc<TcpLink>,
}

impl ManagedLink {
    /// Listens at this address. The first connection has the ordinal after `total`, and what
    /// connections move is added to `traffic` when they end. It meets these faults, whose records are
    /// returned in their order.
    pub(crate) fn open(
        scope: &Scope,
        name: &str,
        listen: SocketAddr,
        upstream: Upstream,
        total: u64,
        traffic: &Arc<Traffic>,
        faults: impl Iterator<Item = Fault>,
    ) -> Result<(Self, Vec<Arc<FaultRecord>>), LinkError> {
        let door = || Door::open_at(listen);
        let tcp =
            TcpLink::open_with(scope, name, upstream, None, door, total, Arc::clone(traffic))?;
        let records = faults.map(|fault| tcp.begin(fault)).collect();
        tcp.accept();
        Ok((Self { tcp }, records))
    }

    /// Where it really listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tcp.address()
    }

    /// How many connections were ever opened, those of earlier lives included.
    pub(crate) fn total(&self) -> u64 {
        self.tcp.connections().total
    }

    /// Makes a fault act on all open connections and on those to come.
    pub(crate) fn begin(&self, fault: Fault) -> Arc<FaultRecord> {
        self.tcp.begin(fault)
    }

    /// Gives a fault other numbers; it goes on in the record that is returned.
    pub(crate) fn change(&self, record: &Arc<FaultRecord>, fault: Fault) -> Arc<FaultRecord> {
        self.tcp.change(record, fault)
    }

    /// Ends a fault.
    pub(crate) fn end(&self, record: &Arc<FaultRecord>) {
        self.tcp.end(record);
    }
}

impl Drop for ManagedLink {
    fn drop(&mut self) {
        self.tcp.close();
    }
}
