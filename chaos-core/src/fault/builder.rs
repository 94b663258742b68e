//! The builder of each kind of fault, with only the methods that make sense for it.

use super::Fault;
use crate::direction::Directions;
use crate::trigger::{AfterBytes, Trigger};

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
        /// [`first`](crate::trigger::first).
        pub fn on(mut self, trigger: impl Into<Trigger>) -> Self {
            self.0.trigger = trigger.into();
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
    Stall: directed, triggered, delayed;
    /// Built by [`slow_close`](super::slow_close()).
    SlowClose: directed, triggered;
    /// Built by [`limit`](super::limit()).
    Limit: directed, triggered;
    /// Built by [`cut`](super::cut()).
    Cut: triggered, delayed;
    /// Built by [`reset`](super::reset()).
    Reset: triggered, delayed;
    /// Built by [`refuse`](super::refuse()).
    Refuse: ;
}
