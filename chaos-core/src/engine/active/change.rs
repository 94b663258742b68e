//! A fault that is given other numbers while it acts.

use std::sync::Arc;
use std::time::Duration;

use super::super::pace::Pace;
use super::{Active, Share, Sink};
use crate::fault::Fault;

impl Active {
    /// Goes on as this fault, which is of the same kind with other numbers, and counts what passed
    /// so far.
    pub(in crate::engine) fn change(&mut self, now: Duration, fault: &Fault) {
        self.kind = fault.kind.clone();
        self.directions = fault.directions;
        self.tally = Arc::new(self.tally.changed(fault));
        for share in [&mut self.upstream, &mut self.downstream] {
            share.change(now, fault);
        }
        self.sink = match (self.sink, Sink::new(&fault.kind, now)) {
            // What was lost stays lost: the connection cannot be taken back.
            (Some(Sink::UntilReset { since, .. }), Some(Sink::UntilReset { delay, .. })) => {
                Some(Sink::UntilReset { delay, since })
            }
            (_, sink) => sink,
        };
    }
}

impl Share {
    fn change(&mut self, now: Duration, fault: &Fault) {
        let mut pace = Pace::new(&fault.kind, now, now, self.seed);
        if let (Pace::Latency { last: before, .. }, Pace::Latency { last, .. }) =
            (&self.pace, &mut pace)
        {
            // The order is kept.
            *last = *before;
        }
        self.pace = pace;
    }
}
