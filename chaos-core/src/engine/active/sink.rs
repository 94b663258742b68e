//! Faults that take data off the stream when it comes to them, instead of holding it or letting it
//! pass: what Toxiproxy's `timeout` and `reset_peer` do.
//!
//! They stand in the chain of faults at their place. So what an earlier fault delays comes to them
//! that much later, and nothing comes to those behind them.

use std::time::Duration;

use super::super::{Ended, StreamEnd};
use super::Active;
use crate::direction::Direction;
use crate::fault::FaultKind;
#[cfg(feature = "toxiproxy")]
use crate::fault::{Toxic, millis};

/// What becomes of a connection of which a fault takes the data.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "toxiproxy"), expect(dead_code, reason = "nothing else makes one"))]
pub(in crate::engine) enum Sink {
    /// It ends (FIN) when nothing came for so long, if it is given, and when the fault is cleared.
    UntilSilent {
        after: Option<Duration>,
        /// When something last came.
        since: Duration,
    },
    /// It is reset (RST) so long after something came.
    UntilReset {
        delay: Duration,
        /// When something first came.
        since: Option<Duration>,
    },
}

impl Sink {
    pub(super) fn new(kind: &FaultKind, now: Duration) -> Option<Self> {
        match *kind {
            #[cfg(feature = "toxiproxy")]
            FaultKind::Toxic { does: Toxic::Timeout { timeout } } => {
                let after = (timeout > 0).then(|| millis(timeout));
                Some(Self::UntilSilent { after, since: now })
            }
            #[cfg(feature = "toxiproxy")]
            FaultKind::Toxic { does: Toxic::ResetPeer { timeout } } => {
                Some(Self::UntilReset { delay: millis(timeout), since: None })
            }
            _ => {
                let _ = now;
                None
            }
        }
    }

    /// When it ends the connection, if nothing else happens.
    fn ends_at(&self) -> Option<Duration> {
        match *self {
            Self::UntilSilent { after, since } => after.map(|after| since.saturating_add(after)),
            Self::UntilReset { delay, since } => since.map(|since| since.saturating_add(delay)),
        }
    }

    const fn how(&self) -> StreamEnd {
        match self {
            Self::UntilSilent { .. } => StreamEnd::Finish,
            Self::UntilReset { .. } => StreamEnd::Reset,
        }
    }
}

impl Active {
    /// Whether it takes what comes to it in this direction.
    pub(in crate::engine) fn takes(&self, direction: Direction) -> bool {
        self.sink.is_some() && self.acts(direction)
    }

    /// Takes a piece of the chunk with this number, or the end of the stream.
    pub(in crate::engine) fn take(&mut self, now: Duration, direction: Direction, chunk: u64) {
        match &mut self.sink {
            Some(Sink::UntilSilent { since, .. }) => *since = now,
            Some(Sink::UntilReset { since, .. }) => {
                since.get_or_insert(now);
            }
            None => {}
        }
        self.count(direction, chunk, 1);
    }

    /// When it ends the connection, if nothing more comes to it.
    pub(in crate::engine) fn ends_at(&self) -> Option<Duration> {
        self.sink.as_ref().and_then(Sink::ends_at)
    }

    /// Ends the connection if it is time to.
    pub(in crate::engine) fn end_in_time(&mut self, now: Duration) -> Option<Ended> {
        let how = self.sink.filter(|sink| sink.ends_at().is_some_and(|at| at <= now))?.how();
        Some(self.fire(how))
    }

    /// How the connection has to end when the fault is cleared, if it cannot go on.
    pub(in crate::engine) fn ends_when_cleared(&self) -> Option<StreamEnd> {
        match self.sink {
            Some(Sink::UntilSilent { .. }) => Some(StreamEnd::Finish),
            Some(Sink::UntilReset { since: Some(_), .. }) => Some(StreamEnd::Reset),
            _ => self.is_broken().then_some(StreamEnd::Reset),
        }
    }
}
