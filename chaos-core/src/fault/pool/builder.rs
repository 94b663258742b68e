//! The functions that build faults of pools, and what they return.

use super::{Poison, PoolFault, PoolFaultKind};
use crate::delay::IntoDelay;
use crate::trigger::Trigger;

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident $(: $capability:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[must_use = "a fault does nothing until it is injected: `pool.sabotage(..).await?`"]
        pub struct $name(PoolFault);

        impl $name {
            $(builders!(@ $capability);)?

            /// Lets the fault end without having touched anything, which otherwise fails the test.
            pub fn may_be_idle(mut self) -> Self {
                self.0.may_be_idle = true;
                self
            }
        }

        impl From<PoolFaultKind> for $name {
            fn from(kind: PoolFaultKind) -> Self {
                Self(PoolFault::new(kind))
            }
        }

        impl From<$name> for PoolFault {
            fn from(builder: $name) -> Self {
                builder.0
            }
        }
    )*};
    (@ triggered) => {
        /// Only with those that `trigger` chooses: a probability such as `5.percent()`, or
        /// [`nth`](crate::trigger::nth), [`every_nth`](crate::trigger::every_nth),
        /// [`first`](crate::trigger::first).
        pub fn on(mut self, trigger: impl Into<Trigger>) -> Self {
            self.0.trigger = trigger.into();
            self
        }
    };
}

builders! {
    /// Built by [`exhaust`].
    Exhaust;
    /// Built by [`slow_checkout`].
    SlowCheckout: triggered;
    /// Built by [`fail_checkout`].
    FailCheckout;
    /// Built by [`slow_connect`].
    SlowConnect: triggered;
    /// Built by [`fail_connect`].
    FailConnect: triggered;
    /// Built by [`die_at_recycle`].
    DieAtRecycle: triggered;
    /// Built by [`hand_out_dead`].
    HandOutDead: triggered;
    /// Built by [`poison`].
    Poisoned: triggered;
}

impl Exhaust {
    /// Leaves so many connections to others.
    pub fn leaving(mut self, count: usize) -> Self {
        if let PoolFaultKind::Exhaust { leaving } = &mut self.0.kind {
            *leaving = count;
        }
        self
    }
}

/// Holds every connection of the pool, as a herd of slow callers would.
///
/// The connections are real and open. Those that are in use when it begins are taken as soon as they
/// come back, in turn with others who wait. Callers then wait, and fail after the `wait` timeout of
/// the pool (5 s for the pools of [`Postgres`](crate::postgres::Postgres)). Callers that wait are
/// what is counted; they are looked for every 10 ms, so two that wait one after the other may be
/// taken for one.
pub fn exhaust() -> Exhaust {
    PoolFaultKind::Exhaust { leaving: 0 }.into()
}

/// Hands connections out later. No timeout of the pool covers it, so that callers without one of
/// their own wait for as long as it takes.
pub fn slow_checkout(delay: impl IntoDelay) -> SlowCheckout {
    PoolFaultKind::SlowCheckout { delay: delay.into_delay() }.into()
}

/// Hands no connection out: idle ones are closed, and no other one can be opened (connection
/// refused), so that callers fail with `PoolError::Backend`.
pub fn fail_checkout() -> FailCheckout {
    PoolFaultKind::FailCheckout.into()
}

/// Opens connections later. The `create` timeout of the pool covers it (5 s for the pools of
/// [`Postgres`](crate::postgres::Postgres)).
pub fn slow_connect(delay: impl IntoDelay) -> SlowConnect {
    PoolFaultKind::SlowConnect { delay: delay.into_delay() }.into()
}

/// Opens no connection (connection refused), so that callers for whom there is no idle one fail with
/// `PoolError::Backend`.
pub fn fail_connect() -> FailConnect {
    PoolFaultKind::FailConnect.into()
}

/// Finds idle connections unusable when they are to be used again: they are closed, and the caller
/// waits until another one has been opened.
pub fn die_at_recycle() -> DieAtRecycle {
    PoolFaultKind::DieAtRecycle.into()
}

/// Ends the session on the server after the pool has looked at the connection, and hands it out: the
/// caller's first statement fails, and nobody can know whether it took effect.
pub fn hand_out_dead() -> HandOutDead {
    PoolFaultKind::HandOutDead.into()
}

/// Hands out connections with something wrong, as their last holder would have left them.
///
/// A connection is made well again when it is next taken after the fault has ended; whoever has it
/// at the end of the fault keeps it as it is. What is left open on such a connection fails no test.
///
/// ```no_run
/// # use chaos_core::prelude::*;
/// # async fn example(pg: Postgres) -> TestResult {
/// let pool = pg.chaos_pool(4)?;
/// let poisoned = pool.sabotage(poison(Poison::SearchPath).on(every_nth(3))).await?;
/// // Every third checkout has an empty search path. What does the service make of it?
/// poisoned.clear().await?;
/// # Ok(())
/// # }
/// ```
pub fn poison(with: Poison) -> Poisoned {
    PoolFaultKind::Poison { with }.into()
}
