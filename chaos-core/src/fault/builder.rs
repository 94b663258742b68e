//! The builder of each kind of fault, with only the methods that make sense for it.

use std::time::Duration;

use super::{Fault, FaultKind, IdleEnd, Severity, SqlError};
use crate::direction::Directions;
use crate::packets::{self, Unavailable};
use crate::trigger::message::{Request, When};
use crate::trigger::{AfterBytes, Counting, Pattern, Trigger};

/// Declares builders: `Name: capability, ...;` with a sentence for its documentation.
macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident: $($capability:ident),*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[must_use = "a fault does nothing until it is injected"]
        pub struct $name(Fault);

        impl $name {
            $(builders!(@ $capability);)*

            /// Lets the fault end without having touched anything, which otherwise fails the test.
            pub fn may_be_idle(mut self) -> Self {
                self.0.may_be_idle = true;
                self
            }
        }

        impl From<Fault> for $name {
            fn from(fault: Fault) -> Self {
                Self(fault)
            }
        }

        impl From<$name> for Fault {
            fn from(builder: $name) -> Self {
                builder.0
            }
        }
    )*};
    (@ directed) => {
        /// Only from the client to the server.
        pub fn upstream(mut self) -> Self {
            self.0.directions = Directions::Upstream;
            self
        }

        /// Only from the server to the client.
        pub fn downstream(mut self) -> Self {
            self.0.directions = Directions::Downstream;
            self
        }
    };
    (@ triggered) => {
        /// Only on the connections that `trigger` chooses: a probability such as `5.percent()`, or
        /// [`nth`](crate::trigger::nth), [`every_nth`](crate::trigger::every_nth),
        /// [`first`](crate::trigger::first), [`connection`](crate::trigger::connection).
        pub fn on(mut self, trigger: impl Into<Trigger>) -> Self {
            self.0.trigger = trigger.into();
            self
        }
    };
    (@ at_message) => {
        /// Only on the connections that a trigger chooses, such as `5.percent()` or
        /// [`nth`](crate::trigger::nth); or only from a message on, such as
        /// [`commit`](crate::trigger::message::commit). Given twice, once with each, on the chosen
        /// connections from the message on.
        ///
        /// Messages are known on links that know their protocol: a
        /// [`Postgres`](crate::postgres::Postgres), or a [`Link::postgres`](crate::link::Link::postgres).
        pub fn on(mut self, when: impl Into<When>) -> Self {
            match when.into() {
                When::Connections(trigger) => self.0.trigger = trigger,
                When::Message(moment) => self.0.message = Some(Box::new(moment)),
            }
            self
        }
    };
    (@ delayed) => {
        /// Only after this many bytes have passed, both directions together, counted from when the
        /// fault met the connection. A message is torn where the count ends.
        pub fn after_bytes(mut self, bytes: u64) -> Self {
            self.0.after = AfterBytes(bytes);
            self
        }

        /// Only once these bytes have passed on the connection, such as `b"COMMIT"`: the fault
        /// begins at the first byte after them, wherever the stream is torn into chunks.
        ///
        /// They are looked for in each direction by itself, or in one: see
        /// [`seen`](crate::trigger::seen). With [`after_bytes`](Self::after_bytes) as well, bytes are
        /// counted from then on.
        ///
        /// # Panics
        ///
        /// When there are no bytes.
        #[track_caller]
        pub fn when_seen(mut self, pattern: impl Into<Pattern>) -> Self {
            self.0.seen = Some(pattern.into());
            self
        }
    };
    (@ counted) => {
        /// Has all connections of the link count together what this waits for, and begin together:
        /// also those that are idle then. Otherwise each counts for itself.
        ///
        /// Connections that are opened later are concerned from their first byte on. Those that
        /// [`on`](Self::on) leaves out do not count. A link carries out one write after the other,
        /// so the count is exact, however many connections are busy.
        ///
        /// ```
        /// use chaos_core::prelude::*;
        ///
        /// // A server that dies at its third commit, whoever makes it.
        /// let fault = reset().on(commit().nth(3)).per_link();
        /// // A way that is used up after a mebibyte, which all connections share.
        /// let fault = limit(1.mib()).per_link();
        /// ```
        pub fn per_link(mut self) -> Self {
            self.0.counting = Counting::PerLink;
            self
        }
    };
}

builders! {
    /// Built by [`latency`](super::latency()).
    Latency: directed, triggered;
    /// Built by [`bandwidth`](super::bandwidth()).
    Bandwidth: directed, triggered;
    /// Built by [`slice`](super::slice()).
    Slice: directed, triggered;
    /// Built by [`stall`](super::stall()).
    Stall: directed, at_message, delayed, counted;
    /// Built by [`slow_close`](super::slow_close()).
    SlowClose: directed, triggered;
    /// Built by [`limit`](super::limit()).
    Limit: directed, triggered, counted;
    /// Built by [`cut`](super::cut()).
    Cut: at_message, delayed, counted;
    /// Built by [`reset`](super::reset()).
    Reset: at_message, delayed, counted;
    /// Built by [`refuse`](super::refuse()).
    Refuse: ;
    /// Built by [`latency_steps`](super::latency_steps()).
    LatencySteps: directed, triggered;
    /// Built by [`black_hole`](super::black_hole()).
    BlackHole: directed, at_message, delayed, counted;
    /// Built by [`idle_drop`](super::idle_drop()).
    IdleDrop: triggered;
    /// Built by [`partition`](super::partition()).
    Partition: directed;
    /// Built by [`hang`](super::hang()).
    Hang: ;
    /// Built by [`dead_peer`](super::dead_peer()).
    DeadPeer: ;
    /// Built by [`corrupt`](super::corrupt()) and [`corrupt_every`](super::corrupt_every()).
    Corrupt: directed, triggered, delayed, counted;
    /// Built by [`duplicate`](super::duplicate()).
    Duplicate: directed, triggered, delayed, counted;
    /// Built by [`loss`](super::loss()), [`packet_duplication`](super::packet_duplication()),
    /// [`reordering`](super::reordering()) and [`packet_corruption`](super::packet_corruption()).
    Packets: directed, triggered;
    /// Built by [`packet_delay`](super::packet_delay()).
    PacketDelay: directed, triggered;
    /// Built by [`Packets::in_kernel`] and [`PacketDelay::in_kernel`].
    KernelPackets: directed, triggered;
    /// Built by [`error`](super::error()).
    ErrorReply: ;
    /// Built by [`delay_message`](super::delay_message()), [`drop_message`](super::drop_message()),
    /// [`duplicate_message`](super::duplicate_message()) and
    /// [`corrupt_message`](super::corrupt_message()).
    MessageFault: triggered;
}

impl IdleDrop {
    /// Ends the connection (FIN), as a server or a pooler does that closes what is idle.
    pub fn fin(self) -> Self {
        self.ending(IdleEnd::Fin)
    }

    /// Resets the connection (RST), as some firewalls do.
    pub fn reset(self) -> Self {
        self.ending(IdleEnd::Reset)
    }

    fn ending(mut self, how: IdleEnd) -> Self {
        if let FaultKind::IdleDrop { end, .. } = &mut self.0.kind {
            *end = how;
        }
        self
    }
}

impl Packets {
    /// Has it happen to real packets, under the kernel's TCP, instead of modelling what TCP makes of
    /// it.
    ///
    /// What the connection carries then passes through two private networks and a wire between them,
    /// which loses, doubles, delays and damages packets. What becomes of a packet is drawn from the
    /// seed, the link, the connection, the fault, the direction and the number of the packet; in how
    /// many packets TCP sends something is up to the kernel. A direction is that of packets, so an
    /// acknowledgement of what goes downstream goes upstream. A segment that is damaged fails its
    /// checksum; no changed byte reaches anybody.
    ///
    /// A connection that meets such a fault stays on the wire until it ends, also when the fault is
    /// cleared: it costs some 0.1 ms a round trip, and nothing happens to its packets any more.
    /// Connections are made outside of the wire, and put on it before their first byte, so that no
    /// packet of the handshake is concerned.
    ///
    /// It needs Linux, and either the right to make networks or user namespaces. In a test,
    /// `#[chaos_test(requires(packet_faults))]` skips where they are refused.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] with the reason, where the kernel does not allow it.
    ///
    /// # Examples
    ///
    /// ```
    /// use chaos_core::prelude::*;
    ///
    /// async fn lose_packets(pg: &Postgres) -> TestResult {
    ///     let lossy = pg.inject(loss(5.percent()).in_kernel()?.downstream());
    ///     // Now and then the kernel sends something again.
    ///     lossy.clear();
    ///     Ok(())
    /// }
    /// ```
    pub fn in_kernel(self) -> Result<KernelPackets, Unavailable> {
        packets::probe()?;
        let mut fault = self.0;
        if let FaultKind::Packets { effect, probability, .. } = fault.kind {
            fault.kind = FaultKind::KernelPackets { effect, probability };
        }
        Ok(KernelPackets(fault))
    }

    /// Assumes that a packet and its acknowledgement take this long together, instead of 1 ms.
    ///
    /// It does not delay anything else; give the link its [`latency`](super::latency()) as well.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn round_trip(mut self, takes: Duration) -> Self {
        assert!(!takes.is_zero(), "a round trip takes longer than 0s; leave it out for 1ms");
        if let FaultKind::Packets { round_trip, .. } = &mut self.0.kind {
            *round_trip = takes;
        }
        self
    }
}

impl ErrorReply {
    /// Only the requests that a trigger chooses, such as [`commit`](crate::trigger::message::commit);
    /// otherwise every statement.
    pub fn on(mut self, request: impl Into<Request>) -> Self {
        self.0.message = Some(Box::new(request.into().before()));
        self
    }

    /// Only on the connections that a trigger chooses.
    pub fn on_connections(mut self, trigger: impl Into<Trigger>) -> Self {
        self.0.trigger = trigger.into();
        self
    }

    /// How severe the error is, instead of [`Severity::Error`].
    pub fn severity(self, severity: Severity) -> Self {
        self.with(|error| error.severity = severity)
    }

    /// The text of the error.
    pub fn message(self, message: impl Into<String>) -> Self {
        self.with(|error| error.message = message.into())
    }

    /// What is said in detail.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        self.with(|error| error.detail = Some(detail.into()))
    }

    /// What is said to be done about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.with(|error| error.hint = Some(hint.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut SqlError)) -> Self {
        if let FaultKind::Error { error } = &mut self.0.kind {
            change(error);
        }
        self
    }
}

impl PacketDelay {
    /// Has real packets come later, under the kernel's TCP: see [`Packets::in_kernel`].
    ///
    /// Packets with unlike delays overtake each other, and TCP reacts to that.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] with the reason, where the kernel does not allow it.
    pub fn in_kernel(self) -> Result<KernelPackets, Unavailable> {
        packets::probe()?;
        let mut fault = self.0;
        if let FaultKind::PacketDelay { delay } = fault.kind {
            fault.kind = FaultKind::KernelPacketDelay { delay };
        }
        Ok(KernelPackets(fault))
    }
}
