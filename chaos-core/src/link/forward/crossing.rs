//! A connection whose packets are broken: both of its sockets stay what they are, and real TCP over
//! a wire of our own is put between them.
//!
//! ```text
//!   before   client ══ Forward ══ server
//!   after    client ══ Forward ══ wire ══ relay ══ server
//! ```
//!
//! The relay is the same task as any connection's, without faults. It ends as the connection does.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Delivered, Forward};
use crate::engine::{Ended, StreamEnd};
use crate::event::{ConnectionEnd, FaultId};
use crate::fault::{FaultKind, PacketEffect};
use crate::link::connection::{Ending, Met, OpenConnection};
use crate::link::finale::Finale;
use crate::link::socket::Socket;
use crate::link::tcp::TcpLink;
use crate::packets::Unavailable;
use crate::packets::wire::{Ends, Flow, Observer, Wire, WireEffect, WireFault};
use crate::scope::FaultRecord;

/// What is between both sockets of a connection whose packets are broken.
#[derive(Debug)]
pub(super) struct Crossing {
    /// The wire, while it is started.
    starting: Option<oneshot::Receiver<Result<Arc<Wire>, Unavailable>>>,
    /// Absent until then, and where the wire could not be had.
    flow: Option<Flow>,
    faults: Vec<WireFault>,
    opening: Option<oneshot::Receiver<io::Result<Ends>>>,
    changing: Option<oneshot::Receiver<()>>,
    witness: Arc<Witness>,
    /// The other half of the connection.
    relay: Option<Arc<OpenConnection>>,
}

/// Counts what happened to packets for their faults.
#[derive(Debug)]
struct Witness {
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
    /// With whether they acted yet.
    records: Mutex<Vec<(Arc<FaultRecord>, bool)>>,
}

impl Forward {
    /// Has these faults act on packets, those of them that do.
    pub(super) fn cross(&mut self, faults: &[Met]) {
        let wanted: Vec<_> = faults.iter().filter_map(on_wire).collect();
        if let Some(crossing) = &mut self.crossing {
            crossing.witness.learn(faults);
            crossing.change(wanted);
            return;
        }
        if wanted.is_empty() {
            return;
        }
        let witness = Arc::new(Witness {
            link: Arc::clone(&self.link),
            connection: Arc::clone(&self.connection),
            records: Mutex::default(),
        });
        witness.learn(faults);
        let mut crossing = Crossing {
            starting: None,
            flow: None,
            faults: wanted,
            opening: None,
            changing: None,
            witness,
            relay: None,
        };
        match Wire::known() {
            Some(Ok(wire)) => crossing.open(&wire),
            Some(Err(error)) => crossing.witness.note_missing(&error),
            // It died. To start another one takes longer than this thread may stand still.
            None => crossing.starting = Some(Wire::replace()),
        }
        self.crossing = Some(crossing);
    }

    /// Ready once the faults act that were asked for.
    pub(super) fn poll_crossing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(crossing) = &mut self.crossing else { return Poll::Ready(()) };
        if let Some(starting) = &mut crossing.starting {
            let Poll::Ready(started) = Pin::new(starting).poll(cx) else { return Poll::Pending };
            crossing.starting = None;
            match started {
                Ok(Ok(wire)) => crossing.open(&wire),
                Ok(Err(error)) => crossing.witness.note_missing(&error),
                Err(error) => crossing.witness.note_missing(&error),
            }
        }
        if let Some(opening) = &mut crossing.opening {
            let Poll::Ready(opened) = Pin::new(opening).poll(cx) else { return Poll::Pending };
            crossing.opening = None;
            let ends = opened.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
            let witness = Arc::clone(&crossing.witness);
            if let Err(error) = ends.and_then(|ends| self.splice(ends)) {
                witness.note_missing(&error);
            }
        }
        let Some(crossing) = &mut self.crossing else { return Poll::Ready(()) };
        if let Some(changing) = &mut crossing.changing {
            // A wire that is gone changes nothing any more, and says so otherwise.
            let Poll::Ready(_) = Pin::new(changing).poll(cx) else { return Poll::Pending };
            crossing.changing = None;
        }
        Poll::Ready(())
    }

    /// Puts the wire between both sockets.
    fn splice(&mut self, ends: Ends) -> io::Result<()> {
        if self.upstream.done && self.downstream.done {
            return Ok(());
        }
        let mut near = Socket::Tcp(TcpStream::from_std(ends.client)?);
        let far = Socket::Tcp(TcpStream::from_std(ends.server)?);
        if self.upstream.done {
            near.finish();
        }
        // The one that is deaf is to be the one that this task knows.
        let was_deaf = self.server.deafness.is_some();
        self.server.hear();
        let server = mem::replace(&mut self.server.socket, near);
        if was_deaf {
            self.server.deafen();
        }
        let half = Arc::new(OpenConnection::new(self.connection.ordinal()));
        let mut relay = Self::new(&self.link, &half, far, server, Delivered::default(), None);
        let runtime = self.link.runtime().clone();
        self.link.runtime().handle().spawn(async move {
            let finale = poll_fn(|cx| relay.poll(cx)).await;
            let (far, server) = relay.into_sockets();
            finale.close(far, Some(server), &runtime).await;
        });
        if let Some(crossing) = &mut self.crossing {
            crossing.relay = Some(half);
        }
        Ok(())
    }
}

impl Crossing {
    /// Asks for a pair of sockets that are connected over this wire.
    fn open(&mut self, wire: &Arc<Wire>) {
        let observer: Arc<dyn Observer> = Arc::<Witness>::clone(&self.witness);
        let (flow, opening) = wire.open(self.faults.clone(), observer);
        (self.flow, self.opening) = (Some(flow), Some(opening));
    }

    fn change(&mut self, wanted: Vec<WireFault>) {
        if wanted == self.faults {
            return;
        }
        self.faults.clone_from(&wanted);
        self.changing = self.flow.as_mut().map(|flow| flow.change(wanted));
    }

    /// Ends the other half of the connection as this one ends.
    pub(super) fn end_like(&self, finale: &Finale) {
        let Some(relay) = &self.relay else { return };
        let fault = finale.fault.unwrap_or(FaultId(0));
        match finale.how {
            // It is told by its sockets.
            ConnectionEnd::Closed => {}
            ConnectionEnd::Cut => {
                relay.end(Ending::Fault(Ended { fault, how: StreamEnd::Finish }));
            }
            ConnectionEnd::LinkClosed => relay.close(),
            ConnectionEnd::Reset
            | ConnectionEnd::ResetByClient
            | ConnectionEnd::ResetByServer
            | ConnectionEnd::Unreachable => {
                relay.end(Ending::Fault(Ended { fault, how: StreamEnd::Reset }));
            }
        }
    }
}

impl Witness {
    fn note_missing(&self, why: &dyn std::error::Error) {
        self.link.note(format!(
            "no packet fault acts on connection {} of link `{}`: {why}",
            self.connection.ordinal(),
            self.link.name()
        ));
    }

    fn learn(&self, faults: &[Met]) {
        let mut records = self.records.lock();
        for met in faults {
            if records.iter().all(|(record, _)| record.id() != met.record.id()) {
                records.push((Arc::clone(&met.record), false));
            }
        }
    }
}

impl Observer for Witness {
    fn hits(&self, fault: FaultId, times: u64) {
        let mut records = self.records.lock();
        if let Some((record, touched)) = records.iter_mut().find(|(record, _)| record.id() == fault)
        {
            record.hit(self.connection.ordinal(), times, !mem::replace(touched, true));
        }
    }

    fn lost(&self) {
        self.link.note(format!(
            "the wire under connection {} of link `{}` is gone: its process ended",
            self.connection.ordinal(),
            self.link.name()
        ));
        let fault = self.records.lock().first().map_or(FaultId(0), |(record, _)| record.id());
        self.connection.end(Ending::Fault(Ended { fault, how: StreamEnd::Reset }));
    }
}

/// The fault as the wire knows it, if it acts on packets.
fn on_wire(met: &Met) -> Option<WireFault> {
    let fault = met.record.fault();
    let effect = match fault.kind {
        FaultKind::KernelPackets { effect, probability } => match effect {
            PacketEffect::Loss => WireEffect::Loss(probability),
            PacketEffect::Duplication => WireEffect::Duplication(probability),
            PacketEffect::Reordering => WireEffect::Reordering(probability),
            PacketEffect::Corruption => WireEffect::Corruption(probability),
        },
        FaultKind::KernelPacketDelay { delay } => WireEffect::Delay(delay),
        _ => return None,
    };
    let (id, directions, seed) = (met.record.id(), fault.directions, met.seed);
    Some(WireFault { id, effect, directions, seed })
}
